"""The journal of the books: what a settling changes of what was already booked, summed up by runs of intervals."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.books.ledger import INTERVAL, Intervals
from analytics.books.rules import quality_of, rule_of
from schema.batch import Batch
from schema.series import Quality, SeriesKey
from store.registry.journal import Entry

Cause = Literal["readings", "declaration", "history", "version"]
"""Late or corrected readings; a declared change; such readings in the weeks that taught a gap's habit; new rules."""


class Difference(NamedTuple):
    """What is to be written, and what of it was booked before."""

    write: NDArray[np.bool_]
    revisions: list[Entry]


def compare(
    key: SeriesKey, booked: Batch, settled: Intervals, marks: NDArray[np.uint8], cause: tuple[Cause, int, int]
) -> Difference:
    """The settled intervals of a register that differ from its booked ones (its rows, in order, from the first on).

    What was partial was not yet booked, nor was the newest interval of all: growing is no change.
    """
    if not len(booked):
        return Difference(np.ones(len(settled.start), np.bool_), [])
    place = np.minimum(np.searchsorted(booked.time, settled.start), len(booked) - 1)
    known = booked.time[place] == settled.start
    differs = known & ((booked.value[place] != settled.value) | (booked.quality[place] != marks))
    closed = (quality_of(booked.quality[place]) != Quality.PARTIAL) & (place < len(booked) - 1)
    revisions = []
    for run in _runs(settled.start, differs & closed):
        old = _side(booked.value[place[run]], booked.quality[place[run]])
        new = _side(settled.value[run], marks[run])
        begin, end = int(settled.start[run[0]]), int(settled.start[run[-1]]) + INTERVAL
        revisions.append(Entry(key, begin, end, len(run), old, new, *cause))
    return Difference(differs | ~known, revisions)


def _side(value: NDArray[np.float64], mark: NDArray[np.uint8]) -> tuple[float, int, int]:
    return float(value.sum()), int(quality_of(mark).max()), int(rule_of(mark).max())


def _runs(start: NDArray[np.int64], chosen: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """The chosen rows, split where they do not follow one another."""
    rows = np.flatnonzero(chosen)
    if len(rows):
        yield from np.split(rows, np.flatnonzero(np.diff(start[rows]) != INTERVAL) + 1)
