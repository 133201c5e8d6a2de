"""The streaming core: state and a batch in, state and findings out.

    batch -> usable, by series and time, ahead of each watermark -> readings, wave by wave -> detectors of readings
                                                                 -> hours that are over -> expectation -> detectors
                                                                                          of hours -> learn

A wave holds a series once, so each step is arithmetic on columns. Readings behind the watermark whose hour was never
scored go through the same detectors in a scratch copy of their series' state, which is then thrown away: they are
scored by what is known now, and nothing is learned of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.detect import expectation, hours
from analytics.detect.core import (
    SHARED,
    Board,
    Context,
    Detector,
    Floats,
    HourDetector,
    Hours,
    Layout,
    State,
    admitted,
    step,
    waves,
)
from schema.batch import Batch
from schema.finding import Finding
from schema.instant import DAY, HOUR
from schema.series import Quality, SeriesKey
from schema.text import Text

ABSURD = 1e15
"""Values beyond this are nobody's measurement; they would only spoil what is learned."""
AHEAD = HOUR
"""Readings further ahead of the clock are left out."""
_LATEST = 200 * 366 * DAY


class Detectors:
    """Detectors by name, of readings and of hours, and which of them look at a series."""

    def __init__(self, every: Mapping[str, Detector | HourDetector]) -> None:
        self.every = every
        self.of_readings: dict[str, Detector] = {}
        self.of_hours: dict[str, HourDetector] = {}
        for name, detector in every.items():
            if hasattr(detector, "judge"):
                self.of_hours[name] = cast(HourDetector, detector)
            else:
                self.of_readings[name] = detector
        self._looking: dict[SeriesKey, tuple[str, ...]] = {}

    def looking(self, key: SeriesKey) -> tuple[str, ...]:
        """The names of those that look at a series."""
        names = self._looking.get(key)
        if names is None:
            names = tuple(name for name, detector in self.every.items() if detector.selects(key))
            self._looking[key] = names
        return names

    def reads(self, key: SeriesKey) -> bool:
        """Whether a series is of any use: to a detector, or to what others are expected to be."""
        return bool(self.looking(key)) or expectation.is_covariate(key)


SERIES: Layout = {**hours.LAYOUT, **expectation.LAYOUT}


@dataclass(slots=True)
class Tables:
    """All that is remembered: of each series, of each site, and what each detector keeps of the series it looks at.

    `places` says where each series stands in the state of a detector (-1: nowhere), `seen` where the keys of the last
    batch stand; both follow from the rest.
    """

    series: State = field(default_factory=State)
    sites: State = field(default_factory=State)
    of: dict[str, State] = field(default_factory=dict)
    places: dict[str, NDArray[np.intp]] = field(default_factory=dict, repr=False)
    seen: tuple[tuple[SeriesKey, ...], NDArray[np.intp]] | None = field(default=None, repr=False)

    def copy(self) -> "Tables":
        """The same, with cells of its own."""
        of = {name: state.copy() for name, state in self.of.items()}
        return Tables(self.series.copy(), self.sites.copy(), of, dict(self.places))


def layout_of(detector: Detector | HourDetector) -> Layout:
    """What is kept of each series a detector looks at."""
    return {**SHARED, **detector.layout}


def update(tables: Tables, batch: Batch, context: Context, detectors: Detectors) -> tuple[Tables, list[Finding]]:
    """The state after a batch, and what was found; the state given stays as it is."""
    mine = tables.copy()
    return mine, advance(mine, batch, context, detectors)


def advance(tables: Tables, batch: Batch, context: Context, detectors: Detectors) -> list[Finding]:
    """As `update`, in the state given: for its only owner, who need not copy all for a small batch.

    Readings from the future, without a number, estimated or only partly measured are left out; of those of one instant
    the last counts. Findings come in the order of their evidence.
    """
    place = _admit(tables, batch.keys, detectors)
    row = place[batch.code] if len(place) else np.zeros(0, np.intp)
    horizon = min(context.now + AHEAD, _LATEST)
    usable = (row >= 0) & (np.abs(batch.value) < ABSURD) & (batch.time > 0) & (batch.time < horizon)
    usable &= (batch.quality != Quality.PARTIAL) & (batch.quality != Quality.ESTIMATED)
    if not usable.any():
        return []
    row, time, value = row[usable], batch.time[usable], batch.value[usable]
    if not (row[1:] > row[:-1]).all():
        order = np.lexsort((time, row))
        order = order[np.append((np.diff(row[order]) != 0) | (np.diff(time[order]) != 0), True)]
        row, time, value = row[order], time[order], value[order]
    new = time > tables.series.columns["last"][row]
    findings = []
    if not new.all():
        late = ~new
        late[late] = ~hours.scored(tables.series.columns, row[late], time[late])
        if late.any():
            findings += _aside(tables, (row[late], time[late], value[late]), context, detectors)
        row, time, value = row[new], time[new], value[new]
    if len(row):
        findings += _ahead(tables, row, time, value, context, detectors)
    return sorted(findings, key=lambda finding: (finding.end, finding.series, finding.rule))


def placed(tables: Tables, name: str, detectors: Detectors, state: State) -> State:
    """The state of a detector with a cell for every series of the tables that it looks at, and its places noted."""
    missing = [key for key in tables.series.keys if key not in state.rows and name in detectors.looking(key)]
    state = admitted(state, layout_of(detectors.every[name]), missing)
    place = np.full(len(tables.series.keys), -1, np.intp)
    place[[tables.series.rows[key] for key in state.keys]] = np.arange(len(state.keys))
    tables.places[name] = place
    return state


def _ahead(
    tables: Tables,
    row: NDArray[np.intp],
    time: NDArray[np.int64],
    value: Floats,
    context: Context,
    detectors: Detectors,
) -> list[Finding]:
    """Score and learn readings, sorted by row and time, that are ahead of the watermark of their series."""
    findings: list[Finding] = []
    first = None
    for name, detector in detectors.of_readings.items():
        mine = tables.places[name][row]
        chosen = mine >= 0
        if not chosen.any():
            continue
        if first is None:
            first = waves(row)
            week = _hour_of_week(tables, row, time, context)
        own = first if chosen.all() else [part for wave in first if len(part := wave[chosen[wave]])]
        findings += step(detector, tables.of[name], (mine, time, value, week), own, context)
    return findings + _judge(tables, hours.gather(tables.series.columns, row, time, value), context, detectors)


def _judge(tables: Tables, closed: hours.Closed, context: Context, detectors: Detectors) -> list[Finding]:
    """Hours that are over, one after the other: expectation, detectors, and then learning."""
    findings: list[Finding] = []
    if not len(closed.row):
        return findings
    columns = tables.series.columns
    week = _hour_of_week(tables, closed.row, closed.hour * HOUR, context)
    cuts = np.flatnonzero(np.diff(closed.hour)) + 1
    board = Board(tables.series.keys, tables.series.rows, columns["seen"], columns["newest"])
    for begin, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(closed.row)], strict=True):
        part = closed.take(slice(begin, end))
        foreseen = expectation.foresee(columns, tables.sites.columns, part, week[begin:end])
        settled, held = np.zeros(end - begin, bool), np.zeros(end - begin, bool)
        for name, detector in detectors.of_hours.items():
            mine = tables.places[name][part.row]
            at = np.flatnonzero(mine >= 0)
            if not len(at):
                continue
            state = tables.of[name]
            view = _view(state, mine, at, part, week[begin:end], foreseen, board)
            fresh = view.gap == 0
            if fresh.any():
                state.columns["first"][view.row[fresh]] = view.time[fresh]
            findings += detector.judge(state.columns, view, context)
            state.columns["last"][view.row] = view.time
            settled[at] |= view.settled
            if detector.holds:
                held[at] |= state.columns["since"][view.row] > 0
        expectation.learn(columns, tables.sites.columns, part, week[begin:end], foreseen, held, settled)
    return findings


def _view(
    state: State,
    mine: NDArray[np.intp],
    at: NDArray[np.intp],
    part: hours.Closed,
    week: NDArray[np.int16],
    foreseen: expectation.Foreseen,
    board: Board,
) -> Hours:
    """The hours that one detector looks at, by its own rows."""
    chosen = slice(None) if len(at) == len(mine) else at
    row, time = mine[chosen], (part.hour[chosen] + 1) * HOUR
    last = state.columns["last"][row]
    return Hours(
        state.keys,
        row,
        time,
        part.mean[chosen],
        week[chosen],
        np.where(last > 0, time - last, 0),
        state.rows,
        part.number[chosen],
        part.low[chosen],
        part.high[chosen],
        part.moved[chosen],
        foreseen.level[chosen],
        foreseen.expected[chosen],
        foreseen.scale[chosen],
        foreseen.residual[chosen],
        foreseen.ripe[chosen],
        foreseen.shared[chosen],
        np.zeros(len(row), bool),
        part.row[chosen],
        board,
    )


def _aside(
    tables: Tables,
    late: tuple[NDArray[np.intp], NDArray[np.int64], Floats],
    context: Context,
    detectors: Detectors,
) -> list[Finding]:
    """Score late readings in a scratch copy; what they open ends with them, and the hours count as scored."""
    row, time, value = late
    known = np.unique(row)
    keys = tuple(tables.series.keys[i] for i in known)
    scratch = Tables(_part(tables.series, keys, SERIES), tables.sites.copy())
    for name, detector in detectors.every.items():
        mine = tuple(key for key in keys if key in tables.of[name].rows)
        scratch.of[name] = placed(scratch, name, detectors, _part(tables.of[name], mine, layout_of(detector)))
    findings = _ahead(scratch, np.searchsorted(known, row), time, value, context, detectors)
    findings += _judge(scratch, hours.flush(scratch.series.columns), context, detectors)
    hours.mark(tables.series.columns, row, time // HOUR)
    newest = {(finding.series, finding.rule): finding for finding in sorted(findings, key=lambda found: found.end)}
    return findings + [_over(finding, context) for finding in newest.values() if finding.active]


def _over(finding: Finding, context: Context) -> Finding:
    """The end of a finding whose readings came late, and went no further."""
    where, when = context.where(finding.series), context.when(finding.series, finding.end)
    reason = Text(
        f"{where.zh}：以上来自补传数据，只到{when}为止",
        f"{where.en}: this was in readings that came late, and they end at {when}",
    )
    return msgspec.structs.replace(finding, active=False, end=finding.end + 1, reason=reason)


def _part(state: State, keys: tuple[SeriesKey, ...], layout: Layout) -> State:
    """A copy of some series' state without what belongs to a run of readings."""
    chosen = np.array([state.rows[key] for key in keys], np.intp)
    columns = {}
    for name, column in layout.items():
        cells = state.columns[name][..., chosen]
        if column.fleeting:
            cells[:] = column.start
        columns[name] = cells
    return State(keys, columns, {key: i for i, key in enumerate(keys)})


def _admit(tables: Tables, keys: tuple[SeriesKey, ...], detectors: Detectors) -> NDArray[np.intp]:
    """Where each of some keys stands (-1: nobody looks at it), after making room for those that are new."""
    if tables.seen is not None and tables.seen[0] is keys:
        return tables.seen[1]
    rows = tables.series.rows
    new = [key for key in dict.fromkeys(keys) if key not in rows and detectors.reads(key)]
    if new or not tables.series.columns:
        sites = [SeriesKey(site, "", "", "", "") for site in dict.fromkeys(key.site for key in new)]
        tables.series = admitted(tables.series, SERIES, new)
        tables.sites = admitted(
            tables.sites, expectation.SITES, [site for site in sites if site not in tables.sites.rows]
        )
        expectation.introduce(tables.series, tables.sites, new)
        rows = tables.series.rows
        for name, detector in detectors.every.items():
            mine = [name in detectors.looking(key) for key in new]
            known = tables.of.get(name, State())
            tables.of[name] = admitted(
                known, layout_of(detector), [key for key, looks in zip(new, mine, strict=True) if looks]
            )
            place = np.where(mine, len(known.keys) + np.cumsum(mine) - 1, -1)
            tables.places[name] = np.concatenate([tables.places.get(name, np.zeros(0, np.intp)), place]).astype(np.intp)
    place = np.array([rows.get(key, -1) for key in keys], np.intp)
    tables.seen = (keys, place)
    return place


def _hour_of_week(
    tables: Tables, row: NDArray[np.intp], time: NDArray[np.int64], context: Context
) -> NDArray[np.int16]:
    """The hour of the week of every reading, each by its own site's calendar."""
    sites = tables.sites.keys
    if len(sites) == 1:
        return context.calendar(sites[0].site).hour_of_week(time)
    week = np.zeros(len(row), np.int16)
    site = tables.series.columns["site"][row]
    for i in np.unique(site).tolist():
        mine = site == i
        week[mine] = context.calendar(sites[i].site).hour_of_week(time[mine])
    return week
