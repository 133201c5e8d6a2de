"""Curves: a quantity through one day, straight between knots, with its exact integral."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from schema.instant import HOUR, MINUTE

CADENCE = 15 * MINUTE
"""The distance between two readings of history, in us."""
KNOT = 5 * MINUTE
"""The distance between two knots, in us."""


@dataclass(frozen=True, slots=True)
class Curve:
    """`values` at `start`, `start + KNOT`, ...; `sums` is the integral up to each, in value hours."""

    start: int
    values: tuple[float, ...]
    sums: tuple[float, ...]

    @classmethod
    def through(cls, start: int, values: Sequence[float]) -> "Curve":
        """The curve through values that stand KNOT apart."""
        steps = ((left + right) / 2 * KNOT / HOUR for left, right in pairwise(values))
        return cls(start, tuple(values), tuple(accumulate(steps, initial=0.0)))

    @property
    def total(self) -> float:
        """The integral over all of it."""
        return self.sums[-1]

    def at(self, time: int) -> float:
        """The value at an instant of its day."""
        left, part = self._place(time)
        return self.values[left] + (self.values[left + 1] - self.values[left]) * part

    def until(self, time: int) -> float:
        """The integral from its start to an instant of its day."""
        left, part = self._place(time)
        rise = (self.values[left + 1] - self.values[left]) * part
        return self.sums[left] + (self.values[left] + rise / 2) * part * KNOT / HOUR

    def _place(self, time: int) -> tuple[int, float]:
        left = min((time - self.start) // KNOT, len(self.values) - 2)
        return left, (time - self.start) / KNOT - left


def passed(times: Sequence[int], time: int) -> int:
    """How many of the sorted instants have come at `time`."""
    return bisect_right(times, time)
