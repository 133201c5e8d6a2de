"""Demand limit: a quarter of an hour that will end above what was agreed, told before it ends."""

from typing import ClassVar

import numpy as np

from analytics.detect.core import Column, Columns, Context, Layout, Rule, Wave, tell
from analytics.detect.explain import Level, Said, explain
from devices import kinds
from schema.finding import Finding
from schema.instant import MINUTE
from schema.series import SeriesKey
from schema.text import Text

WINDOW = 15 * MINUTE
ENOUGH = 3 * MINUTE
"""So much of a window has to be measured before anything is said of its end."""
DEAD_BAND = 0.03


class Demand:
    """Flags a window whose mean power will be above the row `demand.limit` of its meter or site."""

    rule = Rule(
        "demand",
        Text("需量将超限", "Demand limit at risk"),
        Text("在本需量周期结束前错峰或切除可中断负荷。", "Shed or shift interruptible load before the window ends."),
    )
    layout: ClassVar[Layout] = {
        "window": Column("i8", fleeting=True),
        "at": Column("i8", fleeting=True),
        "power": Column("f8", fleeting=True),
        "area": Column("f8", fleeting=True),
        "begun": Column("i8", fleeting=True),
    }

    def selects(self, key: SeriesKey) -> bool:
        """The power of electricity meters; without an agreed limit there is nothing to say."""
        kind = kinds().get(key.kind)
        return kind is not None and kind.carrier == "electricity" and kind.demand == key.point

    def step(self, columns: Columns, wave: Wave, context: Context) -> list[Finding]:
        """Project the mean of the running window: what was used, and what is on now until its end."""
        row, value, time = wave.row, wave.value, wave.time
        window = time // WINDOW
        same = columns["window"][row] == window
        begun = np.where(same, columns["begun"][row], time)
        area = np.where(same, columns["area"][row] + columns["power"][row] * (time - columns["at"][row]), 0.0)
        for name, cells in (("window", window), ("at", time), ("power", value), ("area", area), ("begun", begun)):
            columns[name][row] = cells
        end = (window + 1) * WINDOW
        # What came before the first reading of the window is taken to have been like it.
        projected = (area + value * (end - time)) / (end - begun)
        limit = context.limits.of("demand.limit", wave.keys, row, time)
        opened = columns["since"][row] > 0
        over = projected > limit * np.where(opened, 1 - DEAD_BAND, 1.0)
        known = time - begun >= ENOUGH
        active = np.where(known, over, opened)
        findings = []
        for i, since, on in tell(columns, wave, active, window * WINDOW, np.ones(len(row), np.int8)):
            key, most, left = wave.keys[row[i]], float(limit[i]), int(end[i] - time[i]) // MINUTE
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (since, int(time[i])),
                    Level(float(projected[i]), most, 0.0, most),
                    Said(
                        Text(
                            f"需量预计超过约定值，距周期结束{left}分钟",
                            f"demand will pass the agreed limit in {left} min",
                        ),
                        Text("需量预计低于约定值", "demand is expected to stay below the agreed limit"),
                    ),
                    active=on,
                    cause="changed_use",
                    confidence=float(np.clip(1 - (end[i] - time[i]) / WINDOW / 2, 0.5, 1.0)),
                    excess=0.0,
                )
            )
        return findings


DETECTOR = Demand()
