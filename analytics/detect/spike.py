"""Spike: a single reading far from all around it, told when the readings after it are as they should be.

Its threshold is conformal, as those of unusual consumption: a spike raises it a step, every hour lowers it a little.
"""

from typing import ClassVar

import numpy as np

from analytics.detect.core import Column, Columns, Context, Hours, Layout, Rule, is_booked, is_interval, point_of, tell
from analytics.detect.explain import Level, Said, explain, what_of
from schema.finding import Finding
from schema.instant import HOUR
from schema.series import INTERVAL_SUFFIX, SeriesKey
from schema.text import Text

GRACE = 10 * 24
START, LEAST, SHARE = 18.0, 15.0, 0.2
RATE = 0.1 / (30 * 24)
"""Threshold in spreads: at first, at least, and the share of it that is a step up; findings an hour."""
_MEASURED = frozenset({"power", "voltage", "temperature", "humidity", "pressure", "concentration"})
_AT_WILL = frozenset({"pv_inverter", "weather_station", "lift"})
WIDER = 0.5
"""A spike is further outside of all that was seen lately than this share of the range of it."""
_MEMORY = 60 * 24
CALM = 4.0
"""Around a spike nothing is further off than this."""


class Spike:
    """Flags an hour of which one reading is far off, in the hour after it."""

    rule = Rule(
        "spike",
        Text("读数跳变", "Spike"),
        Text(
            "核对该时刻的原始读数；如属误读，请在补采中更正。",
            "Check the raw reading of that moment; correct a misreading.",
        ),
    )
    holds = True
    layout: ClassVar[Layout] = {
        "bar": Column("f8", None, START),
        "far": Column("f8", fleeting=True),
        "peak": Column("f8", fleeting=True),
        "level": Column("f8", fleeting=True),
        "scale": Column("f8", fleeting=True),
        "least": Column("f8", None, np.nan),
        "most": Column("f8", None, np.nan),
    }

    def selects(self, key: SeriesKey) -> bool:
        """What meters book, power, and what is steady; not what comes and goes as it likes, as people and meals do."""
        point = point_of(key.kind, key.point)
        if key.kind.removesuffix(INTERVAL_SUFFIX) in _AT_WILL or key.point == "set_point":
            return False
        return is_booked(key) or (point is not None and point.kind == "gauge" and point.quantity in _MEASURED)

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """Was the hour before one of a single reading far off, and is this one calm?"""
        row = hours.row
        bar, before = columns["bar"][row], columns["far"][row]
        calm = np.abs(hours.residual) < CALM
        active = (hours.ripe >= GRACE) & (before > bar) & calm & (hours.gap <= HOUR)
        begin = hours.time - 2 * HOUR
        observed, level, scale = columns["peak"][row], columns["level"][row], columns["scale"][row]
        findings = []
        for i, since, on in tell(columns, hours, active, begin, np.zeros(len(row), np.int8)):
            key = hours.keys[row[i]]
            what, band = what_of(key), float(bar[i] * scale[i])
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (since, int(hours.time[i])),
                    Level(float(observed[i]), float(level[i]), float(level[i]) - band, float(level[i]) + band),
                    Said(
                        Text(f"{what.zh}出现单次跳变", f"{what.en} jumped in a single reading"),
                        Text("此后读数正常", "the readings after it are normal"),
                    ),
                    active=on,
                    cause="meter" if is_interval(key) else "sensor",
                    severity="info",
                    confidence=float(1 - 0.5 * bar[i] / max(before[i], bar[i])),
                    excess=0.0,
                )
            )
        columns["bar"][row] = np.maximum(bar * (1 + (active - RATE) * SHARE), LEAST)

        above = hours.high - hours.expected > hours.expected - hours.low
        peak = np.where(above, hours.high, hours.low)
        number = hours.number
        rest = (hours.value * number - peak) / np.maximum(number - 1, 1)
        alone = (number == 1) | (np.abs(rest - hours.expected) < CALM * hours.scale)
        least, most = columns["least"][row], columns["most"][row]
        wide = np.maximum(most - least, hours.scale)
        outside = np.maximum(peak - most, least - peak) > WIDER * wide
        columns["far"][row] = np.where(alone & outside, np.abs(peak - hours.expected) / hours.scale, 0.0)
        # A spike widens the range too, but not so far that the next one is within it.
        edge = np.where(np.isnan(most), np.inf, WIDER * wide)
        for name, seen, way in (("least", hours.low, -1), ("most", hours.high, 1)):
            was = np.where(np.isnan(columns[name][row]), seen, columns[name][row])
            now = np.clip(seen, was - edge, was + edge)
            columns[name][row] = np.where(way * (now - was) > 0, now, was + (hours.value - was) / _MEMORY)
        columns["peak"][row], columns["level"][row], columns["scale"][row] = peak, hours.expected, hours.scale
        return findings


DETECTOR = Spike()
