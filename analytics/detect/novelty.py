"""Novelty: what a gauge has not done before, where no rule and no profile says what is usual."""

from typing import ClassVar

import numpy as np

from analytics.detect.arrays import LAYOUT, advance_rows
from analytics.detect.core import Column, Columns, Context, Hours, Layout, Rule, is_interval, point_of, tell
from analytics.detect.explain import Level, Said, explain, what_of
from analytics.novelty.surprise import FLAG
from schema.finding import Finding
from schema.instant import HOUR
from schema.series import SeriesKey
from schema.text import Text

HOLD = 3 * HOUR
"""A finding lasts so long after the last hour that was new: what goes on is no longer new."""
_WIDE = 5.0
"""The band that is told: so many usual distances from the level."""
_QUANTITIES = frozenset({"concentration", "humidity", "pressure", "speed", "mass"})


class Novelty:
    """Flags an hour unlike all before it."""

    rule = Rule(
        "novelty",
        Text("前所未见", "Not seen before"),
        Text(
            "对照现场情况与同类设备，判断是否需要处理。",
            "Compare with what happens on site and with devices of its kind; decide whether it matters.",
        ),
    )
    holds = False
    layout: ClassVar[Layout] = {**LAYOUT, "risen": Column("i8", fleeting=True), "score": Column("f8", fleeting=True)}

    def selects(self, key: SeriesKey) -> bool:
        """Gauges of quantities that nothing else has an expectation of; weather is nobody's fault."""
        point = point_of(key.kind, key.point)
        indoors = point is not None and not is_interval(key) and key.kind != "weather_station"
        return indoors and point is not None and point.kind == "gauge" and point.quantity in _QUANTITIES

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """Score the means of hours, then learn them."""
        row, time = hours.row, hours.time
        level = columns["origin"][row] + columns["level"][row]
        band = _WIDE * columns["size"][0, row]
        score = advance_rows(columns, row, time - HOUR, hours.value, hours.hour, hours.gap)
        risen, before = columns["risen"][row], columns["score"][row]
        new = (score >= FLAG) & (np.abs(hours.value - level) > band)
        open_ = (risen > 0) & (time - risen < HOLD)
        begin = np.where(open_, risen, time)
        columns["risen"][row] = np.where(new, begin, np.where(open_, risen, 0))
        columns["score"][row] = sure = np.where(new, np.maximum(score, np.where(open_, before, 0.0)), before)
        active = new | open_
        return [
            explain(
                self.rule,
                key := hours.keys[row[i]],
                context,
                (start - HOUR, int(time[i])),
                Level(float(hours.value[i]), float(level[i]), float(level[i] - band[i]), float(level[i] + band[i])),
                Said(
                    Text(f"{what_of(key).zh}前所未见", f"{what_of(key).en} unlike anything before"),
                    Text(f"{what_of(key).zh}没有新的异动", f"nothing new in {what_of(key).en}"),
                ),
                active=on,
                cause="unknown",
                severity="info",
                confidence=float(max(sure[i], FLAG)),
            )
            for i, start, on in tell(columns, hours, active, begin, np.zeros(len(row), np.int8))
        ]


DETECTOR = Novelty()
