"""What every detector shares: state as struct of arrays, and the pure update over a columnar batch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import Calendar
from devices import kinds
from devices.kind import Point
from schema.batch import Batch
from schema.finding import Finding
from schema.instant import DAY, HOUR, MINUTE
from schema.series import INTERVAL_SUFFIX, Quality, SeriesKey
from schema.text import Text

ABSURD = 1e15
"""Values beyond this are nobody's measurement; they would only spoil what is learned."""

_LATEST = 200 * 366 * DAY
_DEFAULT = Calendar("Asia/Shanghai")


class Rule(NamedTuple):
    """What a detector finds, in words, and what the duty room should do about it."""

    name: str
    title: Text
    action: Text


@dataclass(frozen=True, slots=True)
class Context:
    """What a detector may know besides the readings: the time, calendars by site, titles by (site, device)."""

    now: int
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    titles: Mapping[tuple[str, str], Text] = field(default_factory=dict)

    def calendar(self, site: str) -> Calendar:
        """The site's calendar; the platform's default where it has none."""
        return self.calendars.get(site, _DEFAULT)

    def where(self, key: SeriesKey) -> Text:
        """What people call the device."""
        return self.titles.get((key.site, key.device), Text(key.device, key.device))

    def when(self, key: SeriesKey, time: int) -> str:
        """An instant as the site's clock shows it."""
        return self.calendar(key.site).local(time).strftime("%Y-%m-%d %H:%M")


class Column(NamedTuple):
    """A column of state: a cell for each series, or `width` of them (shape (width, series)), starting as `start`."""

    dtype: str
    width: int | None = None
    start: float = 0.0


Layout = Mapping[str, Column]
Columns = dict[str, NDArray[Any]]

SHARED: Layout = {
    "first": Column("i8"),
    "last": Column("i8"),
    "since": Column("i8"),
    "told": Column("i8"),
    "grade": Column("i1"),
}
"""first and newest instant seen; begin of the open finding (0: none), the hour and severity it was last told at."""


class Wave(NamedTuple):
    """At most one usable reading of each series: its row in the state, and how long after the one before it came.

    `hour` is the hour of the week; `gap` is 0 for the first reading of a series.
    """

    keys: tuple[SeriesKey, ...]
    row: NDArray[np.intp]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    hour: NDArray[np.int16]
    gap: NDArray[np.int64]


class Detector(Protocol):
    """One file of this package: which series it looks at, what it remembers of each, and one step in time."""

    rule: Rule
    layout: ClassVar[Layout]

    def selects(self, key: SeriesKey) -> bool:
        """Whether it looks at a series."""

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Score a wave, then learn from it, in the given columns; findings as they open, last and end."""


class Seen(NamedTuple):
    """A batch's dictionary of keys, and where each stands in the state (-1: not looked at)."""

    keys: tuple[SeriesKey, ...]
    place: NDArray[np.intp]
    site: NDArray[np.intp]
    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """What a detector remembers: cell i of each column belongs to series `keys[i]`."""

    keys: tuple[SeriesKey, ...] = ()
    columns: Columns = field(default_factory=dict)
    rows: Mapping[SeriesKey, int] = field(default_factory=dict)
    seen: Seen | None = None


def update(detector: Detector, state: State, batch: Batch, context: Context) -> tuple[State, list[Finding]]:
    """The state after a batch, and what was found; the state given stays as it is."""
    mine = {name: cells.copy() for name, cells in state.columns.items()}
    return advance(detector, replace(state, columns=mine), batch, context)


def advance(detector: Detector, state: State, batch: Batch, context: Context) -> tuple[State, list[Finding]]:
    """As `update`, but the state given is used up: for its only owner, who need not copy all for a small batch.

    Readings of a series are taken in time order. Those not later than what it has already seen, from the future,
    without a number or only partly measured are left out.
    """
    state, seen = _admit(detector, state, batch.keys)
    horizon = min(context.now + DAY, _LATEST)
    place = seen.place[batch.code]
    usable = (place >= 0) & (np.abs(batch.value) < ABSURD) & (batch.time > 0) & (batch.time < horizon)
    usable &= (batch.quality != Quality.PARTIAL) & (batch.quality != Quality.ESTIMATED)
    batch, place = batch.take(usable), place[usable]
    new = batch.time > state.columns["last"][place]
    if not new.all():
        batch, place = batch.take(new), place[new]
    findings: list[Finding] = []
    if len(batch):
        hour = _hours(seen, batch, context)
        for rows in _waves(place, batch.time):
            row, time = place[rows], batch.time[rows]
            last = state.columns["last"][row]
            gap = np.where(last > 0, time - last, 0)
            fresh = row[last == 0]
            state.columns["first"][fresh] = time[last == 0]
            wave = Wave(state.keys, row, time, batch.value[rows], hour[rows], gap)
            findings += detector.step(state.columns, wave, context)
            state.columns["last"][row] = time
    return state, findings


def tell(
    columns: Columns,
    wave: Wave,
    active: NDArray[np.bool_],
    begin: NDArray[np.int64],
    grade: NDArray[np.integer],
) -> list[tuple[int, int, bool]]:
    """Open, keep and end findings: (index in the wave, begin, active) of each one to be told.

    An open finding is told again when its grade rises and once an hour of its own time, so that what is told does not
    depend on how readings were batched.
    """
    since = columns["since"][wave.row]
    opened = since > 0
    touched = active | opened
    if not touched.any():
        return []
    told, worst, hour = columns["told"][wave.row], columns["grade"][wave.row], wave.time // HOUR
    again = active & (~opened | (grade > worst) | (hour > told))
    ended = opened & ~active
    begin = np.where(opened, since, begin)
    columns["since"][wave.row] = np.where(active, begin, 0)
    columns["told"][wave.row] = np.where(again, hour, told)
    columns["grade"][wave.row] = np.where(active, np.where(opened, np.maximum(grade, worst), grade), 0)
    chosen = np.flatnonzero(again | ended)
    return [(int(i), int(begin[i]), bool(active[i])) for i in chosen]


def shape_of(series: int, width: int | None) -> tuple[int, ...]:
    """The shape of a column: series run last, so that those of one hour lie together."""
    return (series,) if width is None else (width, series)


@cache
def point_of(kind: str, point: str) -> Point | None:
    """The declaration behind a stored point, also behind its interval series."""
    declared = kinds().get(kind.removesuffix(INTERVAL_SUFFIX))
    return declared.point(point) if declared else None


def is_interval(key: SeriesKey) -> bool:
    """Whether a series is consumption a quarter of an hour, not a gauge or register."""
    return key.kind.endswith(INTERVAL_SUFFIX)


def in_words(key: SeriesKey, value: float) -> str:
    """A value as people say it: consumption as a rate an hour, everything else in its own unit."""
    point = point_of(key.kind, key.point)
    unit = point.unit if point else ""
    if is_interval(key):
        value, unit = value * HOUR / (15 * MINUTE), "kW" if unit == "kWh" else f"{unit}/h"
    return f"{value:.3g} {unit}" if abs(value) < 1000 else f"{value:.0f} {unit}"


def _admit(detector: Detector, state: State, keys: tuple[SeriesKey, ...]) -> tuple[State, Seen]:
    """The state with a cell for every selected key, and where each key stands."""
    if state.seen is not None and state.seen.keys == keys:
        return state, state.seen
    known, rows, columns = state.keys, state.rows, state.columns
    new = [key for key in keys if key not in rows and detector.selects(key)]
    if new or not columns:
        rows = {**rows, **{key: len(known) + i for i, key in enumerate(new)}}
        known = (*known, *new)
        columns = _grown(detector, columns, len(new))
    sites = tuple(sorted({key.site for key in keys}))
    place = np.array([rows.get(key, -1) for key in keys], np.intp)
    seen = Seen(keys, place, np.array([sites.index(key.site) for key in keys], np.intp), sites)
    return State(known, columns, rows, seen), seen


def _grown(detector: Detector, columns: Columns, more: int) -> Columns:
    """The columns with room for more series."""
    grown = {}
    for name, (dtype, width, start) in {**SHARED, **detector.layout}.items():
        added = np.full(shape_of(more, width), start, dtype)
        grown[name] = np.concatenate([columns[name], added], axis=-1) if columns else added
    return grown


def _hours(seen: Seen, batch: Batch, context: Context) -> NDArray[np.int16]:
    """The hour of the week of every row, each by its own site's calendar."""
    if len(seen.sites) == 1:
        return context.calendar(seen.sites[0]).hour_of_week(batch.time)
    hours = np.zeros(len(batch), np.int16)
    site = seen.site[batch.code]
    for i, name in enumerate(seen.sites):
        mine = site == i
        hours[mine] = context.calendar(name).hour_of_week(batch.time[mine])
    return hours


def _waves(place: NDArray[np.intp], time: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Rows grouped so that each wave holds a series once, in time order; the last of equal instants counts."""
    if np.bincount(place).max() == 1:
        yield np.arange(len(place))
        return
    order = np.lexsort((time, place))
    same = (np.diff(place[order]) == 0) & (np.diff(time[order]) == 0)
    order = order[np.append(~same, True)]
    starts = np.flatnonzero(np.append(True, np.diff(place[order]) != 0))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    by_rank = np.argsort(rank, kind="stable")
    yield from np.split(order[by_rank], np.cumsum(np.bincount(rank))[:-1])
