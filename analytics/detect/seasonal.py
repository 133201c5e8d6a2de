"""Unusual consumption: a series that is not what its week, the weather and its site let expect.

Two statistics at the end of each hour. `surge` is a mean of the last hours' residuals in spreads: what is far off
shows in an hour or two. `excess` is for what is moderate but lasts: the last day's residuals over what was expected,
each hour counting by how well it is known (matched to a share of the expected), plus a share of the likelihood ratio
of having seen values like these at these hours before, against having seen values a fifth or more lower (higher):
loads that jump between few levels tell far more by that than by any mean. What is too much is compared with the day
before: a week that is a little high is not a fault of each of its days.

Their thresholds are conformal: each series has its own, raised a step by every finding and lowered a little by every
hour, so that in the long run no series has more findings than RATES state, whatever its distribution; and never below
what is worth reporting at all.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import HOURS, WEEKEND
from analytics.detect.core import (
    Column,
    Columns,
    Context,
    Floats,
    Hours,
    Layout,
    Rule,
    is_booked,
    is_interval,
    point_of,
    tell,
)
from analytics.detect.expectation import FLOOR, WARM
from analytics.detect.explain import Level, Said, explain, what_of
from devices import kinds
from schema.finding import Cause, Finding, Severity
from schema.instant import HOUR
from schema.series import INTERVAL_SUFFIX, SeriesKey
from schema.text import Text

GRACE = 10 * 24
"""Nothing is said of a series of fewer hours."""
NEW_NORMAL = 48 * HOUR
"""A finding this old is no longer an anomaly: the series is taken as it is now."""
WINDOW = 24
PAST = 0.3
"""Share of the excess of the day before that is left out of account."""
DEPTH = 8
"""Values remembered of each hour of each kind of day."""

UP, DOWN, SURGE = range(3)
START = np.array([[0.316, 0.525, 8.4], [0.60, 0.75, 14.0]])
LEAST = np.array([[0.312, 0.50, 8.0], [0.50, 0.75, 12.0]])
RAISE = np.array([0.03, 0.05, 1.0])
MONTH = 30 * 24
RATES = np.array([2.0, 1.0, 0.5]) / MONTH
ERRATIC = np.array([0.5, 0.1, 0.1]) / MONTH
"""Thresholds of excess, of its opposite and of a surge: at first, at least, a step up, and findings an hour.

Of electricity, and of all else: water is drawn in gulps, and boilers run as they like.
"""
MATTERS = 0.2
"""Of a series that is not electricity, less than this share of its usual size is not worth reporting."""
SHARE = np.array([0.15, 0.5])
"""A step is at least this share of the threshold: a sprinkler that is new at five is told once, not daily."""
RETURNED = 0.6
"""A finding ends when its statistic fell below this share of the threshold that opened it."""

SHIFTS = np.log([[1.2, 1.45, 1.9], [0.8, 0.6, 0.35]])
"""What the likelihood ratios ask for: a fifth more, or much more; a fifth less, or much less."""
_WIDTH, _RARE = 0.05, 0.02
_SHARE = 0.1
_CAP = 3.0
_DEEP = 12.0
"""Spreads that an hour counts at most, and below the expected: that a meter brings half is far more than three."""
_PACE = 0.5
_PARTS = GAIN, MASS, MORE, LESS, DUE, SEEN, ONE = range(7)
_AT_WILL = frozenset({"pv_inverter", "weather_station", "lift"})
_METERED = frozenset({"power", "flow", "voltage", "current"})
_GRADES: tuple[Severity, ...] = ("info", "warning", "critical")


class Seasonal:
    """Flags what is not as expected, quickly if it is far off and within a day if it is moderate."""

    rule = Rule(
        "seasonal",
        Text("用量异常", "Unusual consumption"),
        Text(
            "核对该时段的运行安排与设备启停；确属浪费的，关停或调整时间表。",
            "Compare with what was scheduled to run then; switch off or reschedule what was not.",
        ),
    )
    holds = True
    layout: ClassVar[Layout] = {
        "seen": Column("f4", 48 * DEPTH, np.nan),
        "times": Column("u1", 48),
        "parts": Column("f4", len(_PARTS) * WINDOW),
        "sums": Column("f8", len(_PARTS)),
        "excess": Column("f4", WINDOW),
        "surge": Column("f8"),
        "bar": Column("f8", 3, np.nan),
        "erratic": Column("?"),
        "size": Column("f8"),
        "hours": Column("i4"),
    }

    def selects(self, key: SeriesKey) -> bool:
        """Consumption; where a meter has no register, what it measures of power, current or flow.

        All of one meter tell of one cause, and weather is nobody's fault; cabinets have limits of their own.
        """
        kind, point = kinds().get(key.kind), point_of(key.kind, key.point)
        if key.kind.removesuffix(INTERVAL_SUFFIX) in _AT_WILL or key.point == "energy_export":
            return False
        if is_interval(key):
            return is_booked(key)
        measured = point is not None and point.kind == "gauge" and point.quantity in _METERED
        return measured and kind is not None and kind.consumption is None

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """Score the statistics against their thresholds, then move these."""
        row = hours.row
        fresh, anew = row[hours.gap == 0], row[hours.ripe == 0]
        columns["erratic"][fresh] = [_erratic(hours.keys[i]) for i in fresh]
        columns["times"][:, anew], columns["bar"][:, anew] = 0, np.nan
        columns["size"][anew], columns["hours"][anew] = 0.0, 0
        erratic = columns["erratic"][row].astype(np.intp)
        score, sums, surge = self._score(columns, hours)
        # Who needs less water or gas than usual has no fault; a meter that stands still is the business of others.
        score[DOWN, erratic == 1] = 0.0
        score[SURGE, (erratic == 1) & (surge < 0)] = 0.0
        bar = columns["bar"][:, row]
        start, least, rates = START.T[:, erratic], LEAST.T[:, erratic], np.stack([RATES, ERRATIC]).T[:, erratic]
        bar = np.where(np.isnan(bar), start, bar)
        opened = columns["since"][row] > 0
        which = np.argmax(score / bar, axis=0)
        now, limit = (np.take_along_axis(cells, which[None], 0)[0] for cells in (score, bar))
        quick, number = which == SURGE, np.maximum(sums[ONE], 1)
        observed = np.where(quick, hours.value, sums[SEEN] / number)
        due = np.where(quick, hours.expected, sums[DUE] / number)
        matters = opened | (erratic == 0) | (np.abs(observed - due) > MATTERS * columns["size"][row])
        over = (hours.ripe >= GRACE) & (now > np.where(opened, RETURNED, 1.0) * limit) & matters
        hours.settled[:] = opened & over & (hours.time - columns["since"][row] >= NEW_NORMAL)
        active = over & ~hours.settled
        raised = (active & ~opened) & (np.arange(3)[:, None] == which)
        step = np.maximum(RAISE[:, None], SHARE[erratic] * bar)
        columns["bar"][:, row] = np.maximum(bar + (raised - rates) * step, least)

        # A moderate finding is about the day that showed it, a surge about the hour.
        band = limit * np.where(quick, hours.scale, np.abs(due))
        low = (which == DOWN) | (quick & (surge < 0))
        grade = np.where(low, 0, np.where(observed > 2 * np.abs(due), 2, 1))
        begin = hours.time - np.where(quick, HOUR, np.minimum(number, WINDOW).astype(np.int64) * HOUR)
        findings = []
        for i, since, on in tell(columns, hours, active, begin, grade):
            findings.append(
                self._finding(
                    hours.keys[row[i]],
                    context,
                    (since, int(hours.time[i])),
                    (float(observed[i]), float(due[i]), float(band[i])),
                    (_GRADES[int(grade[i])], float(1 - 0.5 / max(now[i] / limit[i], 1.0))),
                    active=on,
                    settled=bool(hours.settled[i] or hours.ripe[i] < GRACE),
                )
            )
        times = columns["hours"][row]
        rate = np.maximum(1 / (times + 1.0), 1 / MONTH)
        columns["size"][row] += np.where(active, 0.0, rate) * (np.abs(hours.value) - columns["size"][row])
        columns["hours"][row] = np.minimum(times + 1, MONTH)
        self._learn(columns, hours, ~(active | opened))
        return findings

    def _score(self, columns: Columns, hours: Hours) -> tuple[Floats, Floats, Floats]:
        """Excess, its opposite and the size of the surge; the sums over the window; the surge with its sign."""
        row, slot = hours.row, int(hours.time[0] // HOUR) % WINDOW
        sums = columns["sums"][:, row]
        lines = np.arange(len(_PARTS)) * WINDOW
        skipped = np.minimum(hours.gap // HOUR, WINDOW)
        for back in range(1, int(skipped.max(initial=0))):
            gone = np.flatnonzero(skipped > back)
            old = (lines + (slot - back) % WINDOW)[:, None]
            sums[:, gone] -= columns["parts"][old, row[gone]]
            columns["parts"][old, row[gone]] = 0
            columns["excess"][(slot - back) % WINDOW, row[gone]] = 0
        # How many spreads the expected is: how well a share of it shows. Before there is a spread, not at all.
        known = np.where(hours.ripe >= WARM, np.clip(hours.expected / hours.scale, 1.0, 1 / FLOOR), 0.0)
        more, less = self._likelihoods(columns, hours)
        # What all meters of a carrier do is the season; a hot afternoon is no reason to end what began without it.
        season = hours.shared & (columns["erratic"][row] | (columns["since"][row] == 0))
        residual = np.where(season, 0.0, hours.residual)
        more[season], less[season] = 0.0, 0.0
        part = np.empty((len(_PARTS), len(row)), np.float32)
        part[GAIN] = known * np.clip(residual, -_DEEP, _CAP)
        part[MASS] = known**2
        part[MORE], part[LESS], part[DUE], part[SEEN], part[ONE] = more, less, hours.expected, hours.value, 1
        here = (lines + slot)[:, None]
        sums += part.astype(np.float64) - columns["parts"][here, row]
        columns["parts"][here, row] = part
        columns["sums"][:, row] = sums
        surge = columns["surge"][row]
        surge = surge + _PACE * (np.clip(residual, -30, 30) - surge)
        columns["surge"][row] = surge
        share = np.divide(sums[GAIN], sums[MASS], out=np.zeros(len(row)), where=sums[MASS] > 0)
        excess = share + _SHARE * sums[MORE] / WINDOW
        before = columns["excess"][slot, row]
        columns["excess"][slot, row] = excess
        score = np.stack([excess - PAST * before, _SHARE * sums[LESS] / WINDOW - share, np.abs(surge)])
        return score, sums, surge

    def _likelihoods(self, columns: Columns, hours: Hours) -> Floats:
        """Log ratios of values a fifth lower (higher) having been seen at this hour, against values as they are."""
        row, daily = hours.row, _DAILY[hours.hour]
        ripe = columns["times"][daily, row] >= DEPTH - 3
        before = columns["seen"][daily * DEPTH + np.arange(DEPTH)[:, None], row]
        step = (_level(hours) - before) / _WIDTH
        known = ~np.isnan(step)
        number = np.maximum(known.sum(axis=0), 1)
        step = np.where(known, step, np.inf)

        def alike(to: float) -> Floats:
            share: Floats = (1 / (1 + (step - to) ** 2) ** 2).sum(axis=0) / number
            return share

        other = np.stack([np.max([alike(to) for to in way], axis=0) for way in SHIFTS / _WIDTH])
        ratio = np.log((other + _RARE) / (alike(0.0) + _RARE))
        return np.where(ripe, np.clip(ratio, -_CAP, _CAP), 0.0)

    def _learn(self, columns: Columns, hours: Hours, free: NDArray[np.bool_]) -> None:
        row, daily = hours.row[free], _DAILY[hours.hour[free]]
        times = columns["times"][daily, row]
        columns["seen"][daily * DEPTH + times % DEPTH, row] = _level(hours)[free]
        columns["times"][daily, row] = np.where(times == 255, 256 - DEPTH, times + 1)
        if hours.settled.any():
            for name in ("parts", "sums", "surge", "excess"):
                columns[name][..., hours.row[hours.settled]] = 0

    def _finding(
        self,
        key: SeriesKey,
        context: Context,
        time: tuple[int, int],
        levels: tuple[float, float, float],
        grade: tuple[Severity, float],
        *,
        active: bool,
        settled: bool,
    ) -> Finding:
        observed, expected, band = levels
        low, high = expected - band, expected + band
        if is_interval(key):
            low = max(low, 0.0)
        what, more = what_of(key), observed > expected
        way = Text("高于常态", "above normal") if more else Text("低于常态", "below normal")
        over = Text(f"{what.zh}已恢复常态", f"{what.en} is back to normal")
        if settled:
            since = context.when(key, time[0])
            over = Text(
                f"{what.zh}自{since}起改变后一直持续，已作为新的常态",
                f"{what.en} changed at {since} and stayed so; this is now taken as normal",
            )
        cause: Cause = "changed_use"
        if more:
            cause = "leak" if key.kind.startswith("water") else "left_on"
        return explain(
            self.rule,
            key,
            context,
            time,
            Level(observed, expected, low, high),
            Said(Text(f"{what.zh}{way.zh}", f"{what.en} {way.en}"), over),
            active=active,
            cause=cause,
            severity=grade[0],
            confidence=grade[1],
        )


def _erratic(key: SeriesKey) -> bool:
    """Whether a series is of something that is used less evenly than electricity is."""
    kind = kinds().get(key.kind.removesuffix(INTERVAL_SUFFIX))
    return kind is not None and kind.carrier in {"water", "gas", "heat"}


def _level(hours: Hours) -> Floats:
    """Values by their logarithm, where nothing is as little as half a spread."""
    return np.log(np.maximum(hours.value, 0.5 * hours.scale))


_DAILY = np.arange(HOURS) % 24 + np.where(np.arange(HOURS) >= WEEKEND, 24, 0)

DETECTOR = Seasonal()
