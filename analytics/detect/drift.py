"""Drift: a level that moved, little by little or in a step too small to be unusual on any one day.

A CUSUM (Page 1954) of daily means of residuals, in their own usual size, both ways; its threshold is conformal, as
those of unusual consumption.
"""

from typing import ClassVar

import numpy as np

from analytics.detect.core import (
    Column,
    Columns,
    Context,
    Hours,
    Layout,
    Rule,
    has_register,
    is_booked,
    is_interval,
    point_of,
    tell,
)
from analytics.detect.explain import Level, Said, explain, what_of
from schema.finding import Finding
from schema.instant import DAY
from schema.series import SeriesKey
from schema.text import Text

GRACE = 28 * 24
SLACK = 0.5
"""What a day may be off, in its usual size, without adding up."""
START, LEAST, RAISE = 14.0, 14.0, 2.0
RATE = 0.1 / 30
"""Threshold: at first, at least, and a step up; findings a day."""
NEW_NORMAL = 7 * DAY
_MEMORY = 1 / 60
_TINY = 0.1
WARMER = 1.5
"""What a temperature has to be off to matter, in kelvin."""


class Drift:
    """Flags a sum of small deviations of one sign, judged at the end of each local day."""

    rule = Rule(
        "drift",
        Text("缓慢漂移或整体偏移", "Slow drift or level shift"),
        Text(
            "校验表计与互感器；确有用途变化的，请登记。", "Verify the meter and its transformers; note a change of use."
        ),
    )
    holds = False
    layout: ClassVar[Layout] = {
        "sum": Column("f8", fleeting=True),
        "number": Column("i4", fleeting=True),
        "seen": Column("f8", fleeting=True),
        "due": Column("f8", fleeting=True),
        "size": Column("f8", None, 0.5),
        "up": Column("f8"),
        "down": Column("f8"),
        "rise": Column("i8"),
        "bar": Column("f8", None, START),
        "days": Column("i4"),
        "books": Column("?"),
    }

    def selects(self, key: SeriesKey) -> bool:
        """What meters book, and temperatures that are kept: not the weather's, nor that of a meter's own water.

        Water is used by the season, and a leak shows at night.
        """
        point = point_of(key.kind, key.point)
        gauge = point is not None and point.kind == "gauge" and point.quantity == "temperature"
        kept = gauge and key.point != "set_point" and key.kind != "weather_station" and not has_register(key)
        return (is_booked(key) and not key.kind.startswith("water_meter")) or kept

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """Gather the day, and at its last hour add it up."""
        row = hours.row
        begins = (hours.hour % 24 == 0) | (hours.gap > DAY)
        fresh, anew = row[hours.gap == 0], row[hours.ripe == 0]
        columns["books"][fresh] = [is_interval(hours.keys[i]) for i in fresh]
        columns["up"][anew], columns["down"][anew] = 0.0, 0.0
        for name, value in (
            ("sum", np.where(hours.shared, 0.0, np.clip(hours.residual, -4, 4))),
            ("seen", hours.value),
            ("due", hours.expected),
            ("number", np.ones(len(row), np.int32)),
        ):
            columns[name][row] = np.where(begins, 0, columns[name][row]) + value
        done = np.flatnonzero((hours.hour % 24 == 23) & (columns["number"][row] >= 12) & (hours.ripe >= GRACE))
        if not len(done):
            return []
        return self._judge(columns, hours._replace(row=row[done], time=hours.time[done]), context)

    def _judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        row = hours.row
        mean = columns["sum"][row] / columns["number"][row]
        size = columns["size"][row]
        day = np.clip(mean / np.maximum(size, _TINY), -4, 4)
        before = np.maximum(columns["up"][row], columns["down"][row])
        up = np.maximum(columns["up"][row] + day - SLACK, 0)
        down = np.maximum(columns["down"][row] - day - SLACK, 0)
        score = np.maximum(up, down)
        rise = np.where(before > 0, columns["rise"][row], hours.time - DAY)
        bar = columns["bar"][row]
        opened = columns["since"][row] > 0
        lasted = opened & (hours.time - columns["since"][row] >= NEW_NORMAL)
        number = columns["number"][row]
        observed, due = columns["seen"][row] / number, columns["due"][row] / number
        least = np.where(columns["books"][row], 0.0, WARMER)
        active = (score > np.where(opened, 0.5, 1.0) * bar) & ~lasted & (opened | (np.abs(observed - due) > least))
        new = active & ~opened
        columns["bar"][row] = np.maximum(bar + (new - RATE) * RAISE, LEAST)
        findings = []
        for i, since, on in tell(columns, hours, active, rise, np.zeros(len(row), np.int8)):
            key = hours.keys[row[i]]
            what, above = what_of(key), up[i] >= down[i]
            over = Text(f"{what.zh}已回到原来的水平", f"{what.en} is back at its level")
            if lasted[i]:
                over = Text(f"{what.zh}已稳定在新的水平", f"{what.en} has a new level: taken as normal")
            band = abs(float(observed[i] - due[i])) / max(float(score[i] / bar[i]), 1.0)
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (since, int(hours.time[i])),
                    Level(float(observed[i]), float(due[i]), float(due[i]) - band, float(due[i]) + band),
                    Said(
                        Text(
                            f"{what.zh}逐日{'偏高' if above else '偏低'}",
                            f"{what.en} day after day {'above' if above else 'below'} what is expected",
                        ),
                        over,
                    ),
                    active=on,
                    cause="meter" if is_interval(key) else "sensor",
                    severity="info",
                    confidence=float(np.clip(1 - 0.5 * bar[i] / max(score[i], 1e-9), 0.5, 0.95)),
                )
            )
        columns["size"][row] = size + np.maximum(1 / (columns["days"][row] + 2.0), _MEMORY) * (
            1.25 * np.minimum(np.abs(mean), 3 * size) - size
        )
        columns["days"][row] += 1
        columns["up"][row], columns["down"][row] = np.where(lasted, 0, up), np.where(lasted, 0, down)
        columns["rise"][row] = rise
        return findings


DETECTOR = Drift()
