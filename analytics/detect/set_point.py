"""Set point: a room set colder in summer, or warmer in winter, than the state allows."""

from typing import ClassVar

import numpy as np

from analytics.detect.core import LASTING, Columns, Context, Floats, Layout, Rule, Wave, lasting, tell
from analytics.detect.explain import Level, Said, explain
from schema.finding import Finding
from schema.instant import HOUR
from schema.series import SeriesKey
from schema.text import Text

PATIENCE = HOUR // 2
TOLERANCE = 0.4
COOLING, HEATING = (501, 930), (1115, 315)
"""First and last day (month and day) that a set point is one of cooling, or of heating: in between it is neither."""
"""Months in which a set point is one of cooling, or of heating; between them it says nothing."""


class SetPoint:
    """Flags a set point beyond the statutory one for half an hour."""

    rule = Rule(
        "set_point",
        Text("空调设定温度违规", "Set point beyond the rule"),
        Text("将设定温度恢复到规定值并锁定面板。", "Set it back to the statutory temperature and lock the panel."),
    )
    layout: ClassVar[Layout] = {**LASTING}

    def selects(self, key: SeriesKey) -> bool:
        """Set points."""
        return key.kind == "room_sensor" and key.point == "set_point"

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Time beyond the limit of the season."""
        row, value = wave.row, wave.value
        day = self._days(wave, context)
        cools, heats = (day >= COOLING[0]) & (day <= COOLING[1]), (day >= HEATING[0]) | (day <= HEATING[1])
        cooling = context.limits.of("set_point.cooling", wave.keys, row, wave.time)
        heating = context.limits.of("set_point.heating", wave.keys, row, wave.time)
        over = (cools & (value < cooling - TOLERANCE)) | (heats & (value > heating + TOLERANCE))
        active, begin = lasting(columns, wave, over, PATIENCE)
        findings = []
        for i, since, on in tell(columns, wave, active, begin, np.ones(len(row), np.int8)):
            seen, summer = float(value[i]), bool(cools[i])
            limit = float(cooling[i] if summer else heating[i])
            way = Text("制冷设定低于规定", "cooling set below the rule")
            if not summer:
                way = Text("采暖设定高于规定", "heating set above the rule")
            findings.append(
                explain(
                    self.rule,
                    wave.keys[row[i]],
                    context,
                    (since, int(wave.time[i])),
                    Level(seen, limit, limit if summer else 5.0, 40.0 if summer else limit),
                    Said(way, Text("设定已恢复到规定范围", "the set point is within the rule again")),
                    active=on,
                    cause="setting",
                    confidence=1.0,
                )
            )
        return findings

    def _days(self, wave: Wave, context: Context) -> Floats:
        """Month and day of each reading on its site's clock; looked up once for each site and hour."""
        hours = wave.time // HOUR
        known: dict[tuple[str, int], int] = {}
        found = np.zeros(len(hours))
        for i, hour in enumerate(hours.tolist()):
            site = wave.keys[wave.row[i]].site
            if (site, hour) not in known:
                local = context.calendar(site).local(hour * HOUR)
                known[site, hour] = 100 * local.month + local.day
            found[i] = known[site, hour]
        return found


DETECTOR = SetPoint()
