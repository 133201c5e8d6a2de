"""Seasonal profile: consumption or a gauge that is not what this hour of this week usually brings.

Each series has an hour-of-week profile of levels, falling back on the hour of the same kind of day while a bin is
young, and a robust spread by hour and kind of day. A reading's residual, in spreads, feeds two exponential means (under
an hour, a third of a day); each is judged by its own usual size, so that weather and habit, which make
residuals hang together, widen the band instead of raising alarms. What was flagged is not learned, until it has lasted
so long that it is the new normal.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import HOURS, WEEKEND
from analytics.detect.core import Column, Columns, Context, Layout, Rule, Wave, in_words, is_interval, point_of, tell
from devices import kinds
from schema.finding import Finding, Severity
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey
from schema.text import Text

DAY_HOURS = 48
WARM = 5 * DAY
"""From this age on residuals mean something and their usual size is learned."""
GRACE = 10 * DAY
"""Nothing is said of a series younger than this, or of fewer readings than ENOUGH."""
ENOUGH = 200
NEW_NORMAL = 36 * HOUR
"""A finding this old is no longer an anomaly: the series is learned anew, its band DOUBT times as wide at first."""
DOUBT = 2.0
FLOOR = 0.03
"""The spread is never taken to be less than this share of the series' usual size."""
CLIP = 10.0
SIGMA = 1.25
"""Standard deviations in a mean absolute residual, for a normal one."""

HORIZONS = np.array([[0.75], [8.0]])
LIMITS = np.array([[10.0], [3.2]])
LEAST = np.array([[0.6], [0.35]])
"""Hours each mean of residuals reaches back, standard deviations that flag it, and the least size it is judged by."""
RETURNED = 0.5
"""A finding ends when its score fell below this share of what opened it."""

_BIN_MEMORY = 5.0
_DAY_MEMORY = 25.0
_SPREAD_MEMORY = 40.0
_DRIFT_MEMORY = 72.0
_SIZE_MEMORY = 14 * 24.0
_FIRST_GAP = 15 * MINUTE
_GRADES: tuple[Severity, ...] = ("info", "warning", "critical")


class Seasonal:
    """Flags what leaves the band of its own week."""

    rule = Rule(
        "seasonal",
        Text("用量异常", "Unusual consumption"),
        Text(
            "核对该时段的运行安排与设备启停；确属浪费的，关停或调整时间表。",
            "Compare with what was scheduled to run then; switch off or reschedule what was not.",
        ),
    )
    layout: ClassVar[Layout] = {
        "week": Column("f4", HOURS),
        "week_hours": Column("f4", HOURS),
        "day": Column("f4", DAY_HOURS),
        "day_hours": Column("f4", DAY_HOURS),
        "spread": Column("f4", DAY_HOURS),
        "count": Column("i8"),
        "hours": Column("f8"),
        "size": Column("f8"),
        "drift": Column("f8"),
        "mean": Column("f8", 2),
        "usual": Column("f8", 2, 0.8),
        "rise": Column("i8"),
        "way": Column("i1"),
        "seen": Column("f8"),
        "due": Column("f8"),
        "span": Column("f8"),
    }

    def selects(self, key: SeriesKey) -> bool:
        """Consumption; where a meter has no register, what it measures of power, current or flow.

        All of one meter tell of one cause, and weather is nobody's fault; cabinets have limits of their own.
        """
        kind, point = kinds().get(key.kind), point_of(key.kind, key.point)
        if is_interval(key):
            return True
        measured = point is not None and point.kind == "gauge" and point.quantity in _METERED
        return measured and kind is not None and kind.consumption is None

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Score against the profile, then learn what was not flagged."""
        row, value, hour = wave.row, wave.value, wave.hour.astype(np.intp)
        daily = _DAILY[hour]
        gap = np.where(wave.gap > 0, wave.gap, _FIRST_GAP) / HOUR
        if (gap == gap[0]).all():
            gap = gap[:1]  # a batch of one cadence needs each exponential once, not once a series
        weight = np.minimum(gap, 1.0)

        level, hours = columns["week"][hour, row], columns["week_hours"][hour, row]
        fallback, day_hours = columns["day"][daily, row], columns["day_hours"][daily, row]
        usual_level = fallback + hours / (hours + 0.5) * (level - fallback)
        size, spread, drift = columns["size"][row], columns["spread"][daily, row], columns["drift"][row]
        scale = np.maximum(SIGMA * spread, FLOOR * size + 1e-9)
        expected = usual_level + drift * scale

        age = wave.time - columns["first"][row]
        count = columns["count"][row]
        known = day_hours > 0
        warm = known & (age >= WARM)
        ripe = warm & (age >= GRACE) & (count >= ENOUGH)
        residual = np.where(known, value - expected, 0.0)
        z = np.where(warm, np.clip(residual / scale, -CLIP, CLIP), 0.0)

        mean = columns["mean"].take(row, axis=1) * np.exp(-gap / HORIZONS) + (1 - np.exp(-weight / HORIZONS)) * z
        usual = columns["usual"].take(row, axis=1)
        limit = LIMITS * SIGMA * np.maximum(usual, LEAST)
        ratio = mean / limit
        longer = np.abs(ratio[1]) > np.abs(ratio[0])
        signed = np.where(ripe, np.where(longer, ratio[1], ratio[0]), 0.0)
        score = np.abs(signed)

        rise, way = columns["rise"][row], np.sign(signed)
        same = (rise > 0) & (score > RETURNED) & (columns["way"][row] == way)
        begin = np.where(same, rise, wave.time)
        span = np.where(same, columns["span"][row], 0.0) + weight
        seen = np.where(same, columns["seen"][row], 0.0) + weight * value
        due = np.where(same, columns["due"][row], 0.0) + weight * expected
        columns["rise"][row], columns["way"][row] = np.where(score > RETURNED, begin, 0), way
        columns["span"][row], columns["seen"][row], columns["due"][row] = span, seen, due

        opened = columns["since"][row] > 0
        above_limit = np.where(opened, same, score > 1)
        settled = opened & above_limit & (wave.time - columns["since"][row] >= NEW_NORMAL)
        active = above_limit & ~settled
        observed, foreseen = seen / span, due / span
        grade = np.where(signed < 0, 0, np.where((score > 2) & (observed > 2 * np.abs(foreseen)), 2, 1))
        band = np.where(longer, limit[1], limit[0]) * scale
        findings = [
            self._finding(
                wave.keys[row[i]],
                context,
                (start, int(wave.time[i])),
                (float(observed[i]), float(foreseen[i]), float(band[i])),
                _GRADES[int(grade[i])],
                float(1 - 0.5 / max(score[i], 1.0)) * min(1.0, 0.7 + 0.1 * float(hours[i])),
                active=on,
                settled=bool(settled[i]),
            )
            for i, start, on in tell(columns, wave, active, begin, grade)
        ]

        # An outlier counts as the edge of the band; before the spread is known there is no band.
        bound = np.where(warm, 4 * scale, np.inf)
        miss = np.clip(residual, -bound, bound)
        target = value - (residual - miss)
        open_to = ~active
        columns["week"][hour, row] = level + open_to * _rate(weight, hours, _BIN_MEMORY) * (target - level)
        columns["day"][daily, row] = fallback + open_to * _rate(weight, day_hours, _DAY_MEMORY) * (target - fallback)
        off = np.abs(miss) - spread
        columns["spread"][daily, row] = spread + open_to * _rate(weight, day_hours, _SPREAD_MEMORY) * off
        columns["week_hours"][hour, row] = np.minimum(hours + open_to * weight, 1e3)
        columns["day_hours"][daily, row] = np.minimum(day_hours + open_to * weight, 1e3)
        total = columns["hours"][row]
        columns["size"][row] = size + open_to * _rate(weight, total, _SIZE_MEMORY) * (np.abs(target) - size)
        columns["hours"][row] = total + open_to * weight
        columns["count"][row] = count + 1

        learning = warm & open_to
        off = np.minimum(np.abs(mean), 4 * usual) - usual
        doubt = np.where(settled, DOUBT, 1.0)
        _put(columns["usual"], row, doubt * usual + learning * (1 - np.exp(-weight / _SIZE_MEMORY)) * off)
        drifted = learning * (1 - np.exp(-weight / _DRIFT_MEMORY)) * np.clip(z, -3, 3)
        columns["drift"][row] = drift + drifted
        _put(columns["mean"], row, np.where(settled, 0.0, mean))
        if settled.any():
            _shift(columns, row[settled], mean[1, settled])
        return findings

    def _finding(
        self,
        key: SeriesKey,
        context: Context,
        time: tuple[int, int],
        levels: tuple[float, float, float],
        severity: Severity,
        confidence: float,
        *,
        active: bool,
        settled: bool,
    ) -> Finding:
        begin, end = time
        observed, expected, band = levels
        low, high = expected - band, expected + band
        point = point_of(key.kind, key.point)
        unit = point.unit if point else ""
        if is_interval(key):
            low, what = max(low, 0.0), Text("用量", "consumption")
        else:
            what = point.title if point else Text(key.point, key.point)
        seen, due, least, most = (in_words(key, value) for value in (observed, expected, low, high))
        where, since = context.where(key), context.when(key, begin)
        way = Text("高于", "above") if observed > expected else Text("低于", "below")
        reason = Text(
            f"{where.zh}：自{since}起{what.zh}{way.zh}常态，平均{seen}，预期{due}（{least}～{most}）",
            f"{where.en}: {what.en} {way.en} normal since {since}: {seen} on average, "
            f"expected {due} ({least} to {most})",
        )
        if settled:
            reason = Text(
                f"{where.zh}：{what.zh}自{since}起改变后一直持续，已作为新的常态",
                f"{where.en}: {what.en} changed at {since} and stayed so; this is now taken as normal",
            )
        elif not active:
            reason = Text(f"{where.zh}：{what.zh}已恢复常态", f"{where.en}: {what.en} is back to normal")
        costs = is_interval(key) and unit == "kWh"
        return Finding(
            series=key,
            rule=self.rule.name,
            begin=begin,
            end=end,
            observed=observed,
            expected=expected,
            low=low,
            high=high,
            unit=unit,
            severity=severity,
            confidence=confidence,
            reason=reason,
            active=active,
            cost_kwh_per_hour=max(observed - expected, 0.0) * HOUR / (15 * MINUTE) if costs else 0.0,
        )


_METERED = frozenset({"power", "flow", "voltage", "current"})

_DAILY = np.arange(HOURS) % 24 + np.where(np.arange(HOURS) >= WEEKEND, 24, 0)
"""The hour of the kind of day (workday 0..23, day off 24..47) of each hour of the week."""

DETECTOR = Seasonal()


def _rate(weight: NDArray[np.float64], hours: NDArray[np.float64], memory: float) -> NDArray[np.float64]:
    """How much a new value counts: a plain mean while young, exponentially forgetting after `memory` hours."""
    share: NDArray[np.float64] = np.maximum(weight / (hours + weight), 1 - np.exp(-weight / memory))
    return share


def _shift(columns: Columns, row: NDArray[np.intp], by: NDArray[np.float64]) -> None:
    """Move the whole profile of some series by so many of their spreads, and let what comes next shape it quickly."""
    step = by * np.maximum(SIGMA * columns["spread"][:, row], FLOOR * columns["size"][row])
    columns["day"][:, row] += step
    columns["week"][:, row] += step[_DAILY]
    columns["week_hours"][:, row] = np.minimum(columns["week_hours"][:, row], 1.0)
    columns["day_hours"][:, row] = np.minimum(columns["day_hours"][:, row], 4.0)


def _put(cells: NDArray[np.float64], row: NDArray[np.intp], values: NDArray[np.float64]) -> None:
    """Write the cells of some series, line by line: ten times as fast as one assignment through both axes."""
    for line, new in zip(cells, values, strict=True):
        line[row] = new
