"""The compound played into an agent: first the history that the platform lacks, then live."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path

import msgspec

from edge.agent import Agent
from edge.settings import Device
from edge.simulation.asked import wanted
from edge.simulation.compound import Compound
from edge.simulation.curve import CADENCE
from edge.simulation.devices import compound_devices
from edge.simulation.faults import Fault, Retrofit
from edge.simulation.span import Span
from edge.simulation.stories import demo_faults, demo_reporting, demo_retrofit
from schema.errors import RetryLater, Stop
from schema.instant import SECOND, Clock, to_datetime, to_micros

_AT_ONCE = 20


class Memory(msgspec.Struct, kw_only=True):
    """What has to outlive a restart: which compound this is, its first day, the demo's day, the last instant played."""

    seed: int
    origin: date
    today: date
    last: int
    faults: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


def recall(
    path: Path,
    seed: int,
    zone: tzinfo,
    now: int,
    backfill_days: int,
    faults: tuple[str, ...] = (),
    kinds: tuple[str, ...] = (),
) -> Memory:
    """The memory in a file, or that of a compound which begins `backfill_days` ago; Stop when it is another one's.

    `faults` and the `kinds` to be drawn are as a person asked for them.
    """
    try:
        memory = msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        today = to_datetime(now).astimezone(zone).date()
        origin = today - timedelta(days=backfill_days)
        return Memory(
            seed=seed, origin=origin, today=today, last=_midnight(origin, zone) - 1, faults=faults, kinds=kinds
        )
    except msgspec.DecodeError as error:
        raise Stop(f"{path} cannot be read ({error}); remove it to begin a new compound") from error
    if memory.seed != seed:
        raise Stop(f"{path} belongs to the compound of --seed {memory.seed}; use that one, or another directory")
    if (memory.faults, memory.kinds) != (faults, kinds):
        raise Stop(f"{path} belongs to a compound with other faults; ask for those again, or use another directory")
    return memory


def remembered(memory: Memory, zone: tzinfo) -> tuple[Compound, tuple[Fault | Retrofit, ...]]:
    """The compound a memory speaks of, and what is built into it: what was asked for, else the demo's stories."""
    today = _midnight(memory.today, zone)
    if memory.faults or memory.kinds:
        span = Span(memory.seed, memory.origin, (memory.today - memory.origin).days + 1, zone)
        asked = wanted(memory.faults, memory.kinds, span, ends=False)
        return Compound(memory.seed, memory.origin, zone, asked), asked
    faults = demo_faults(today)
    retrofit = demo_retrofit(_midnight(demo_reporting(memory.origin, memory.today), zone))
    return Compound(memory.seed, memory.origin, zone, faults, (retrofit,)), (*faults, retrofit)


class Simulation:
    """Plays a compound into an agent, remembering in the file `path` how far it came."""

    def __init__(self, agent: Agent, compound: Compound, memory: Memory, path: Path, interval: float) -> None:
        self._agent = agent
        self._compound = compound
        self._memory = memory
        self._path = path
        self._step = round(interval * SECOND)
        self._devices = compound_devices(interval)

    async def backfill(
        self, now: int, progress: Callable[[int, int], object], wait: Callable[[int], Awaitable[object]] | None = None
    ) -> None:
        """Record what is missing up to `now`, a quarter of an hour apart; `progress` is told instant and readings.

        Each instant is first waited for, with `wait`, if it is to go slower than it can.
        """
        first = (self._memory.last // CADENCE + 1) * CADENCE
        instants = range(first, now + 1, CADENCE)
        if instants:
            history = {"replay": True, "interval": CADENCE / SECOND}
            self._agent.born(*(msgspec.structs.replace(device, **history) for device in self._devices))
        size = 1 if wait else _AT_ONCE
        for at in range(0, len(instants), size):
            chunk = instants[at : at + size]
            await (wait(chunk[0]) if wait else asyncio.sleep(0))
            readings = [reading for time in chunk for reading in self._compound.readings(time)]
            self._agent.record(readings)
            self._reached(chunk[-1])
            progress(chunk[-1], len(readings))

    async def live(self, clock: Clock, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Record for ever, at whole multiples of the interval; after a long sleep of the machine, what was missed."""
        self._agent.born(*self._devices)
        while True:
            due = (max(clock(), self._memory.last) // self._step + 1) * self._step
            await sleep((due - clock()) / SECOND)
            if due - self._memory.last > 2 * CADENCE:
                await self.backfill(due - 1, lambda *_: None)
                self._agent.born(*self._devices)
            names = {device.id for device in self._devices if self._is_due(device, due)}
            self._agent.record([reading for reading in self._compound.readings(due) if reading.device in names])
            self._reached(due)

    def _is_due(self, device: Device, time: int) -> bool:
        return time % round(device.seconds * SECOND) < self._step

    def _reached(self, time: int) -> None:
        """Record the events since the last instant, then remember this one; dying in between repeats, loses nothing."""
        for device, events in self._compound.events(self._memory.last, time).items():
            self._agent.record_event(device, *events)
        self._memory.last = time
        part = self._path.with_suffix(".part")
        try:
            part.write_bytes(msgspec.json.encode(self._memory))
            part.replace(self._path)
        except OSError as error:
            raise RetryLater(f"cannot write {self._path}: {error.strerror}") from error


def paced(
    begin: int, speed: float, clock: Clock, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> Callable[[int], Awaitable[object]]:
    """Waits until history that begins at `begin` has come to an instant, at `speed` of its seconds a second."""
    began = clock()

    async def wait(time: int) -> None:
        await sleep(max(0.0, (time - begin) / speed - (clock() - began)) / SECOND)

    return wait


def _midnight(day: date, zone: tzinfo) -> int:
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=zone))
