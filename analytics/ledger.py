"""The register ledger: cumulative registers in, 15-minute consumption out, a pure function of the readings.

A register is a staircase seen at irregular instants. Between two readings the consumption is their difference, spread
evenly over the time between; an interval is the sum of the pieces that fall into it, added in time order, so that the
same readings give the same books to the last bit, in whatever order and grouping they came.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schema.instant import HOUR, MINUTE
from schema.series import Quality

INTERVAL = 15 * MINUTE
GAP = 2 * HOUR
"""Readings further apart than this give estimates: the even spread between them is then our guess."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Consumption in [start, start + 15 min): struct of arrays; an interval nothing is known of has no row."""

    start: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]

    @classmethod
    def none(cls) -> Self:
        """Nothing is known."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint8))


def floor(time: int) -> int:
    """The start of the interval an instant lies in; every zone's offset is a multiple of 15 minutes."""
    return time - time % INTERVAL


def ceil(time: int) -> int:
    """The first interval start at or after an instant."""
    return -floor(-time)


def differences(value: NDArray[np.float64], width: float | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What a register counted between readings, and where it was reset (nothing is counted there).

    A register rolled over when it fell from the last tenth of its width to the first; any other fall is a reset.
    """
    delta = np.diff(value)
    fell = delta < 0
    rolled = np.zeros_like(fell)
    if width is not None:
        rolled = fell & (value[:-1] > 0.9 * width) & (value[:-1] <= width) & (value[1:] < 0.1 * width)
        delta = np.where(rolled, delta + width, delta)
    reset = fell & ~rolled
    return np.where(reset, 0.0, delta), reset


def settle(time: NDArray[np.int64], value: NDArray[np.float64], width: float | None, start: int, end: int) -> Intervals:
    """The intervals in [start, end) that these readings (ascending, at least one beyond either end) speak of."""
    if len(time) < 2:
        return Intervals.none()
    delta, reset = differences(value, width)
    span = np.diff(time)
    estimated = reset | (span > GAP)
    low, high = max(start, int(time[0])), min(end, int(time[-1]))
    edges = np.arange(ceil(low), high, INTERVAL, dtype=np.int64)
    inside = time[(time > low) & (time < high)]
    cut = np.unique(np.concatenate([edges, inside, np.array([low, high], np.int64)]))
    if len(cut) < 2:
        return Intervals.none()
    piece = np.diff(cut)
    segment = np.searchsorted(time, cut[:-1], side="right") - 1
    slot = (cut[:-1] - floor(low)) // INTERVAL
    slots = int(slot[-1]) + 1
    # bincount adds in order, one by one: unlike a cumulative sum, no interval depends on where the window began.
    total: NDArray[np.float64] = np.bincount(slot, delta[segment] * (piece / span[segment]), slots).astype(np.float64)
    covered = np.bincount(slot, piece, slots)
    guessed = np.bincount(slot, estimated[segment], slots) > 0
    quality = np.where(covered < INTERVAL, Quality.PARTIAL, Quality.MEASURED)
    quality = np.where(guessed, Quality.ESTIMATED, quality).astype(np.uint8)
    starts = floor(low) + INTERVAL * np.arange(slots, dtype=np.int64)
    return Intervals(starts, total, quality)
