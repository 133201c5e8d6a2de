"""Noise change: a gauge that scatters several times as much as it usually does at this time of the day."""

from typing import ClassVar

import numpy as np

from analytics.calendar import WEEKEND
from analytics.detect.core import Column, Columns, Context, Hours, Layout, Rule, has_register, in_words, point_of, tell
from analytics.detect.explain import Level, Said, explain, what_of
from schema.finding import Finding
from schema.instant import HOUR
from schema.series import SeriesKey
from schema.text import Text

GRACE = 7 * 24
ENOUGH = 3
"""Readings an hour, for their scatter to mean something."""
OPENS, RETURNED, RAISE, RATE = np.log(2.5), 0.45, 0.4, 0.1 / (30 * 24)
"""Logarithm of how many times as much opens a finding; the share of it that ends one; what a finding adds to it for its
series, and the findings an hour by which that fades."""
_STEADY = frozenset({"temperature", "humidity", "voltage", "power", "pressure", "concentration"})
NEW_NORMAL = 72 * HOUR
FINEST, MATTERS, SWITCHED = 1e-6, 0.01, 0.03
"""Steps below such a share of the plausible range, or of what is expected (of what is switched on and off), are no
scatter."""
_PACE = 0.3
_MEMORY = 30.0


class Noise:
    """Flags a gauge whose steps from reading to reading grew, for some hours."""

    rule = Rule(
        "noise",
        Text("读数波动异常", "Scatter changed"),
        Text("检查传感器、接线屏蔽与采集通道。", "Check the sensor, its wiring and shield, and the channel."),
    )
    holds = False
    layout: ClassVar[Layout] = {
        "usual": Column("f4", 48),
        "spread": Column("f4", 48, 0.3),
        "times": Column("u1", 48),
        "more": Column("f8"),
        "bar": Column("f8", None, OPENS),
        "finest": Column("f8", None, np.nan),
        "matters": Column("f8"),
        "rise": Column("i8", fleeting=True),
    }

    def selects(self, key: SeriesKey) -> bool:
        """Gauges of something that does not jump by itself, as sunshine, lifts and what is switched on do."""
        point = point_of(key.kind, key.point)
        if point is None or key.kind in {"pv_inverter", "lift"} or key.point == "set_point":
            return False
        return point.kind == "gauge" and point.quantity in _STEADY

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """A mean of the logarithm of the scatter over its usual, in hours that have enough readings."""
        row, hour = hours.row, hours.hour.astype(np.intp)
        bin_ = hour % 24 + np.where(hour >= WEEKEND, 24, 0)
        scatter = hours.moved / np.maximum(hours.number, 1)
        finest = columns["finest"][row]
        for i in np.flatnonzero(np.isnan(finest)).tolist():
            columns["finest"][row[i]], columns["matters"][row[i]] = _floor(hours.keys[row[i]])
        part = columns["matters"][row] * np.abs(hours.expected)
        floor = np.maximum(np.maximum(columns["finest"][row], part), 0.02 * hours.scale)
        size = np.log(np.maximum(scatter, floor))
        anew = hours.ripe == 0
        columns["times"][:, row[anew]], columns["more"][row[anew]] = 0, 0.0
        usual, spread, times = columns["usual"][bin_, row], columns["spread"][bin_, row], columns["times"][bin_, row]
        counts = (hours.number >= ENOUGH) & (times >= 3)
        more = columns["more"][row]
        more = np.where(counts, more + _PACE * (np.clip(size - usual, -3, 3) - more), more)
        columns["more"][row] = more
        opened = columns["since"][row] > 0
        bar = columns["bar"][row]
        over = more > np.where(opened, RETURNED, 1.0) * np.maximum(bar, 4 * spread)
        lasted = opened & (hours.time - columns["since"][row] >= NEW_NORMAL)
        active = over & (hours.ripe >= GRACE) & ~lasted & ~hours.shared
        columns["bar"][row] = np.maximum(bar + ((active & ~opened) - RATE) * RAISE, OPENS)
        rise = np.where((more > 0.5 * OPENS) & (columns["rise"][row] > 0), columns["rise"][row], hours.time - HOUR)
        columns["rise"][row] = np.where(more > 0.5 * OPENS, rise, 0)
        findings = []
        for i, since, on in tell(columns, hours, active, rise, np.ones(len(row), np.int8)):
            key, times_ = hours.keys[row[i]], float(np.exp(more[i]))
            what, expected = what_of(key), float(np.exp(usual[i]))
            seen = in_words(key, expected * times_)
            over_ = Text(f"{what.zh}波动已恢复正常", f"{what.en} scatters as usual again")
            if lasted[i]:
                over_ = Text(f"{what.zh}波动一直如此，已作为新的常态", f"{what.en} goes on to scatter: taken as normal")
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (since, int(hours.time[i])),
                    Level(expected * times_, expected, 0.0, expected * float(np.exp(OPENS))),
                    Said(
                        Text(
                            f"{what.zh}逐次读数相差{seen}，为平时的{times_:.1f}倍",
                            f"{what.en} steps by {seen} from reading to reading, {times_:.1f} times the usual",
                        ),
                        over_,
                    ),
                    active=on,
                    cause="sensor",
                    confidence=min(0.95, 0.5 + 0.1 * times_),
                    excess=0.0,
                )
            )
        free = (hours.number >= ENOUGH) & ~(active | (opened & ~lasted))
        rate = free * np.maximum(1 / (times + 1.0), 1 / _MEMORY)
        off = np.where(times >= 3, np.clip(size - usual, -2, 2), size - usual)
        columns["usual"][bin_, row] = usual + rate * off
        columns["spread"][bin_, row] = spread + np.where(times >= 3, rate, 0) * (np.abs(off) - spread)
        columns["times"][bin_, row] = np.minimum(times + free, 250)
        again = row[lasted]
        columns["times"][:, again], columns["more"][again] = 0, 0.0
        return findings


def _floor(key: SeriesKey) -> tuple[float, float]:
    """The least step of a gauge that can mean anything, in its unit and as a share of what is expected."""
    point = point_of(key.kind, key.point)
    if point is None:
        return 0.0, MATTERS
    switched = point.quantity == "power" or (point.quantity == "temperature" and has_register(key))
    return FINEST * (point.high - point.low), SWITCHED if switched else MATTERS


DETECTOR = Noise()
