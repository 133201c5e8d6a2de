"""What every detector shares: state as struct of arrays, and the pure update over a columnar batch."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import Calendar
from analytics.detect.limits import Limits
from devices import kinds
from devices.kind import Point
from schema.finding import Finding
from schema.instant import HOUR, MINUTE
from schema.series import INTERVAL_SUFFIX, SeriesKey
from schema.text import Text

_WRITTEN = {"m3": "m³", "m2": "m²", "Cel": "°C", "%RH": "%", "count": ""}
"""Units as people write them."""
_DEFAULT = Calendar("Asia/Shanghai")


class Rule(NamedTuple):
    """What a detector finds, in words, and what the duty room should do about it."""

    name: str
    title: Text
    action: Text


@dataclass(frozen=True, slots=True)
class Context:
    """What a detector may know besides the readings: the time, calendars by site, titles by (site, device).

    `parents` is which meter each (site, device) is a sub-meter of; `limits` are the dated rows all rules go by.
    """

    now: int
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    titles: Mapping[tuple[str, str], Text] = field(default_factory=dict)
    parents: Mapping[tuple[str, str], str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

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
    """A column of state: a cell for each series, or `width` of them (shape (width, series)), starting as `start`.

    `fleeting` is what belongs to a run of readings, not to the series: late readings are scored without it.
    """

    dtype: str
    width: int | None = None
    start: float = 0.0
    fleeting: bool = False


Layout = Mapping[str, Column]
Columns = dict[str, NDArray[Any]]
Floats = NDArray[np.float64]

SHARED: Layout = {
    "first": Column("i8"),
    "last": Column("i8", fleeting=True),
    "since": Column("i8", fleeting=True),
    "told": Column("i8", fleeting=True),
    "grade": Column("i1", fleeting=True),
}
"""first and newest instant seen; begin of the open finding (0: none), the hour and severity it was last told at."""


class Wave(NamedTuple):
    """At most one usable reading of each series: its row in the state, and how long after the one before it came.

    `hour` is the hour of the week; `gap` is 0 for the first reading of a series; `rows` finds the row of a series.
    """

    keys: tuple[SeriesKey, ...]
    row: NDArray[np.intp]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    hour: NDArray[np.int16]
    gap: NDArray[np.int64]
    rows: Mapping[SeriesKey, int]


class Hours(NamedTuple):
    """The same hour of many series, closed: what was measured in it, and what was expected of it.

    `time` is its end and `value` the mean of its `number` readings, between `low` and `high`; `moved` is the sum of the
    steps from reading to reading, from the last of the hour before on. `level` is the seasonal profile's, `expected`
    also knows the weather, the site and the day before; `scale` is the spread of the profile's residuals.
    `residual` is (value - expected) / scale; `ripe` says since when that means something (hours learned).
    `shared` is where the other meters of its carrier are off as well; `ripe` begins anew when a season turned.
    Detectors set `settled` where the series is to be taken as it is now. `board` has the recent hours of every series.
    """

    keys: tuple[SeriesKey, ...]
    row: NDArray[np.intp]
    time: NDArray[np.int64]
    value: Floats
    hour: NDArray[np.int16]
    gap: NDArray[np.int64]
    rows: Mapping[SeriesKey, int]
    number: NDArray[np.int32]
    low: Floats
    high: Floats
    moved: Floats
    level: Floats
    expected: Floats
    scale: Floats
    residual: Floats
    ripe: NDArray[np.int32]
    shared: NDArray[np.bool_]
    settled: NDArray[np.bool_]
    place: NDArray[np.intp]
    board: "Board"


class Board(NamedTuple):
    """The means of the latest hours of every series, aligned by time: line `hour % len` of `seen`, until `newest`."""

    keys: tuple[SeriesKey, ...]
    rows: Mapping[SeriesKey, int]
    seen: NDArray[np.float32]
    newest: NDArray[np.int64]

    def at(self, row: NDArray[np.intp], hour: NDArray[np.int64]) -> Floats:
        """The means of some series in hours since 1970; NaN where nothing was measured, or it is forgotten."""
        length = len(self.seen)
        fresh = (row >= 0) & (hour <= self.newest[row]) & (hour > self.newest[row] - length)
        return np.where(fresh, self.seen[hour % length, row], np.nan).astype(np.float64)


class Detector(Protocol):
    """One file of this package: which series it looks at, what it remembers of each, and one step in time."""

    rule: Rule
    layout: ClassVar[Layout]

    def selects(self, key: SeriesKey) -> bool:
        """Whether it looks at a series."""

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Score a wave, then learn from it, in the given columns; findings as they open, last and end."""


class HourDetector(Protocol):
    """As a Detector, but it looks at closed hours against their expectation, not at each reading."""

    rule: Rule
    layout: ClassVar[Layout]
    holds: ClassVar[bool]
    """Whether nothing is learned of a series as long as this detector has an open finding on it."""

    def selects(self, key: SeriesKey) -> bool:
        """Whether it looks at a series."""

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """Score closed hours, then learn from them, in the given columns; findings as they open, last and end."""


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered under a layout: cell i of each column belongs to series `keys[i]`."""

    keys: tuple[SeriesKey, ...] = ()
    columns: Columns = field(default_factory=dict)
    rows: Mapping[SeriesKey, int] = field(default_factory=dict)

    def copy(self) -> "State":
        """The same, with cells of its own."""
        return replace(self, columns={name: cells.copy() for name, cells in self.columns.items()})


def admitted(state: State, layout: Layout, new: Sequence[SeriesKey]) -> State:
    """The state with a cell for each of some series that it did not know."""
    if not new and state.columns:
        return state
    columns = {}
    for name, (dtype, width, start, _) in layout.items():
        added = np.full(shape_of(len(new), width), start, dtype)
        columns[name] = np.concatenate([state.columns[name], added], axis=-1) if state.columns else added
    rows = {**state.rows, **{key: len(state.keys) + i for i, key in enumerate(new)}}
    return State((*state.keys, *new), columns, rows)


def step(
    detector: Detector,
    state: State,
    readings: tuple[NDArray[np.intp], NDArray[np.int64], Floats, NDArray[np.int16]],
    waves: Sequence[NDArray[np.intp]],
    context: Context,
) -> list[Finding]:
    """Take a detector through readings (row, time, value, hour of the week) wave by wave, in its own columns."""
    rows, times, values, hours = readings
    findings: list[Finding] = []
    columns = state.columns
    for chosen in waves:
        row, time = rows[chosen], times[chosen]
        last = columns["last"][row]
        fresh = last == 0
        if fresh.any():
            columns["first"][row[fresh]] = time[fresh]
        gap = np.where(fresh, 0, time - last)
        wave = Wave(state.keys, row, time, values[chosen], hours[chosen], gap, state.rows)
        findings += detector.step(columns, wave, context)
        columns["last"][row] = time
    return findings


def waves(row: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Positions grouped so that each wave holds a row once; rows come sorted, each in time order."""
    first = np.flatnonzero(np.diff(row, prepend=-1))
    if len(first) == len(row):
        return [np.arange(len(row))]
    rank = np.arange(len(row)) - np.repeat(first, np.diff(first, append=len(row)))
    by_rank = np.argsort(rank, kind="stable")
    return np.split(by_rank, np.cumsum(np.bincount(rank))[:-1])


def tell(
    columns: Columns,
    wave: Wave | Hours,
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


LASTING: Layout = {"from": Column("i8", fleeting=True), "times": Column("i4", fleeting=True)}
"""What `lasting` remembers: since when it has been so, and how many readings said so."""


def lasting(
    columns: Columns, wave: Wave | Hours, over: NDArray[np.bool_], patience: float
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(whether it has been so for longer than `patience` by two readings at least, or was told of; since when).

    A silence of more than two hours begins it anew.
    """
    row = wave.row
    since, times = columns["from"][row], columns["times"][row]
    goes_on = over & (since > 0) & (wave.gap <= 2 * HOUR)
    since, times = np.where(goes_on, since, wave.time), np.where(goes_on, times + 1, 1)
    columns["from"][row], columns["times"][row] = np.where(over, since, 0), np.where(over, times, 0)
    long = (wave.time - since >= patience) & (times >= 2)
    return over & (long | (columns["since"][row] > 0)), since


def mates(columns: Columns, wave: Wave, name: str, points: Sequence[str]) -> NDArray[np.intp]:
    """Rows (point, series) of other points of each reading's device, -1 where it has none, kept in a column."""
    for i in np.flatnonzero(wave.gap == 0).tolist():
        key = wave.keys[wave.row[i]]
        found = [wave.rows.get(key._replace(point=point), -1) for point in points]
        for row in {at for at in found if at >= 0}:
            columns[name][:, row] = found
    mine: NDArray[np.intp] = columns[name][:, wave.row].astype(np.intp)
    return mine


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


def is_booked(key: SeriesKey) -> bool:
    """Whether a series is the consumption that a meter is there for."""
    kind = kinds().get(key.kind.removesuffix(INTERVAL_SUFFIX))
    return is_interval(key) and kind is not None and kind.carrier is not None and kind.consumption == key.point


def has_register(key: SeriesKey) -> bool:
    """Whether the device of a series books consumption: what else it measures tells of the same cause."""
    kind = kinds().get(key.kind.removesuffix(INTERVAL_SUFFIX))
    return kind is not None and kind.consumption is not None


def in_words(key: SeriesKey, value: float) -> str:
    """A value as people say it: consumption as a rate an hour, everything else in its own unit."""
    point = point_of(key.kind, key.point)
    unit = point.unit if point else ""
    if is_interval(key):
        value, unit = value * HOUR / (15 * MINUTE), "kW" if unit == "kWh" else f"{unit}/h"
    unit = "".join(_WRITTEN.get(part, part) for part in re.split("(/)", unit))
    return f"{value:.3g} {unit}".rstrip() if abs(value) < 1000 else f"{value:.0f} {unit}".rstrip()
