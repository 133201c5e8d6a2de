"""Settling: takes the worklist, brings the books of everything it names up to date, and says what is new.

Settling the same work twice gives the same books, so a crash between two steps costs time and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from analytics.books import habit, journal, ledger, rules
from analytics.books.register import INTERVAL, REACH, Change, Register, segments
from analytics.calendar import Calendar
from devices import kinds
from devices.kind import Point
from schema.batch import Batch
from schema.instant import HOUR
from schema.series import Quality, SeriesKey
from store.registry.journal import Entry
from store.registry.worklist import Work
from store.series.port import SeriesStore

MARGIN = REACH + 2
"""Readings beyond either end that it takes to judge those within."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What rules beside the readings: widths of consumption registers by (site, device), where not their kind's;
    declared changes by register; the calendar of each site; and why registers are settled, where not for late readings.
    """

    widths: Mapping[tuple[str, str], float] = field(default_factory=dict)
    changes: Mapping[SeriesKey, tuple[Change, ...]] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    causes: Mapping[SeriesKey, journal.Cause] = field(default_factory=dict)

    def register(self, key: SeriesKey) -> Register:
        """What is known of a register."""
        kind, counter = kinds()[key.kind], _counter(key)
        books = kind.consumption == key.point
        demand = kind.point(kind.demand) if books and kind.demand else None
        width = self.widths.get((key.site, key.device)) if books else None
        own = width or (counter.width if counter else None)
        return Register(own, demand.high if demand else None, self.changes.get(key, ()))

    def calendar(self, site: str) -> Calendar:
        """The calendar of a site, one that is not registered yet taking the usual one."""
        return self.calendars.get(site) or _USUAL


_USUAL = Calendar("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Settled:
    """`rows` are to be written, new or other than booked, quality and rule in one mark; `revisions` tell of the others.

    `told` are all intervals next to the work, also those that stay as they are, with the same marks.
    """

    rows: Batch
    told: Batch
    revisions: list[Entry]


def prepare(store: SeriesStore, work: Sequence[Work], ground: Ground) -> Settled:
    """The intervals of every counter in the work; nothing is written yet."""
    counters = [item for item in work if _counter(item.key) is not None]
    parts = []
    # Series touched up to much the same time, for as long within a factor of 2, are read together: one that is late by
    # days is not to widen all others, nor is each that is late by hours to be read by itself.
    counters.sort(key=_window)
    for _, group in groupby(counters, key=_window):
        parts += _settle_together(store, list(group), ground)
    return Settled(
        Batch.concat(part.rows for part in parts),
        Batch.concat(part.told for part in parts),
        [revision for part in parts for revision in part.revisions],
    )


def _settle_together(store: SeriesStore, work: list[Work], ground: Ground) -> list[Settled]:
    low, high = min(item.low for item in work), max(item.high for item in work)
    near = dict(_by_series(store.read([item.key for item in work], low, high + 1, margin=MARGIN)))
    spans = {item.key: _Span.of(near[item.key], item) for item in work if item.key in near}
    if not spans:
        return []
    start, end = min(span.start for span in spans.values()), max(span.end for span in spans.values())
    keys = [key.intervals() for key in spans]
    booked = dict(_by_series(store.read(keys, start, end + habit.HISTORY + INTERVAL)))
    parts = []
    for key, readings in _by_series(store.read(list(spans), start, end, margin=MARGIN)):
        parts += _settle_series(store, key, readings, booked.get(key.intervals(), Batch.empty()), spans[key], ground)
    return parts


@dataclass(frozen=True, slots=True)
class _Span:
    """The intervals in [start, end) that work may change, those in [first, last) next to it, and its own instants.

    Those in `reach` may change for its `corrected` readings.
    """

    start: int
    end: int
    first: int
    last: int
    low: int
    high: int
    corrected: tuple[int, int] | None
    reach: tuple[int, int]

    @classmethod
    def of(cls, readings: Batch, item: Work) -> Self:
        time, touched = readings.time, (item.low, item.high)
        reach = _around(time, item.corrected, REACH) if item.corrected else (0, 0)
        around = (*_around(time, touched, REACH), *_around(time, touched, 1))
        return cls(*around, *touched, item.corrected, reach)

    def reason(self, cause: journal.Cause) -> journal.Reason:
        """Why the books of the register change."""
        return journal.Reason(cause, self.low, self.high, self.corrected, self.reach)


def _around(time: NDArray[np.int64], touched: tuple[int, int], count: int) -> tuple[int, int]:
    """The intervals [start, end) up to so many readings beyond those of a span."""
    first, last = np.searchsorted(time, touched[0]), np.searchsorted(time, touched[1], side="right") - 1
    low, high = max(0, int(first) - count), min(len(time) - 1, int(last) + count)
    return ledger.floor(int(time[low])), ledger.ceil(int(time[high]))


def _settle_series(
    store: SeriesStore, key: SeriesKey, readings: Batch, booked: Batch, span: _Span, ground: Ground
) -> list[Settled]:
    counted = segments(readings.time, readings.value, ground.register(key))
    fresh = ledger.spread(counted, span.start, span.end)
    shape = _shape(store, key, ground.calendar(key.site), fresh)
    settled = ledger.spread(counted, span.start, span.end, shape) if counted.long().any() else fresh
    parts = [_differing(key, booked, settled, span.reason(ground.causes.get(key, "late")))]
    near = (settled.start >= span.first) & (settled.start < span.last)
    told = _batch(key, settled, rules.marked(settled.quality, settled.rule)).take(near)
    parts[0] = replace(parts[0], told=told)
    return parts + _refill(store, key, booked, span, ground, shape)


def _refill(
    store: SeriesStore, key: SeriesKey, booked: Batch, span: _Span, ground: Ground, shape: ledger.Shape
) -> list[Settled]:
    """The gaps after the span whose habit it may have taught, filled again."""
    filled = booked.time[np.isin(rules.rule_of(booked.quality), rules.GAPS)]
    parts: list[Settled] = []
    until = span.end
    for time in filled.tolist():
        if time < until:
            continue
        until = time + INTERVAL
        for begin, end in _gaps(store, key, time, ground.register(key)):
            if habit.window(begin)[0] >= span.end:
                return parts
            first, last = max(span.end, ledger.floor(begin)), ledger.ceil(end)
            readings = store.read([key], first, last, margin=MARGIN)
            settled = ledger.settle(readings.time, readings.value, ground.register(key), first, last, shape)
            rows = store.read([key.intervals()], first, last + INTERVAL)
            cause: journal.Cause = "version" if ground.causes.get(key) == "version" else "history"
            parts.append(_differing(key, rows, settled, span.reason(cause)))
            until = max(until, last)
    return parts


def _gaps(store: SeriesStore, key: SeriesKey, time: int, register: Register) -> list[tuple[int, int]]:
    """The long gaps [begin, end) in the interval that starts at an instant."""
    readings = store.read([key], time, time + INTERVAL, margin=MARGIN)
    counted = segments(readings.time, readings.value, register)
    touched = counted.long() & (counted.begin < time + INTERVAL) & (counted.end > time)
    return list(zip(counted.begin[touched].tolist(), counted.end[touched].tolist(), strict=True))


def _shape(store: SeriesStore, key: SeriesKey, calendar: Calendar, fresh: ledger.Intervals) -> ledger.Shape:
    """How the gaps of a register are filled: by its booked history, of which `fresh` intervals are the newer part."""

    def shape(begin: int, end: int) -> habit.Shares | None:
        first, last = habit.window(begin)
        booked = store.read([key.intervals()], first, last)
        booked = booked.take(~np.isin(booked.time, fresh.start) & rules.taught(booked.quality))
        sound = (fresh.start >= first) & (fresh.start < last) & (fresh.quality == Quality.MEASURED)
        start = np.concatenate([booked.time, fresh.start[sound]])
        order = np.argsort(start)
        return habit.shares(start[order], np.append(booked.value, fresh.value[sound])[order], begin, end, calendar)

    return shape


def _differing(key: SeriesKey, booked: Batch, settled: ledger.Intervals, reason: journal.Reason) -> Settled:
    marks = rules.marked(settled.quality, settled.rule)
    found = journal.compare(key, booked, settled, marks, reason)
    return Settled(_batch(key, settled, marks).take(found.write), Batch.empty(), found.revisions)


def _batch(key: SeriesKey, settled: ledger.Intervals, quality: NDArray[np.uint8]) -> Batch:
    return Batch.of([key.intervals()], [0] * len(settled.start), settled.start, settled.value, quality)


def _by_series(batch: Batch) -> Iterable[tuple[SeriesKey, Batch]]:
    """The rows of each series; a store answers ordered by series and time."""
    cuts = np.flatnonzero(np.diff(batch.code)) + 1
    bounds = [0, *cuts.tolist(), len(batch)] if len(batch) else []
    for first, last in pairwise(bounds):
        yield batch.keys[batch.code[first]], batch.take(np.arange(first, last))


def _window(item: Work) -> tuple[int, int]:
    return item.high // HOUR, ((item.high - item.low) // HOUR).bit_length()


def _counter(key: SeriesKey) -> Point | None:
    kind = kinds().get(key.kind)
    point = kind.point(key.point) if kind else None
    return point if point and point.kind == "counter" else None
