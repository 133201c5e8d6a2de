"""The register ledger: segments of a register in, 15-minute consumption out, a pure function of the readings.

An interval is the sum of the pieces of the segments that fall into it. A piece is the difference of what its segment
had counted at two instants, on a grid on which sums are exact; so the same readings give the same books to the last
bit, in whatever order, grouping and window they came, and intervals add up to the register's difference exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from analytics.books import rules
from analytics.books.register import GAP, INTERVAL, Register, Segments, on_grid, segments
from schema.series import Quality

__all__ = ["GAP", "INTERVAL", "Intervals", "Shape", "ceil", "floor", "settle", "spread"]

Shape = Callable[[int, int], tuple[NDArray[np.int64], NDArray[np.float64]] | None]
"""Of a gap [begin, end): its interval edges with both ends, and the share of it counted by each, 0 to 1; None: even."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Consumption in [start, start + 15 min): struct of arrays; an interval nothing is known of has no row.

    quality as in schema.series, rule as in analytics.books.rules.
    """

    start: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    rule: NDArray[np.uint8]

    @classmethod
    def none(cls) -> Self:
        """Nothing is known."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint8), np.empty(0, np.uint8))


def floor(time: int) -> int:
    """The start of the interval an instant lies in; every zone's offset is a multiple of 15 minutes."""
    return time - time % INTERVAL


def ceil(time: int) -> int:
    """The first interval start at or after an instant."""
    return -floor(-time)


def settle(
    time: NDArray[np.int64],
    value: NDArray[np.float64],
    register: Register,
    start: int,
    end: int,
    shape: Shape | None = None,
) -> Intervals:
    """The intervals in [start, end) that these readings (ascending, enough of them beyond either end) speak of."""
    return spread(segments(time, value, register), start, end, shape)


def spread(counted: Segments, start: int, end: int, shape: Shape | None = None) -> Intervals:
    """The intervals in [start, end) of these segments."""
    if not len(counted.begin):
        return Intervals.none()
    low, high = max(start, int(counted.begin[0])), min(end, int(counted.end[-1]))
    edges = np.arange(ceil(low), high, INTERVAL, dtype=np.int64)
    inside = counted.begin[(counted.begin > low) & (counted.begin < high)]
    cut = np.unique(np.concatenate([edges, inside, np.array([low, high], np.int64)]))
    if low >= high:
        return Intervals.none()
    segment = np.searchsorted(counted.begin, cut[:-1], side="right") - 1
    span, amount = counted.end - counted.begin, counted.amount[segment]
    upper = on_grid(amount * ((cut[1:] - counted.begin[segment]) / span[segment]))
    lower = on_grid(amount * ((cut[:-1] - counted.begin[segment]) / span[segment]))
    rule = counted.rule.copy()
    for number in np.unique(segment[counted.long()[segment]]).tolist() if shape else ():
        found = shape(int(counted.begin[number]), int(counted.end[number])) if shape else None
        if found is not None:
            places, share = found
            rule[number] = rules.PROFILE
            mine = np.flatnonzero(segment == number)
            upper[mine] = on_grid(counted.amount[number] * share[np.searchsorted(places, cut[1:][mine])])
            lower[mine] = on_grid(counted.amount[number] * share[np.searchsorted(places, cut[:-1][mine])])
    piece = np.diff(cut)
    slot = (cut[:-1] - floor(low)) // INTERVAL
    slots = int(slot[-1]) + 1
    value = np.bincount(slot, upper - lower, slots).astype(np.float64)
    covered = np.bincount(slot, piece, slots)
    worst = np.zeros(slots, np.uint8)
    np.maximum.at(worst, slot, rule[segment])
    guessed = np.bincount(slot, rules.ESTIMATING[rule[segment]], slots) > 0
    quality = np.where(covered < INTERVAL, Quality.PARTIAL, Quality.MEASURED)
    quality = np.where(guessed, Quality.ESTIMATED, quality).astype(np.uint8)
    return Intervals(floor(low) + INTERVAL * np.arange(slots, dtype=np.int64), value, quality, worst)
