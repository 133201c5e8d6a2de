"""Time-weighted means of gauges: a value counts for as long as it held, not for as often as it was sent.

Worked out when asked for: a gauge's mean by quarter hours would cost every platform a second copy of all of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.books.register import GAP


@dataclass(frozen=True, slots=True)
class Means:
    """Struct of arrays, one row a bucket that something is known of: its start, mean, and the known share of it."""

    start: NDArray[np.int64]
    mean: NDArray[np.float64]
    covered: NDArray[np.float64]


def weighted(
    time: NDArray[np.int64], value: NDArray[np.float64], start: int, end: int, every: int, patience: int = GAP
) -> Means:
    """Means over buckets of `every` us (aligned to 1970 UTC) in [start, end), of readings with one beyond either end.

    Between two readings a gauge moves in a straight line; nothing is known of it where they are over `patience` apart.
    """
    if len(time) < 2:
        return Means(np.empty(0, np.int64), np.empty(0), np.empty(0))
    low, high = max(start, int(time[0])), min(end, int(time[-1]))
    edges = np.arange(low - low % every + every, high, every, dtype=np.int64)
    inside = time[(time > low) & (time < high)]
    cut = np.unique(np.concatenate([edges, inside, np.array([low, high], np.int64)]))
    if low >= high:
        return Means(np.empty(0, np.int64), np.empty(0), np.empty(0))
    segment = np.searchsorted(time, cut[:-1], side="right") - 1
    at = np.interp(cut, time, value)
    known = np.diff(time)[segment] <= patience
    length = np.where(known, np.diff(cut), 0)
    first = low // every
    slot = cut[:-1] // every - first
    slots = int(slot[-1]) + 1
    held = np.bincount(slot, length, slots)
    area = np.bincount(slot, length * (at[1:] + at[:-1]) / 2, slots)
    rows = np.flatnonzero(held)
    return Means((first + rows) * every, area[rows] / held[rows], held[rows] / every)
