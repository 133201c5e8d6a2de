"""The counted load of the chaos run: an agent whose every message is a function of its number, and so can be checked.

`python -m dayuan.bench.chaos.load LOAD` runs one agent in its folder until a file `finish` is there and all it recorded
is acknowledged. How many moments it has recorded is in the file `recorded`: what it was killed in is recorded again.
"""

import asyncio
import logging
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge.agent import Agent
from edge.settings import AgentSettings, Device
from schema.event import Event, Pass
from schema.instant import MINUTE, SECOND, now
from schema.reading import Reading
from schema.text import Text

SITE = "chaos"
EVERY = 10
"""Moments from one event to the next."""
_PATIENCE = 2.0


class Load(msgspec.Struct, frozen=True):
    """Agent `name` records for `meters` meters and a gate, `rate` moments a second, each a minute of the meters' time.

    Moment 0 is at `begin`.
    """

    name: str
    meters: int
    rate: float
    begin: int
    folder: str
    broker: str

    def file(self, name: str) -> Path:
        """A file of its folder."""
        return Path(self.folder) / name

    def recorded(self) -> int:
        """How many moments it has recorded."""
        told = self.file("recorded").read_bytes() if self.file("recorded").exists() else b""
        return int(struct.unpack("<q", told)[0]) if told else 0

    def devices(self) -> list[Device]:
        """Its meters, then its gate."""
        meters = [
            Device(
                id=f"{self.name}-m{at}",
                kind="electricity_meter",
                building="yard",
                title=Text(f"电表{at}", f"Meter {at}"),
                interval=60,
                replay=True,
            )
            for at in range(self.meters)
        ]
        title = Text("大门", "Gate")
        return [*meters, Device(id=f"{self.name}-gate", kind="gate", building="yard", title=title, replay=True)]

    def readings(self, moment: int) -> list[Reading]:
        """What the meters say at a moment: eighths, which floats add up exactly."""
        time = self.begin + moment * MINUTE
        return [reading for at in range(self.meters) for reading in self._meter(at, moment, time)]

    def event(self, moment: int) -> Event | None:
        """What happens at the gate at a moment."""
        if moment % EVERY:
            return None
        time = self.begin + moment * MINUTE
        return Pass(
            id=str(moment), time=time, direction="in", granted=True, passed=True, reason="ok", decided_by="platform"
        )

    def _meter(self, at: int, moment: int, time: int) -> Iterator[Reading]:
        device = f"{self.name}-m{at}"
        yield Reading(device, "energy", time, 2.125 * moment + (37 * moment + 101 * at) % 17 / 8, "kWh")
        yield Reading(device, "power", time, (moment * 7 + at) % 1000 / 8, "kW")


async def run(load: Load) -> None:
    """Record, and send, until told to finish."""
    settings = AgentSettings(
        id=load.name, site=SITE, broker=load.broker, outbox=load.file("outbox.db"), patience=_PATIENCE, window=1000
    )
    moment = load.recorded()
    counter = os.open(load.file("recorded"), os.O_WRONLY | os.O_CREAT, 0o644)
    due = now()
    async with Agent(settings, now, os.urandom) as agent:
        agent.born(*load.devices())
        gate = f"{load.name}-gate"
        while True:
            # At least the one that it may have been killed in.
            agent.record(load.readings(moment))
            event = load.event(moment)
            if event is not None:
                agent.record_event(gate, event)
            moment += 1
            os.pwrite(counter, struct.pack("<q", moment), 0)
            if load.file("finish").exists():
                break
            due = max(due + round(SECOND / load.rate), now() - SECOND)
            await asyncio.sleep(max(0, due - now()) / SECOND)
        await agent.drain(None)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Load)))
