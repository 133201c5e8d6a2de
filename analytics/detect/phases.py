"""Phase imbalance: currents (under load) or voltages of the three phases that differ more than they may."""

from typing import ClassVar

import numpy as np

from analytics.detect.core import LASTING, Column, Columns, Context, Layout, Rule, Wave, lasting, mates, tell
from analytics.detect.explain import Level, Said, explain
from schema.finding import Finding
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey
from schema.text import Text

PATIENCE = HOUR
TOGETHER = 5 * MINUTE
"""Readings of the phases further apart than this are not of one moment."""
_PHASES = ("a", "b", "c")


class Phases:
    """Flags phases that are unequal for an hour; what a full load is, each meter shows itself."""

    rule = Rule(
        "phases",
        Text("三相不平衡", "Phase imbalance"),
        Text(
            "调整单相负荷在三相间的分配，检查中性线与接头。", "Spread single-phase loads; check the neutral and joints."
        ),
    )
    layout: ClassVar[Layout] = {
        **LASTING,
        "current": Column("i4", 3, -1),
        "voltage": Column("i4", 3, -1),
        "value": Column("f8"),
        "at": Column("i8"),
        "full": Column("f8"),
    }

    def selects(self, key: SeriesKey) -> bool:
        """Currents and voltages of single phases."""
        quantity, _, phase = key.point.partition("_")
        return key.kind == "electricity_meter" and quantity in {"current", "voltage"} and phase in _PHASES

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Time beyond the limit, judged when the last phase of a moment has come; told of phase A."""
        row, value = wave.row, wave.value
        columns["value"][row], columns["at"][row] = value, wave.time
        faded = columns["full"][row] * np.exp(-wave.gap / (90 * DAY))
        columns["full"][row] = np.maximum(faded, np.abs(value))
        findings = []
        for quantity in ("current", "voltage"):
            trio = mates(columns, wave, quantity, [f"{quantity}_{phase}" for phase in _PHASES])
            # One of the three speaks for all, so that a finding is of one series.
            mine = np.flatnonzero((trio[0] == row) & (trio >= 0).all(axis=0))
            if len(mine):
                findings += self._judge(columns, _part(wave, mine), trio[:, mine], quantity, context)
        return findings

    def _judge(self, columns: Columns, wave: Wave, trio: np.ndarray, quantity: str, context: Context) -> list[Finding]:
        row = wave.row
        sizes = np.abs(columns["value"][trio])
        together = (np.abs(columns["at"][trio] - wave.time) <= TOGETHER).all(axis=0)
        most, least, mean = sizes.max(axis=0), sizes.min(axis=0), sizes.mean(axis=0)
        base = most if quantity == "current" else mean
        far = (most - least) if quantity == "current" else np.abs(sizes - mean).max(axis=0)
        share = np.divide(far, base, out=np.zeros(len(row)), where=base > 0)
        limit = context.limits.of(f"{quantity}.imbalance", wave.keys, row, wave.time)
        enough = least > 0
        if quantity == "current":
            load = context.limits.of("current.imbalance.load", wave.keys, row, wave.time)
            enough = most > load * columns["full"][trio].max(axis=0)
        over = together & enough & (share > np.where(columns["since"][row] > 0, 0.9, 1.0) * limit)
        active, begin = lasting(columns, wave, over, PATIENCE)
        findings = []
        for i, since, on in tell(columns, wave, active, begin, np.ones(len(row), np.int8)):
            key = wave.keys[row[i]]
            keys = [wave.keys[at] for at in trio[:, i]]
            seen, most_ = float(share[i]), float(limit[i])
            zh, en = ("电流", "currents") if quantity == "current" else ("电压", "voltages")
            said = f"{', '.join(f'{size:.4g}' for size in sizes[:, i])} {'A' if quantity == 'current' else 'V'}"
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (since, int(wave.time[i])),
                    Level(float(most[i]), float(mean[i]), float(mean[i] * (1 - most_)), float(mean[i] * (1 + most_))),
                    Said(
                        Text(
                            f"三相{zh}相差{seen:.0%}，超过{most_:.0%}（{said}）",
                            f"{en} of the phases differ by {seen:.0%}, more than {most_:.0%} ({said})",
                        ),
                        Text(f"三相{zh}已恢复平衡", f"the {en} of the phases are balanced again"),
                    ),
                    active=on,
                    cause="wiring",
                    with_=keys[1:],
                )
            )
        return findings


def _part(wave: Wave, chosen: np.ndarray) -> Wave:
    return Wave(
        wave.keys,
        wave.row[chosen],
        wave.time[chosen],
        wave.value[chosen],
        wave.hour[chosen],
        wave.gap[chosen],
        wave.rows,
    )


DETECTOR = Phases()
