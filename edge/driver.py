"""Drivers: what reads a device, and the schedule that asks it, aligned to the wall clock."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from schema.instant import SECOND, Clock
from schema.reading import Reading

log = logging.getLogger(__name__)


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


async def poll(
    name: str, driver: Driver, interval: float, record: Callable[[Sequence[Reading]], object], clock: Clock
) -> None:
    """Read a driver for ever at whole multiples of `interval` seconds, giving it at most that long to answer.

    A failure is logged once and its recovery once; a slow answer costs this device its turn and no other anything.
    """
    failing = False
    step = round(interval * SECOND)
    due = clock() // step * step
    while True:
        # A reading that took longer than its turn, or a clock set forward, skips turns; set back, it repeats none.
        due = max(due + step, clock() // step * step)
        await asyncio.sleep(max(due - clock(), 0) / SECOND)
        try:
            async with asyncio.timeout(interval):
                readings = await driver.read(due)
            record(readings)
        except Exception as error:  # noqa: BLE001 - a faulty driver must not end the agent
            if not failing:
                log.warning("%s: cannot be read: %s: %s", name, type(error).__name__, error)
            failing = True
        else:
            if failing:
                log.info("%s: can be read again", name)
            failing = False
