"""Minimum night flow: water that runs when nobody uses any, or has not stopped for two days where it used to."""

from typing import ClassVar

import numpy as np

from analytics.detect.core import Column, Columns, Context, Hours, Layout, Rule, is_interval, tell
from analytics.detect.explain import Level, Said, explain
from schema.finding import Finding
from schema.instant import DAY, HOUR
from schema.series import SeriesKey
from schema.text import Text

UNTIL = 5
"""Night is from local midnight until this hour."""
GRACE = 7
SIGMAS, LEAST, DRIPS = 4.0, 0.3, 0.005
"""A night's least hour is too much from so many spreads, and from such a share of the usual, above the usual; and
from so many m3 a quarter hour, which is more than a tap that drips."""
RESTS = 0.7
"""A series that was still in some hour of this share of its days is one that rests."""
NEW_NORMAL = 14 * DAY


class NightFlow:
    """Flags the least hour of a night above the usual, and a flow that does not stop any more."""

    rule = Rule(
        "night_flow",
        Text("夜间最小流量过高", "Minimum night flow too high"),
        Text(
            "关闭末端阀门逐段听漏；核对水箱补水、绿化与冷却塔。",
            "Close valves and listen section by section; rule out tanks, irrigation and cooling towers.",
        ),
    )
    holds = False
    layout: ClassVar[Layout] = {
        "least": Column("f8", None, np.inf, fleeting=True),
        "number": Column("i4", fleeting=True),
        "usual": Column("f8"),
        "spread": Column("f8"),
        "times": Column("i4"),
        "rests": Column("f8"),
        "days": Column("i4"),
        "running": Column("i8", fleeting=True),
        "rested": Column("i8", fleeting=True),
    }

    def selects(self, key: SeriesKey) -> bool:
        """What water meters book."""
        return is_interval(key) and key.kind.startswith("water_meter") and key.point == "volume"

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """Each hour: does it still rest? At the end of the night: what was its least hour?"""
        row, at = hours.row, hours.hour % 24
        still = hours.low <= 0
        columns["rested"][row] = np.where(still, hours.time, columns["rested"][row])
        begins = (columns["running"][row] == 0) | still | (hours.gap > 2 * HOUR)
        running = np.where(begins, hours.time, columns["running"][row])
        columns["running"][row] = running
        new_day = at == 0
        rested = hours.time - columns["rested"][row] <= DAY
        days, rests = columns["days"][row], columns["rests"][row]
        rate = new_day * np.maximum(1 / (days + 1.0), 1 / 30)

        night = at < UNTIL
        least = np.where(new_day, hours.value, np.minimum(columns["least"][row], np.where(night, hours.value, np.inf)))
        number = np.where(new_day, 1, columns["number"][row] + night)
        columns["least"][row], columns["number"][row] = least, number
        over_by_night = (at == UNTIL - 1) & (number >= UNTIL - 1)
        usual, spread, times = columns["usual"][row], columns["spread"][row], columns["times"][row]
        high = usual + np.maximum(SIGMAS * spread, np.maximum(np.maximum(LEAST * usual, DRIPS), hours.scale))
        too_much = over_by_night & (times >= GRACE) & (least > high)

        limit = context.limits.of("water.running", hours.keys, row, hours.time) * HOUR
        runs_on = (hours.time - running >= limit) & (rests > RESTS) & (days >= GRACE)
        opened = columns["since"][row] > 0
        lasted = opened & (hours.time - columns["since"][row] >= NEW_NORMAL)
        judged = over_by_night | runs_on | still
        active = (
            np.where(
                judged, too_much | runs_on | (opened & over_by_night & (least > usual + 0.5 * (high - usual))), opened
            )
            & ~lasted
        )
        night_began = np.where(rests > RESTS, np.minimum(running, hours.time - HOUR), hours.time - UNTIL * HOUR)
        begin = np.where(too_much, np.minimum(night_began, hours.time - UNTIL * HOUR), running)
        findings = []
        for i, since, on in tell(columns, hours, active, begin, np.ones(len(row), np.int8)):
            flow = float(least[i]) if np.isfinite(least[i]) else float(hours.low[i])
            what = Text("夜间最小流量过高", "the least flow of the night is too high")
            if runs_on[i]:
                ran = (int(hours.time[i]) - since) // HOUR
                what = Text(f"已连续{ran}小时不断流", f"water has run for {ran} h without a stop")
            over = Text("夜间流量已恢复正常", "the night flow is as usual again")
            if lasted[i]:
                over = Text("夜间流量持续如此，已作为新的常态", "the night flow stayed so: taken as normal")
            findings.append(
                explain(
                    self.rule,
                    hours.keys[row[i]],
                    context,
                    (since, int(hours.time[i])),
                    Level(flow, float(usual[i]), 0.0, float(high[i])),
                    Said(what, over),
                    active=on,
                    cause="leak",
                    confidence=0.85,
                )
            )
        learns = over_by_night & (~(active | opened) | lasted)
        share = learns * np.maximum(1 / (np.where(lasted, 0, times) + 1.0), 1 / 28)
        finite = np.where(np.isfinite(least), least, 0.0)
        columns["usual"][row] = usual + share * (finite - usual)
        columns["spread"][row] = spread + np.where(times > 0, share, 0) * (1.25 * np.abs(finite - usual) - spread)
        columns["times"][row] = np.where(lasted, 1, times + learns)
        columns["rests"][row] = rests + np.where(active & ~lasted, 0.0, rate) * (rested - rests)
        columns["days"][row] = days + new_day
        return findings


DETECTOR = NightFlow()
