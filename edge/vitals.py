"""The agent's own health, as readings: what waits, what was given up, who is in trouble, and how the box does."""

import ctypes
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge.health import Health
from schema.instant import SECOND
from schema.reading import Reading

_UNSYNCHRONISED = 0x0040
_TIME_ERROR = 5
_MEGABYTE = 1e6


class Watched(Protocol):
    """What of an agent is looked at."""

    @property
    def backlog(self) -> tuple[int, int]:
        """Messages that wait, and messages ever dropped."""
        ...

    @property
    def oldest(self) -> int | None:
        """When the oldest message that waits was stored."""
        ...

    @property
    def health(self) -> Sequence[Health]:
        """The health of every device."""
        ...


class Vitals:
    """A Driver of the device that the agent `name` itself is; `folder` is where its outbox is."""

    def __init__(self, name: str, agent: Watched, folder: Path) -> None:
        self._name = name
        self._agent = agent
        self._folder = folder
        self._spent = time.process_time(), time.monotonic()

    async def read(self, now: int) -> list[Reading]:
        """The readings of instant `now`; what the machine does not tell is left out."""
        pending, dropped = self._agent.backlog
        oldest = self._agent.oldest
        health = self._agent.health
        values = [
            ("pending", float(pending), "count"),
            ("dropped", float(dropped), "count"),
            ("oldest", 0.0 if oldest is None else max(now - oldest, 0) / SECOND, "s"),
            ("troubled", float(sum(each.told is not None for each in health)), "count"),
            ("failures", float(sum(each.failures for each in health)), "count"),
            ("disk_free", shutil.disk_usage(self._folder).free / _MEGABYTE, "MB"),
            ("cpu", self._cpu(), "/"),
        ]
        if (memory := _memory()) is not None:
            values.append(("memory", memory / _MEGABYTE, "MB"))
        if (error := _clock_error()) is not None:
            values.append(("clock_error", error, "s"))
        return [Reading(self._name, point, now, value, unit) for point, value, unit in values]

    def _cpu(self) -> float:
        """The share of one core used since the last reading."""
        spent, at = self._spent
        self._spent = time.process_time(), time.monotonic()
        return (self._spent[0] - spent) / max(self._spent[1] - at, 1e-3)


def _memory() -> int | None:
    """Bytes of memory this process has in use."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGESIZE")


class _Timex(ctypes.Structure):
    # The beginning of struct timex (adjtimex(2)), and room for the rest.
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def _clock_error() -> float | None:
    """Seconds the clock may be off by, as the kernel knows; None while nothing disciplines it."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    told = _Timex()
    state = adjtimex(ctypes.byref(told))
    if state < 0 or state == _TIME_ERROR or told.status & _UNSYNCHRONISED:
        return None
    return float(told.maxerror) / SECOND
