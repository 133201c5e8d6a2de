"""Who has the machine's cores while a run is on: shows what the limit is where more processes bring nothing more."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dayuan.bench.process import cpu_seconds


class Shares:
    """Counts from when it is made: the CPU of the processes of each part, and of the whole machine."""

    def __init__(self, parts: Mapping[str, Sequence[int]]) -> None:
        self._parts = parts
        self._begin = time.monotonic()
        self._spent = self._now()
        self._idle = _idle_seconds()

    def cores(self, **ended: float) -> dict[str, float]:
        """Cores that each part, others and nobody had since then; of parts that `ended`, the CPU seconds are told."""
        passed = time.monotonic() - self._begin
        spent = {part: now - self._spent[part] for part, now in self._now().items()} | ended
        idle = _idle_seconds() - self._idle
        others = passed * (os.cpu_count() or 1) - idle - sum(spent.values())
        return {
            part: round(one / passed, 2) for part, one in {**spent, "others": max(0.0, others), "idle": idle}.items()
        }

    def _now(self) -> dict[str, float]:
        return {part: sum(map(cpu_seconds, pids)) for part, pids in self._parts.items()}


def _idle_seconds() -> float:
    """What all cores together have idled, waiting for disks included."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=6)
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")
