"""Drivers: what reads a device on a schedule aligned to the wall clock, or hears one that speaks by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from edge.health import Health, Unset
from schema.errors import RetryLater
from schema.event import Event
from schema.instant import EARLIEST, SECOND, Clock, to_datetime
from schema.reading import Reading

_ANEW = 10.0


class Driver(Protocol):
    """Reads a device, or several behind one line."""

    async def read(self, now: int) -> Sequence[Reading]:
        """The readings of instant `now`; any error means none this time."""
        ...


@runtime_checkable
class Rolling(Driver, Protocol):
    """A driver that knows the value at which its device's consumption register rolls over."""

    @property
    def width(self) -> float:
        """That value, in the unit of the point."""
        ...


@runtime_checkable
class Doubting(Driver, Protocol):
    """A driver that leaves out what it cannot believe, and says so."""

    @property
    def doubts(self) -> Mapping[str, Exception]:
        """Why points were left out the last time."""
        ...


class Ear(Protocol):
    """Who hears a device that speaks by itself."""

    @property
    def mark(self) -> str:
        """The mark that was last taken, also before a restart; empty at first."""
        ...

    def take(self, said: Sequence[Reading | Event], mark: str | None = None) -> None:
        """Take what the device said; on disk when this returns, and so is the mark. RetryLater takes none of it."""
        ...

    def well(self) -> None:
        """The device can be heard."""
        ...

    def failed(self, error: Exception) -> None:
        """What the device said, or that it said nothing, is no reading."""
        ...


@runtime_checkable
class Speaker(Protocol):
    """A driver of a device that speaks by itself, or that is asked for more than the readings of an instant."""

    async def speak(self, ear: Ear) -> None:
        """Tell the ear what the device says, for ever; after an error that comes out it is begun anew."""
        ...


async def turns(interval: float, clock: Clock) -> AsyncIterator[int]:
    """The whole multiples of `interval` seconds, as they come."""
    step = round(interval * SECOND)
    due = clock() // step * step
    while True:
        # A reading that took longer than its turn, or a clock set forward, skips turns; one set back by less than a
        # turn repeats none, and by more goes on from there.
        began = clock() // step * step
        due = max(due + step, began) if due - began <= step else began + step
        await asyncio.sleep(max(due - clock(), 0) / SECOND)
        yield due


async def poll(
    name: str,
    driver: Driver,
    interval: float,
    record: Callable[[Sequence[Reading]], Awaitable[object] | object],
    clock: Clock,
    health: Health | None = None,
) -> None:
    """Read a driver for ever at whole multiples of `interval` seconds, giving it at most that long to answer.

    A failure is logged once and its recovery once; a slow answer costs this device its turn and no other anything.
    """
    health = health or Health(name)
    async for due in turns(interval, clock):
        try:
            check_clock(due)
            recorded = record(await _read(driver, due, interval))
            if isinstance(recorded, Awaitable):
                await recorded
        except Exception as error:  # noqa: BLE001 - a faulty driver must not end the agent
            health.failed(error)
        else:
            health.well(driver.doubts if isinstance(driver, Doubting) else {})


async def _read(driver: Driver, due: int, within: float) -> Sequence[Reading]:
    try:
        async with asyncio.timeout(within) as turn:
            return await driver.read(due)
    except TimeoutError as error:
        if turn.expired():
            raise RetryLater(f"no answer within its turn of {within:g} s") from error
        raise


async def hear(speaker: Speaker, ear: Ear) -> None:
    """Hear a speaker for ever, begun anew a while after it failed."""
    while True:
        try:
            await speaker.speak(ear)
        except Exception as error:  # noqa: BLE001 - a faulty driver must not end the agent
            ear.failed(error)
        await asyncio.sleep(_ANEW)


def check_clock(now: int) -> None:
    """Unset while the agent's clock was never set: what it records would be of no time, and what it hears in doubt."""
    if now < EARLIEST:
        raise Unset(f"the agent's own clock says {to_datetime(now):%Y-%m-%d %H:%M}")
