"""The habit a long gap is filled by: the mean use of the same type of day and time of day, four weeks before it.

Only intervals that were wholly measured teach, so one gap never shapes another.
"""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from analytics.books.register import INTERVAL
from analytics.calendar import Calendar
from analytics.typical import NEAREST, SLOTS, Grid
from schema.instant import DAY

HISTORY = 28 * DAY
ENOUGH = 7 * SLOTS
"""Measured intervals below which no habit is claimed."""

Shares = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Instants of a gap, from its begin to its end, and the share of its amount by each, 0 to 1."""


def window(begin: int) -> tuple[int, int]:
    """Where the intervals [first, end) begin that teach the habit of a gap."""
    end = begin - begin % INTERVAL
    return end - HISTORY, end


def shares(
    start: NDArray[np.int64], value: NDArray[np.float64], begin: int, end: int, calendar: Calendar
) -> Shares | None:
    """How a gap [begin, end) is filled; None where the history tells nothing.

    `start` and `value` are the measured intervals of its window.
    """
    if len(start) < ENOUGH:
        return None
    first, last = calendar.local(int(start[0])).date(), calendar.local(end).date()
    grid = Grid.of(first, last + timedelta(days=1), calendar.zone)
    types = [calendar.day_type(day) for day in grid.dates]
    names = sorted(set(types))
    kind = np.array([names.index(name) for name in types], np.int64)[grid.day]
    near = np.array(
        [names.index(other) if (other := NEAREST.get(name, name)) in names else row for row, name in enumerate(names)]
    )
    taught = np.searchsorted(grid.start, start)
    own = _means(kind[taught] * SLOTS + grid.slot[taught], value, len(names) * SLOTS)
    every = _means(grid.slot[taught], value, SLOTS)
    places = np.unique(np.concatenate([np.arange(begin - begin % INTERVAL + INTERVAL, end, INTERVAL), [begin, end]]))
    row = np.searchsorted(grid.start, places[:-1], side="right") - 1
    cell, beside, slot = kind[row] * SLOTS + grid.slot[row], near[kind[row]] * SLOTS + grid.slot[row], grid.slot[row]
    usual = np.where(np.isnan(own[beside]), every[slot], own[beside])
    usual = np.where(np.isnan(own[cell]), usual, own[cell]) * (np.diff(places) / INTERVAL)
    reached = np.append(0.0, np.cumsum(usual))
    if not reached[-1] > 0:
        return None
    return places, reached / reached[-1]


def _means(cell: NDArray[np.int64], value: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    count = np.bincount(cell, minlength=size)
    return np.asarray(np.divide(np.bincount(cell, value, size), count, out=np.full(size, np.nan), where=count > 0))
