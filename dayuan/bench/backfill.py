"""How long a reading of now waits while an agent catches up after an outage: on a real broker, ingest and InfluxDB."""

import asyncio
import os
import random
import time
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import Progress

from bus.client import Client, Link
from bus.messages import decode_ack
from bus.senml import encode
from bus.topics import Topic
from dayuan.bench.chaos.house import House
from dayuan.bench.chaos.network import Network
from edge.agent import Agent
from edge.outbox import Message, Outbox
from edge.settings import AgentSettings, Device
from schema.instant import DAY, HOUR, SECOND, now
from schema.reading import Reading
from schema.spans import minus
from schema.stream import Acknowledged
from schema.text import Text

_NAME, _SITE, _KIND, _METERS, _STEP = "edge-bench", "bench", "electricity_meter", 200, 15 * SECOND
_AT_ONCE = 10_000
_EVERY = 0.25


def run(messages: int, folder: Path, console: Console) -> dict[str, Any]:
    """Seconds from the record of a live reading to its end-to-end acknowledgement, while `messages` catch up."""
    box = folder / "outbox.db"
    _pile_up(box, messages)
    with Network() as network, House(folder, network, 1, None, random.Random(0)) as house:  # noqa: S311 - unused dice
        return {"messages": messages} | asyncio.run(_catch_up(house.broker, box, messages, console))


def summary(result: dict[str, Any]) -> str:
    """A result for people."""
    return """\
{messages:,} messages caught up in {seconds} s, {messages_per_s:,} a second
{live} readings of the time in between: on the platform's disk after {live_median_s} s (median), {live_max_s} s (most)
""".format(**result).strip()


def _pile_up(path: Path, messages: int) -> None:
    """What meters say every 15 s, a message a reading, until an hour ago."""
    begin = now() - HOUR - min(80 * DAY, messages // _METERS * _STEP)
    outbox = Outbox(path, _NAME, lambda: now() - HOUR, os.urandom)
    for first in range(0, messages, _AT_ONCE):
        outbox.append([_message(at, begin) for at in range(first, min(first + _AT_ONCE, messages))])
    outbox.close()


def _message(at: int, begin: int) -> Message:
    device, slot = f"m-{at % _METERS:03}", at // _METERS
    reading = Reading(device, "energy", begin + slot * _STEP, 0.125 * slot, "kWh")
    return Message(Topic("dayuan", _SITE, "b", _KIND, device, "readings").path(), encode(_SITE, [reading]))


async def _catch_up(broker: str, box: Path, messages: int, console: Console) -> dict[str, Any]:
    settings = AgentSettings(id=_NAME, site=_SITE, broker=broker, outbox=box)
    devices = [
        Device(id=f"m-{at:03}", kind=_KIND, building="b", title=Text(f"电表{at}", f"Meter {at}"), interval=15)
        for at in range(_METERS)
    ]
    recorded: dict[int, float] = {}
    landed: dict[int, float] = {}
    link = Link(url=broker, client_id="watcher", clean_start=True)
    async with Client(link) as client, asyncio.TaskGroup() as group, Agent(settings, now, os.urandom) as agent:
        await client.subscribe([Topic("dayuan", _SITE, "agents", "agent", _NAME, "ack").path()])
        watching = group.create_task(_watch(client, recorded, landed))
        agent.born(*devices)
        seq = messages + len(devices)
        # Ingest is still starting.
        while not agent.progress.acknowledged:  # noqa: ASYNC110 - the agent tells nobody
            await asyncio.sleep(0.01)
        began = time.monotonic()
        with Progress(console=console) as bar:
            task = bar.add_task("catching up", total=messages)
            while agent.progress.pending > _METERS:
                seq += 1
                recorded[seq] = time.monotonic()
                agent.record([Reading("m-000", "power", now(), 1.0, "kW")])
                await asyncio.sleep(_EVERY)
                bar.update(task, completed=agent.progress.acknowledged)
        seconds = time.monotonic() - began
        await agent.drain(30)
        while len(landed) < len(recorded):  # noqa: ASYNC110
            await asyncio.sleep(_EVERY)
        watching.cancel()
    waited = [landed[seq] - at for seq, at in recorded.items() if at < began + seconds]
    return {
        "seconds": round(seconds, 1),
        "messages_per_s": round(messages / seconds),
        "live": len(waited),
        "live_median_s": round(median(waited), 3),
        "live_max_s": round(max(waited), 3),
    }


async def _watch(client: Client, recorded: dict[int, float], landed: dict[int, float]) -> None:
    """Note when the platform first says that it has a message."""
    while True:
        inbox = await client.receive(100)
        instant = time.monotonic()
        ack = decode_ack(inbox.payloads[-1])
        for seq in recorded.keys() - landed.keys():
            if _has(ack, seq):
                landed[seq] = instant
        client.acknowledge(inbox)


def _has(ack: Acknowledged, seq: int) -> bool:
    return seq <= max(ack.seq, ack.top) and bool(minus([(seq, seq)], ack.missing))
