"""Voltage: a supply outside what the standard allows at the meter."""

from typing import ClassVar

import numpy as np

from analytics.detect.core import LASTING, Columns, Context, Layout, Rule, Wave, lasting, point_of, tell
from analytics.detect.explain import Level, Said, explain, what_of
from schema.finding import Finding
from schema.instant import MINUTE
from schema.series import SeriesKey
from schema.text import Text

PATIENCE = 10 * MINUTE
DEAD_BAND = 0.005
"""A share of the limit."""
LINE_TO_LINE = 300.0
"""A meter that shows more is connected between the lines of a 380 V supply."""
DEAD = 0.5
"""Less than this share of the limit is an outage or an unconnected phase, not a low voltage."""
LOW_VOLTAGE = 1000.0
"""V: what is above it is medium voltage, whose limits follow from a nominal one that meters do not tell."""


class Voltage:
    """Flags a voltage outside its limits for ten minutes."""

    rule = Rule(
        "voltage",
        Text("电压超限", "Voltage out of limits"),
        Text("通知供电公司并检查分接开关与无功补偿。", "Tell the supplier; check the tap changer and compensation."),
    )
    layout: ClassVar[Layout] = {**LASTING}

    def selects(self, key: SeriesKey) -> bool:
        """The voltages of electricity meters."""
        point = point_of(key.kind, key.point)
        return key.kind == "electricity_meter" and point is not None and point.quantity == "voltage"

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Time outside the limits."""
        row, value = wave.row, wave.value

        def limit(name: str) -> np.ndarray:
            phase, line = (
                context.limits.of(f"voltage.{nominal}.{name}", wave.keys, row, wave.time) for nominal in (220, 380)
            )
            return np.where(value > LINE_TO_LINE, line, phase)

        low, high = limit("low"), limit("high")
        margin = np.where(columns["since"][row] > 0, DEAD_BAND, 0.0)
        over = (value > high * (1 - margin)) | ((value < low * (1 + margin)) & (value > DEAD * low))
        over &= value <= LOW_VOLTAGE
        active, begin = lasting(columns, wave, over, PATIENCE)
        findings = []
        for i, since, on in tell(columns, wave, active, begin, np.ones(len(row), np.int8)):
            key, seen = wave.keys[row[i]], float(value[i])
            what, above = what_of(key), seen > high[i]
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (since, int(wave.time[i])),
                    Level(seen, float(high[i] if above else low[i]), float(low[i]), float(high[i])),
                    Said(
                        Text(f"{what.zh}{'过高' if above else '过低'}", f"{what.en} too {'high' if above else 'low'}"),
                        Text(f"{what.zh}已回到限值内", f"{what.en} is back within its limits"),
                    ),
                    active=on,
                    cause="supply",
                    confidence=1.0,
                )
            )
        return findings


DETECTOR = Voltage()
