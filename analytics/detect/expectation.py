"""What an hour of a series is expected to bring: its week, then the weather, its site and the day before.

A seasonal profile of hourly means (hour of the week, falling back on the hour of the kind of day while a bin is young)
gives a level and a robust spread. What the profile leaves over is predicted by recursive least squares from covariates
that are known when the hour begins: what was left over a day before and on the day before that, what the site's other
meters left over in the last hour and a day before (holidays, terms and events move all of them), the outdoor air, and
how far people and meals are from their own usual. All are computed once an hour for all series; detectors share them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import HOURS, WEEKEND
from analytics.detect.core import Column, Columns, Floats, Layout, State, is_interval, point_of
from analytics.detect.hours import Closed
from devices import kinds
from schema.series import SeriesKey

RING = 48
WARM = 5 * 24
"""From so many hours on residuals mean something, and outliers count as the edge of the band."""
RIPE = 21 * 24
"""From so many hours on covariates are learned."""
FLOOR = 0.025
"""The spread is never taken to be less than this share of the series' usual size."""
SIGMA = 1.25
"""Standard deviations in a mean absolute residual, for a normal one."""
COVARIATES = 9
FELLOWS, ALIKE, MOVED = 3, np.array([np.inf, 0.9, 1.0, 1.0, 1.0]), 1.0
"""Fellows a meter needs, what they are off on average by carrier (in spreads, at most 2 each), and what it is off, for
this to be the move of all meters of its carrier: the heating season, or the first hot day, not a fault of each."""
UNUSUAL = 1.5
"""Kelvin that the air of half a day is off its fortnight's mean, from which weather may move all electricity meters."""
STARTED, TOGETHER = 3, 24
"""Hours of moving together from which a season has turned, and from which a series is taken as it is now."""

_BIN_MEMORY, _DAY_MEMORY, _SPREAD_MEMORY = 5.0, 25.0, 40.0
_SIZE_RATE = 0.003
_FORGET = 0.9995
_DOUBT = 3.0
"""The variance a coefficient starts with; what has not been seen lately never becomes more doubtful than that."""
_CLIP = 4.0
_MILD = 16.0
_AIR_RATE, _MILD_RATE = 1 / 12, 1 / (24 * 14)

OTHER, LOAD, WATER, HEAT, GAS, PEOPLE, MEALS, AIR = range(8)
"""What a series tells of its site."""
_GROUPS = ("load", "water", "heat", "gas", "people", "meals")
_CARRIED = {"electricity": LOAD, "water": WATER, "heat": HEAT, "gas": GAS}

LAYOUT: Layout = {
    "site": Column("i4"),
    "part": Column("i1"),
    "carrier": Column("i1"),
    "together": Column("i2"),
    "newest": Column("i8"),
    "age": Column("i4"),
    "size": Column("f4"),
    "week": Column("f4", HOURS),
    "weeks": Column("u1", HOURS),
    "day": Column("f4", 48),
    "days": Column("u1", 48),
    "spread": Column("f4", 48),
    "left": Column("f4", RING),
    "seen": Column("f4", RING, np.nan),
    "weight": Column("f4", COVARIATES),
    "doubt": Column("f4", COVARIATES * COVARIATES),
}
"""Of each series; `left` and `seen` are the latest hours, line hour % RING, until `newest`."""

SITES: Layout = {
    "newest": Column("i8"),
    **{f"{group}_{what}": Column("f4", RING) for group in _GROUPS for what in ("sum", "count")},
    "air": Column("f8", None, np.nan),
    "mild": Column("f8", None, np.nan),
}
"""Of each site: what is left over in its groups of series, by hour; smoothed outdoor air, and a fortnight's mean."""

_DAILY = np.arange(HOURS) % 24 + np.where(np.arange(HOURS) >= WEEKEND, 24, 0)


class Foreseen(NamedTuple):
    """Of each hour: the profile's level, the expectation, the spread, the residual in spreads, hours learned.

    `shared` is where the other meters of the carrier move as well.
    """

    level: Floats
    expected: Floats
    scale: Floats
    residual: Floats
    ripe: NDArray[np.int32]
    left: Floats
    covariates: NDArray[np.float32]
    shared: NDArray[np.bool_]


def is_covariate(key: SeriesKey) -> bool:
    """Whether a series tells of its site what others are expected by, or how many are in."""
    return _part(key) in {PEOPLE, MEALS, AIR} or (is_interval(key) and key.kind.startswith("gate_"))


def introduce(series: State, sites: State, keys: Sequence[SeriesKey]) -> None:
    """Note where new series belong."""
    for key in keys:
        row = series.rows[key]
        series.columns["site"][row] = sites.rows[SeriesKey(key.site, "", "", "", "")]
        series.columns["part"][row] = _part(key)
        series.columns["carrier"][row] = _carrier(key)
        series.columns["doubt"][:: COVARIATES + 1, row] = _DOUBT


def foresee(columns: Columns, sites: Columns, hours: Closed, week: NDArray[np.int16]) -> Foreseen:
    """The expectation of one hour of many series, and what is left over."""
    row, hour, bin_ = hours.row, hours.hour, week.astype(np.intp)
    daily = _DAILY[bin_]
    age = columns["age"][row]
    fallback, seen = columns["day"][daily, row], columns["weeks"][bin_, row]
    level = fallback + seen / (seen + np.float32(0.5)) * (columns["week"][bin_, row] - fallback)
    level = np.where(columns["days"][daily, row] > 0, level, hours.mean)
    scale = np.maximum(SIGMA * columns["spread"][daily, row], FLOOR * columns["size"][row] + 1e-9)
    left = np.clip((hours.mean - level) / scale, -8, 8)
    _turn(columns, row, hour)
    covariates = _covariates(columns, sites, row, hour, week)
    covariates[:, age < RIPE] = 0
    predicted = np.einsum("kn,kn->n", _cells(columns["weight"], row), covariates)
    expected = level + predicted * scale
    carrier = columns["carrier"][row]
    expected = np.where((carrier > LOAD) & (carrier == columns["part"][row]), np.maximum(expected, 0.0), expected)
    residual = (hours.mean - expected) / scale
    shared = _shared(columns, sites, hours, left, residual)
    return Foreseen(level, expected, scale, residual, age, left, covariates, shared)


def learn(
    columns: Columns,
    sites: Columns,
    hours: Closed,
    week: NDArray[np.int16],
    foreseen: Foreseen,
    held: NDArray[np.bool_],
    settled: NDArray[np.bool_],
) -> None:
    """Learn one hour of many series, but not of those that are held; take those that are settled as they are now."""
    row, hour, bin_ = hours.row, hours.hour, week.astype(np.intp)
    daily, free = _DAILY[bin_], ~held
    age = columns["age"][row]
    slot = int(hour[0]) % RING
    left = np.clip(np.where(free, foreseen.left, 0.0), -_CLIP, _CLIP)
    columns["left"][slot, row] = left
    columns["seen"][slot, row] = hours.mean
    columns["newest"][row] = hour

    miss = hours.mean - foreseen.level
    bound = np.where(age >= WARM, _CLIP * foreseen.scale, np.inf)
    miss = np.clip(miss, -bound, bound)
    for name, count, at, memory in (("week", "weeks", bin_, _BIN_MEMORY), ("day", "days", daily, _DAY_MEMORY)):
        was, times = columns[name][at, row], columns[count][at, row]
        columns[name][at, row] = was + free * _rate(times, memory) * (foreseen.level + miss - was)
        columns[count][at, row] = np.minimum(times + free, 250)
        if name == "day":
            spread = columns["spread"][at, row]
            columns["spread"][at, row] = spread + free * _rate(times, _SPREAD_MEMORY) * (np.abs(miss) - spread)
    size = columns["size"][row]
    rate = np.maximum(1 / (age + 1.0), _SIZE_RATE)
    columns["size"][row] = size + free * rate * (np.abs(foreseen.level + miss) - size)
    _regress(columns, row, foreseen, free & (age >= RIPE))
    columns["age"][row] = age + 1
    # Electricity has no season of its own that comes to stay.
    moves = foreseen.shared & (columns["carrier"][row] > LOAD) & (np.abs(foreseen.residual) > MOVED)
    together = columns["together"][row] + np.where(moves, 1, -1)
    season = together >= TOGETHER
    columns["together"][row] = np.where(season, 0, np.maximum(together, 0))
    settled = settled | season
    if settled.any():
        other = _settle(columns, row[settled], hour[settled], bin_[settled])
        columns["age"][row[settled][other & season[settled]]] = 0
    _tell_site(columns, sites, hours, left)


def _rate(times: NDArray[np.uint8], memory: float) -> NDArray[np.float64]:
    """How much a new value counts: a plain mean while young, exponentially forgetting later."""
    share: NDArray[np.float64] = np.maximum(1 / (times + 1.0), 1 - np.exp(-1 / memory))
    return share


def _cells(cells: NDArray[np.float32], row: NDArray[np.intp]) -> NDArray[np.float32]:
    """The cells of some series; all of them without copying."""
    return cells if len(row) == cells.shape[-1] else cells[:, row]


def _regress(columns: Columns, row: NDArray[np.intp], foreseen: Foreseen, free: NDArray[np.bool_]) -> None:
    """One step of recursive least squares for each series."""
    if not free.any():
        return
    if not free.all():
        row = row[free]
    x = foreseen.covariates if free.all() else foreseen.covariates[:, free]
    miss = np.clip(foreseen.residual if free.all() else foreseen.residual[free], -3, 3)
    doubt = _cells(columns["doubt"], row).reshape(COVARIATES, COVARIATES, -1)
    moved = np.einsum("pqn,qn->pn", doubt, x)
    gain = moved / (_FORGET + np.einsum("kn,kn->n", x, moved))
    weight = _cells(columns["weight"], row) + gain * miss
    doubt = (doubt - gain[:, None] * moved[None]) / np.float32(_FORGET)
    trace = np.einsum("kkn->n", doubt)
    doubt *= np.minimum(1.0, COVARIATES * _DOUBT / np.maximum(trace, 1e-9)).astype(np.float32)
    if len(row) == columns["weight"].shape[-1]:
        columns["weight"][:] = weight
        columns["doubt"][:] = doubt.reshape(COVARIATES**2, -1)
    else:
        columns["weight"][:, row] = weight
        columns["doubt"][:, row] = doubt.reshape(COVARIATES**2, -1)


def _covariates(
    columns: Columns, sites: Columns, row: NDArray[np.intp], hour: NDArray[np.int64], week: NDArray[np.int16]
) -> NDArray[np.float32]:
    """What may explain an hour, all known when it begins."""
    now, site, part = int(hour[0]), columns["site"][row], columns["part"][row]
    day, latest = (now - 24) % RING, (now - 1) % RING
    two_days = _cells(columns["left"], row)
    x = np.zeros((COVARIATES, len(row)), np.float32)
    x[0] = two_days[day]
    x[1] = two_days[(now + np.arange(24)) % RING].mean(axis=0)
    alike = np.where((part >= LOAD) & (part <= GAS), part, LOAD)
    for place, group, slot in ((2, alike, latest), (3, alike, day), (7, PEOPLE, latest), (8, MEALS, latest)):
        total, count = (
            np.stack([sites[f"{name}_{what}"][slot] for name in _GROUPS])[group - 1, site] for what in ("sum", "count")
        )
        mine = part == group
        own = np.where(mine, np.clip(two_days[slot], -2, 2), 0.0)
        others = count - mine
        x[place] = np.where(others > 0, (total - own) / np.maximum(others, 1), 0.0)
    air, mild = sites["air"][site], sites["mild"][site]
    known = np.isfinite(air)
    x[4] = np.where(known, (air - mild) / 5, 0.0)
    x[5] = np.where(known, (np.maximum(air - _MILD, 0) - np.maximum(mild - _MILD, 0)) / 5, 0.0)
    at = week % 24
    x[6] = np.where((week < WEEKEND) & (at >= 8) & (at < 18), x[4], 0.0)
    return x


def _shared(columns: Columns, sites: Columns, hours: Closed, left: Floats, residual: Floats) -> NDArray[np.bool_]:
    """Where most other meters of the carrier are off too, in this hour as far as they have come, or in the last one."""
    row, latest = hours.row, (int(hours.hour[0]) - 1) % RING
    site, part, carrier = columns["site"][row], columns["part"][row], columns["carrier"][row]
    books = carrier == part
    # Of electricity only weather moves all meters: where it is as it was, what is left on everywhere is a fault.
    weather = np.abs(sites["air"] - sites["mild"])[site] > UNUSUAL
    metered = (carrier > LOAD) | ((carrier == LOAD) & books & weather)
    if not metered.any():
        return np.zeros(len(row), bool)
    shape = (len(_GROUPS) + 1, len(sites["newest"]))
    total, count = np.zeros(shape), np.zeros(shape)
    here = metered & books
    np.add.at(total, (carrier[here], site[here]), np.clip(left[here], -2, 2))
    np.add.at(count, (carrier[here], site[here]), 1)
    before = [np.stack([sites[f"{name}_{what}"][latest] for name in _GROUPS]) for what in ("sum", "count")]
    found = np.zeros(len(row), bool)
    for sums, counts, own in (
        (total[1:], count[1:], left),
        (before[0], before[1], columns["left"][latest, row]),
    ):
        others = counts[carrier - 1, site] - books
        rest = sums[carrier - 1, site] - np.where(books, np.clip(own, -2, 2), 0.0)
        mean = np.where(others >= FELLOWS, rest / np.maximum(others, 1), 0.0)
        found |= (np.abs(mean) > ALIKE[carrier]) & (~books | (mean * residual > 0))
    moved = np.where(carrier == LOAD, residual, np.abs(residual)) > MOVED
    shared: NDArray[np.bool_] = metered & ((found & moved) | (columns["together"][row] >= STARTED))
    return shared


def _turn(columns: Columns, row: NDArray[np.intp], hour: NDArray[np.int64]) -> None:
    """Forget the hours that are as old as the ring, and those that were left out."""
    skipped = np.minimum(hour - columns["newest"][row], RING)
    for back in range(1, int(skipped.max(initial=0))):
        gone = skipped > back
        slot = (int(hour[0]) - back) % RING
        columns["left"][slot, row[gone]], columns["seen"][slot, row[gone]] = 0.0, np.nan


def _settle(
    columns: Columns, row: NDArray[np.intp], hour: NDArray[np.int64], bin_: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Take some series as they were in the last day: the whole profile moves, and what comes next shapes it quickly.

    Gives where the level is now so far from what it was that all is to be learned anew.
    """
    ago = np.arange(24)[:, None]
    seen = columns["seen"][(hour - ago) % RING, row].astype(np.float64)
    level = np.where(np.isnan(seen), 0.0, columns["week"][(bin_ - ago) % HOURS, row])
    total, was = np.nansum(seen, axis=0), level.sum(axis=0)
    share = np.divide(total, was, out=np.zeros(len(row)), where=np.abs(was) > 1e-9)
    scales = (share > 0.1) & (share < 10)
    factor = np.where(scales, share, 1.0)
    shift = np.where(scales, 0.0, (total - was) / np.maximum(np.isfinite(seen).sum(axis=0), 1))
    for name, count, least in (("week", "weeks", 1), ("day", "days", 4)):
        columns[name][:, row] = columns[name][:, row] * factor + shift
        columns[count][:, row] = np.minimum(columns[count][:, row], least)
    columns["size"][row] = columns["size"][row] * factor + np.abs(shift)
    columns["spread"][:, row] *= np.maximum(factor, 1.0)
    columns["left"][:, row] = 0
    turned: NDArray[np.bool_] = (share < 0.5) | (share > 2)
    return turned


def _tell_site(columns: Columns, sites: Columns, hours: Closed, left: Floats) -> None:
    """Add what is left over to its site's groups, and the outdoor air to what the site knows of the weather."""
    row, now = hours.row, int(hours.hour[0])
    site, part, slot = columns["site"][row], columns["part"][row], now % RING
    here = np.unique(site)
    newer = here[sites["newest"][here] < now]
    for back in range(int(min(RING, (now - sites["newest"][newer]).max(initial=0)))):
        gone = newer[now - sites["newest"][newer] > back]
        for group in _GROUPS:
            sites[f"{group}_sum"][(now - back) % RING, gone] = 0
            sites[f"{group}_count"][(now - back) % RING, gone] = 0
    sites["newest"][newer] = now
    for number, group in enumerate(_GROUPS, 1):
        mine = part == number
        if mine.any():
            np.add.at(sites[f"{group}_sum"][slot], site[mine], np.clip(left[mine], -2, 2))
            np.add.at(sites[f"{group}_count"][slot], site[mine], 1)
    for i in np.flatnonzero(part == AIR).tolist():
        at, value = site[i], hours.mean[i]
        for name, rate in (("air", _AIR_RATE), ("mild", _MILD_RATE)):
            was = sites[name][at]
            sites[name][at] = value if np.isnan(was) else was + rate * (value - was)


def _carrier(key: SeriesKey) -> int:
    """The group of meters that a series belongs to, by what its kind meters; 0 if it meters nothing."""
    kind = kinds().get(key.kind.removesuffix("_15min"))
    return _CARRIED[kind.carrier] if kind is not None and kind.carrier is not None else OTHER


def _part(key: SeriesKey) -> int:
    """What a series tells of its site."""
    kind = kinds().get(key.kind.removesuffix("_15min"))
    if kind is None:
        return OTHER
    if is_interval(key):
        if kind.carrier is not None and key.point == kind.consumption:
            return _CARRIED[kind.carrier]
        return {"gate": PEOPLE, "canteen_terminal": MEALS}.get(kind.name, OTHER) if key.point != "exits" else OTHER
    point = point_of(key.kind, key.point)
    return AIR if kind.name == "weather_station" and point is not None and point.name == "temperature" else OTHER
