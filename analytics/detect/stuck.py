"""Stuck: a meter that counts nothing, or a gauge that repeats itself, where it practically never does."""

from typing import ClassVar

import numpy as np

from analytics.calendar import WEEKEND
from analytics.detect.core import Column, Columns, Context, Layout, Rule, Wave, in_words, is_interval, point_of, tell
from schema.finding import Finding
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey
from schema.text import Text

GRACE = 7 * DAY
RARE = 0.03
"""Standing still counts as evidence only in hours where it is rarer than this."""
OPENS = 3.0
"""Hours of such evidence that open a finding."""

_MEMORY = 100.0


class Stuck:
    """Flags a series that stands still through hours in which it always moved."""

    rule = Rule(
        "stuck",
        Text("表计停走", "Meter or sensor stuck"),
        Text(
            "现场核对表计读数与采集通道；确认停用的，请在台账中停用该设备。",
            "Read the meter on site and check its channel; retire the device if it is out of use.",
        ),
    )
    layout: ClassVar[Layout] = {
        "still": Column("f4", 48),
        "hours": Column("f4", 48),
        "usual": Column("f4", 48),
        "interval": Column("?"),
        "value": Column("f8", None, np.nan),
        "run": Column("i8"),
        "owed": Column("f8"),
        "missed": Column("f8"),
    }

    def selects(self, key: SeriesKey) -> bool:
        """Consumption, and gauges; a register's standing still shows in its consumption."""
        point = point_of(key.kind, key.point)
        return is_interval(key) or (point is not None and point.kind == "gauge")

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Weigh the hours of standing still by how rare that is, then learn how rare it is."""
        row, value = wave.row, wave.value
        hour = wave.hour.astype(np.intp)
        bin_ = hour % 24 + np.where(hour >= WEEKEND, 24, 0)
        weight = np.minimum(np.where(wave.gap > 0, wave.gap, 15 * MINUTE), HOUR) / HOUR
        fresh = row[wave.gap == 0]
        columns["interval"][fresh] = [is_interval(wave.keys[i]) for i in fresh]
        still = np.where(columns["interval"][row], value == 0, value == columns["value"][row])
        share, hours, usual = columns["still"][bin_, row], columns["hours"][bin_, row], columns["usual"][bin_, row]

        ripe = (wave.time - columns["first"][row] >= GRACE) & (hours >= 2)
        counts = still & ripe & (share < RARE)
        run = np.where(still & (columns["run"][row] > 0), columns["run"][row], wave.time)
        owed = np.where(still, columns["owed"][row] + np.where(counts, weight, 0.0), 0.0)
        missed = np.where(still, columns["missed"][row] + np.where(counts, weight * usual, 0.0), 0.0)
        columns["run"][row] = np.where(still, run, 0)
        columns["owed"][row], columns["missed"][row], columns["value"][row] = owed, missed, value

        active = owed >= OPENS
        findings = []
        for i, begin, on in tell(columns, wave, active, run, np.ones(len(row), np.int8)):
            key = wave.keys[row[i]]
            expected = float(missed[i] / owed[i]) if on else float(usual[i])
            findings.append(self._finding(key, context, begin, int(wave.time[i]), float(value[i]), expected, active=on))

        # A run of standing still is learned once, by its first reading: how often it starts, not how long it lasts.
        doubted = counts & (owed > weight)
        rate = np.where(doubted, 0.0, np.maximum(weight / (hours + weight), 1 - np.exp(-weight / _MEMORY)))
        columns["still"][bin_, row] = share + rate * (still - share)
        columns["usual"][bin_, row] = usual + rate * (value - usual)
        columns["hours"][bin_, row] = np.minimum(hours + np.where(rate > 0, weight, 0.0), 1e3)
        return findings

    def _finding(
        self, key: SeriesKey, context: Context, begin: int, end: int, value: float, expected: float, *, active: bool
    ) -> Finding:
        point = point_of(key.kind, key.point)
        unit = point.unit if point else ""
        where, since = context.where(key), context.when(key, begin)
        seen, due = in_words(key, value), in_words(key, expected)
        if not active:
            reason = Text(f"{where.zh}：读数恢复变化", f"{where.en}: the readings move again")
        elif is_interval(key):
            reason = Text(
                f"{where.zh}：自{since}起用量为零，此时段通常约{due}",
                f"{where.en}: no consumption since {since}; at these hours it is usually about {due}",
            )
        else:
            title = point.title if point else Text(key.point, key.point)
            reason = Text(
                f"{where.zh}：{title.zh}自{since}起停在{seen}不变",
                f"{where.en}: {title.en} has stood at exactly {seen} since {since}",
            )
        return Finding(
            series=key,
            rule=self.rule.name,
            begin=begin,
            end=end,
            observed=value,
            expected=expected,
            low=expected,
            high=expected,
            unit=unit,
            severity="warning",
            confidence=0.9,
            reason=reason,
            active=active,
        )


DETECTOR = Stuck()
