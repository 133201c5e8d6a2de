"""Power factor: too low while there is load worth the name."""

from typing import ClassVar

import numpy as np

from analytics.detect.core import LASTING, Column, Columns, Context, Layout, Rule, Wave, lasting, mates, tell
from analytics.detect.explain import Level, Said, explain
from schema.finding import Finding
from schema.instant import DAY, HOUR
from schema.series import SeriesKey
from schema.text import Text

PATIENCE = HOUR
DEAD_BAND = 0.01
_MATES = ("power", "power_factor")


class PowerFactor:
    """Flags an hour of low power factor under load; what a full load is, each meter shows itself."""

    rule = Rule(
        "power_factor",
        Text("功率因数过低", "Power factor too low"),
        Text("检查无功补偿柜的投切与电容。", "Check the compensation: its switching and its capacitors."),
    )
    layout: ClassVar[Layout] = {
        **LASTING,
        "mates": Column("i4", len(_MATES), -1),
        "value": Column("f8"),
        "full": Column("f8"),
    }

    def selects(self, key: SeriesKey) -> bool:
        """Power factor, and the power it is told by."""
        return key.kind == "electricity_meter" and key.point in _MATES

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Time below the limit under load; months of power tell what a full load is."""
        row, value = wave.row, wave.value
        power, factor = mates(columns, wave, "mates", _MATES)
        columns["value"][row] = value
        is_factor, has_power = factor == row, power >= 0
        mine = row[~is_factor]
        faded = columns["full"][mine] * np.exp(-wave.gap[~is_factor] / (90 * DAY))
        columns["full"][mine] = np.maximum(faded, np.abs(value[~is_factor]))
        limit = context.limits.of("power_factor.low", wave.keys, row, wave.time)
        share = context.limits.of("power_factor.load", wave.keys, row, wave.time)
        load = np.where(has_power, np.abs(columns["value"][power]) / np.maximum(columns["full"][power], 1e-9), 0.0)
        margin = np.where(columns["since"][row] > 0, DEAD_BAND, 0.0)
        over = is_factor & has_power & (np.abs(value) < limit + margin) & (load > share) & (value != 0)
        active, begin = lasting(columns, wave, over, PATIENCE)
        findings = []
        for i, since, on in tell(columns, wave, active, begin, np.ones(len(row), np.int8)):
            key = wave.keys[row[i]]
            least = float(limit[i])
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (since, int(wave.time[i])),
                    Level(abs(float(value[i])), least, least, 1.0),
                    Said(
                        Text(
                            f"负载率{load[i]:.0%}时功率因数过低", f"power factor too low at {load[i]:.0%} of full load"
                        ),
                        Text("功率因数已恢复，或负载已降低", "the power factor is back, or there is little load"),
                    ),
                    active=on,
                    cause="supply",
                    confidence=1.0,
                    with_=(key._replace(point="power"),),
                )
            )
        return findings


DETECTOR = PowerFactor()
