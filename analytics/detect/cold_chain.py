"""Cold chain: a cabinet warmer than its class allows, longer than a door or a defrost explains.

Limits after GB 31654-2021 (chilled 0 to 8 Cel, frozen -12 Cel and below); a cabinet's class is told by what it keeps.
"""

from typing import ClassVar

import numpy as np

from analytics.detect.core import Column, Columns, Context, Layout, Rule, Wave, tell
from schema.finding import Finding, Severity
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey
from schema.text import Text

CHILLED, FROZEN = 8.0, -12.0
FROZEN_BELOW = -5.0
"""A cabinet whose usual air is colder than this is a freezer."""
PATIENCE = 30 * MINUTE
DEAD_BAND = 0.5
SPOILS = 2 * HOUR
"""Food above its limit for this long has to be judged by a person."""

_GRADES: tuple[Severity, ...] = ("info", "warning", "critical")


class ColdChain:
    """Flags a cabinet above its limit for more than half an hour."""

    rule = Rule(
        "cold_chain",
        Text("冷链温度过高", "Cold chain too warm"),
        Text(
            "关好柜门，检查制冷与除霜；超过2小时的食品须复检或废弃。",
            "Close the door, check cooling and defrost; food above the limit for 2 h has to be checked or discarded.",
        ),
    )
    layout: ClassVar[Layout] = {"usual": Column("f8", None, np.nan), "warm": Column("i8"), "count": Column("i8")}

    def selects(self, key: SeriesKey) -> bool:
        """The air of cold-chain cabinets."""
        return key.kind == "cold_chain" and key.point == "temperature"

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Time above the limit; a cabinet within it tells its class."""
        row, value = wave.row, wave.value
        usual = np.where(np.isnan(columns["usual"][row]), value, columns["usual"][row])
        limit = np.where(usual < FROZEN_BELOW, FROZEN, CHILLED)
        opened = columns["since"][row] > 0
        over = value > np.where(opened, limit - DEAD_BAND, limit)
        count = np.where(over, columns["count"][row] + 1, 0)
        warm = np.where(over & (columns["warm"][row] > 0), columns["warm"][row], wave.time)
        columns["warm"][row], columns["count"][row] = np.where(over, warm, 0), count

        long = wave.time - warm
        active = over & (opened | ((long >= PATIENCE) & (count >= 2)))
        grade = np.where((long >= SPOILS) | (value > limit + 10), 2, 1)
        findings = []
        for i, begin, on in tell(columns, wave, active, warm, grade):
            key, end = wave.keys[row[i]], int(wave.time[i])
            findings.append(
                self._finding(key, context, (begin, end), float(value[i]), float(limit[i]), int(grade[i]), active=on)
            )

        # A day's memory, and none of what is above the limit: a freezer that fails stays a freezer.
        rate = np.where(over, 0.0, 1 - np.exp(-np.minimum(wave.gap, HOUR) / DAY))
        columns["usual"][row] = usual + rate * (value - usual)
        return findings

    def _finding(
        self,
        key: SeriesKey,
        context: Context,
        time: tuple[int, int],
        value: float,
        limit: float,
        grade: int,
        *,
        active: bool,
    ) -> Finding:
        begin, end = time
        where, since = context.where(key), context.when(key, begin)
        reason = Text(
            f"{where.zh}：自{since}起高于{limit:g} ℃，现为{value:.1f} ℃",
            f"{where.en}: above {limit:g} °C since {since}, now {value:.1f} °C",
        )
        if not active:
            reason = Text(f"{where.zh}：已回到{value:.1f} ℃", f"{where.en}: back to {value:.1f} °C")
        return Finding(
            series=key,
            rule=self.rule.name,
            begin=begin,
            end=end,
            observed=value,
            expected=limit,
            low=-60.0 if limit == FROZEN else 0.0,
            high=limit,
            unit="Cel",
            severity=_GRADES[grade],
            confidence=1.0,
            reason=reason,
            active=active,
        )


DETECTOR = ColdChain()
