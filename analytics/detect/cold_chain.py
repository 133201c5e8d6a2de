"""Cold chain: a cabinet outside the temperatures its class allows, longer than a door or a defrost explains.

A cabinet's class is told by what it usually keeps; the limits are rows, and a device may have its own.
"""

from typing import ClassVar

import numpy as np

from analytics.detect.core import LASTING, Column, Columns, Context, Layout, Rule, Wave, lasting, tell
from analytics.detect.explain import Level, Said, explain
from schema.finding import Finding, Severity
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey
from schema.text import Text

FROZEN_BELOW = -5.0
"""A cabinet whose usual air is colder than this is a freezer."""
DEAD_BAND = 0.5
FAR = 10.0
"""So many K above its limit is critical at once."""
_GRADES: tuple[Severity, ...] = ("info", "warning", "critical")


class ColdChain:
    """Flags a cabinet outside its limits for more than half an hour."""

    rule = Rule(
        "cold_chain",
        Text("冷链温度超限", "Cold chain out of limits"),
        Text(
            "关好柜门，检查制冷与除霜；超过2小时的食品须复检或废弃。",
            "Close the door, check cooling and defrost; food above the limit for 2 h has to be checked or discarded.",
        ),
    )
    layout: ClassVar[Layout] = {**LASTING, "usual": Column("f8", None, np.nan)}

    def selects(self, key: SeriesKey) -> bool:
        """The air of cold-chain cabinets."""
        return key.kind == "cold_chain" and key.point == "temperature"

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Time outside the limits; a cabinet within them tells its class."""
        row, value, limits = wave.row, wave.value, context.limits

        def limit(name: str) -> np.ndarray:
            return limits.of(f"cold.{name}", wave.keys, row, wave.time)

        usual = np.where(np.isnan(columns["usual"][row]), value, columns["usual"][row])
        freezer = usual < FROZEN_BELOW
        high = np.where(freezer, limit("frozen.high"), limit("chilled.high"))
        low = np.where(freezer, -60.0, limit("chilled.low"))
        opened = columns["since"][row] > 0
        margin = np.where(opened, DEAD_BAND, 0.0)
        # The cold side is no matter of safety but of a failing thermostat: it is given as much again as a dead band.
        warm, over = value > high - margin, (value > high - margin) | (value < low - 2 * DEAD_BAND + margin)
        active, begin = lasting(columns, wave, over, float(limit("patience")[0]) * MINUTE)
        spoilt = warm & ((wave.time - begin >= limit("spoils") * MINUTE) | (value > high + FAR))
        grade = np.where(spoilt, 2, 1)
        findings = []
        for i, since, on in tell(columns, wave, active, begin, grade):
            seen, top, bottom = float(value[i]), float(high[i]), float(low[i])
            above = seen > bottom
            findings.append(
                explain(
                    self.rule,
                    wave.keys[row[i]],
                    context,
                    (since, int(wave.time[i])),
                    Level(seen, top if above else bottom, bottom, top),
                    Said(
                        Text("高于限值", "above its limit") if above else Text("低于限值", "below its limit"),
                        Text(f"已回到{seen:.1f} ℃", f"back to {seen:.1f} °C"),
                    ),
                    active=on,
                    cause="cooling",
                    severity=_GRADES[int(grade[i])],
                    confidence=1.0,
                )
            )
        # A day's memory, and none of what is out of limits: a freezer that fails stays a freezer.
        rate = np.where(over, 0.0, 1 - np.exp(-np.minimum(wave.gap, HOUR) / DAY))
        columns["usual"][row] = usual + rate * (value - usual)
        return findings


DETECTOR = ColdChain()
