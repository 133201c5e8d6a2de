"""The journal of the books: what a settling changes of what was already booked, summed up by runs of intervals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.books.ledger import INTERVAL, Intervals
from analytics.books.rules import GAPS, quality_of, rule_of
from schema.batch import Batch
from schema.series import Quality, SeriesKey
from store.registry.journal import Entry

Cause = Literal["late", "corrected", "gap_closed", "readings", "declaration", "history", "version"]
"""Readings came for a time already booked; in place of others; where there had been none, and a guess was booked.
Late or corrected ones, of a store that cannot tell. A change was declared; readings of the weeks that taught a gap's
habit changed; the rules are new."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a register is settled, and the instants [low, high] of what made it so; within `corrected` values replaced
    others, between the instants `reach` that can show."""

    cause: Cause
    low: int
    high: int
    corrected: tuple[int, int] | None = None
    reach: tuple[int, int] = (0, 0)


class Difference(NamedTuple):
    """What is to be written, and what of it was booked before."""

    write: NDArray[np.bool_]
    revisions: list[Entry]


def compare(key: SeriesKey, booked: Batch, settled: Intervals, marks: NDArray[np.uint8], reason: Reason) -> Difference:
    """The settled intervals of a register that differ from its booked ones (its rows, in order, from the first on).

    What was partial was not yet booked, nor was the newest interval of all: growing is no change.
    """
    if not len(booked):
        return Difference(np.ones(len(settled.start), np.bool_), [])
    place = np.minimum(np.searchsorted(booked.time, settled.start), len(booked) - 1)
    known = booked.time[place] == settled.start
    differs = known & ((booked.value[place] != settled.value) | (booked.quality[place] != marks))
    closed = (quality_of(booked.quality[place]) != Quality.PARTIAL) & (place < len(booked) - 1)
    causes = _causes(settled.start, booked.quality[place], marks, reason)
    revisions = []
    for run in _runs(settled.start, causes, differs & closed):
        old = _side(booked.value[place[run]], booked.quality[place[run]])
        new = _side(settled.value[run], marks[run])
        begin, end = int(settled.start[run[0]]), int(settled.start[run[-1]]) + INTERVAL
        cause: Cause = causes[run[0]]
        low, high = (reason.corrected if cause == "corrected" else None) or (reason.low, reason.high)
        revisions.append(Entry(key, begin, end, len(run), old, new, cause, low, high))
    return Difference(differs | ~known, revisions)


def _causes(
    start: NDArray[np.int64], old: NDArray[np.uint8], new: NDArray[np.uint8], reason: Reason
) -> NDArray[np.object_]:
    """Why each interval would change from one mark to the other."""
    causes = np.full(len(start), reason.cause, object)
    if reason.cause in ("late", "readings"):
        if reason.corrected:
            causes[(start >= reason.reach[0]) & (start < reason.reach[1])] = "corrected"
        causes[np.isin(rule_of(old), GAPS) & (quality_of(new) == Quality.MEASURED)] = "gap_closed"
    return causes


def _side(value: NDArray[np.float64], mark: NDArray[np.uint8]) -> tuple[float, int, int]:
    return float(value.sum()), int(quality_of(mark).max()), int(rule_of(mark).max())


def _runs(
    start: NDArray[np.int64], causes: NDArray[np.object_], chosen: NDArray[np.bool_]
) -> Iterator[NDArray[np.intp]]:
    """The chosen rows, split where they do not follow one another, and where their causes differ."""
    rows = np.flatnonzero(chosen)
    if len(rows):
        apart = (np.diff(start[rows]) != INTERVAL) | (causes[rows[1:]] != causes[rows[:-1]])
        yield from np.split(rows, np.flatnonzero(apart) + 1)
