"""Balance: a meter against the sum of its sub-meters, and what is usually left between them.

An hour is judged when the parent's next hour is over, so that those below it have come. What a compound does not
sub-meter is learned; the rows `balance.low` and `balance.high` say how far from that the rest may move.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from analytics.detect.core import Column, Columns, Context, Hours, Layout, Rule, is_interval, tell
from analytics.detect.explain import Level, Said, explain
from devices import kinds
from schema.finding import Finding
from schema.instant import DAY, HOUR
from schema.series import INTERVAL_SUFFIX, SeriesKey
from schema.text import Text

GRACE = 7 * 24
PATIENCE = 6 * HOUR
NEW_NORMAL = 7 * DAY
SIGMAS = 4.0
_PACE, _MEMORY = 1 / 12, 1 / (24 * 14)


class Balance:
    """Flags a rest between parent and children that moved away from its usual for some hours."""

    rule = Rule(
        "balance",
        Text("总分表不平衡", "Parent and sub-meters disagree"),
        Text("核对分表倍率、停走与漏接支路。", "Check sub-meters: ratio, standing still, branches without a meter."),
    )
    holds = False
    layout: ClassVar[Layout] = {
        "rest": Column("f8"),
        "whole": Column("f8"),
        "usual": Column("f8"),
        "spread": Column("f8"),
        "times": Column("i4"),
        "out": Column("i8", fleeting=True),
    }

    def __init__(self) -> None:
        self._family: tuple[object, object, dict[SeriesKey, list[tuple[int, float]]]] = (None, None, {})

    def selects(self, key: SeriesKey) -> bool:
        """What meters book, and roofs yield; only those that are somebody's parent are judged."""
        return _carrier(key) is not None

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """The share of the parent that its children do not account for, smoothed over half a day."""
        family = self._children(hours, context.parents)
        mine = [i for i, at in enumerate(hours.row.tolist()) if hours.keys[at] in family] if family else []
        if not mine:
            return []
        hours = hours._replace(row=hours.row[mine], time=hours.time[mine], place=hours.place[mine])
        row, before = hours.row, hours.time // HOUR - 2
        whole = hours.board.at(hours.place, before)
        parts = np.array(
            [self._sum(hours, family[hours.keys[at]], int(hour)) for at, hour in zip(row, before, strict=True)]
        )
        known = np.isfinite(whole) & np.isfinite(parts) & (whole > 0)
        pace = np.where(known, np.maximum(_PACE, 1 / (columns["times"][row] + 1.0)), 0.0)
        rest = columns["rest"][row] + pace * (np.where(known, whole - parts, 0) - columns["rest"][row])
        size = columns["whole"][row] + pace * (np.where(known, whole, 0) - columns["whole"][row])
        columns["rest"][row], columns["whole"][row] = rest, size
        share = np.divide(rest, size, out=np.zeros(len(row)), where=size > 0)

        times, usual, spread = columns["times"][row], columns["usual"][row], columns["spread"][row]
        low = usual + np.minimum(context.limits.of("balance.low", hours.keys, row, hours.time), -SIGMAS * spread)
        high = usual + np.maximum(context.limits.of("balance.high", hours.keys, row, hours.time), SIGMAS * spread)
        opened = columns["since"][row] > 0
        margin = np.where(opened, 0.5, 1.0)
        out = (share < usual + margin * (low - usual)) | (share > usual + margin * (high - usual))
        since = np.where(out & (columns["out"][row] > 0), columns["out"][row], hours.time - HOUR)
        columns["out"][row] = np.where(out, since, 0)
        lasted = opened & (hours.time - columns["since"][row] >= NEW_NORMAL)
        active = out & (times >= GRACE) & (opened | (hours.time - since >= PATIENCE)) & ~lasted
        findings = []
        for i, begin, on in tell(columns, hours, active, since, np.ones(len(row), np.int8)):
            key = hours.keys[row[i]]
            children = [hours.board.keys[at] for at, _ in family[key]]
            total = float(size[i])
            over = Text("总分表重新平衡", "parent and sub-meters agree again")
            if lasted[i]:
                over = Text("差值持续如此，已作为新的常态", "the difference stayed so: taken as normal")
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (begin, int(hours.time[i])),
                    Level(float(rest[i]), float(usual[i]) * total, float(low[i]) * total, float(high[i]) * total),
                    Said(
                        Text(
                            f"与分表之和相差{share[i]:.1%}，平时为{usual[i]:.1%}",
                            f"differs from its sub-meters by {share[i]:.1%}, usually {usual[i]:.1%}",
                        ),
                        over,
                    ),
                    active=on,
                    cause="wiring",
                    confidence=0.85,
                    with_=children,
                    excess=0.0,
                )
            )
        learns = known & (~(active | out) | (times < GRACE) | lasted)
        rate = np.where(learns, np.maximum(1 / (times / 12 + 1.0), _MEMORY), 0.0)
        columns["usual"][row] = np.where(lasted, share, usual + rate * (share - usual))
        columns["spread"][row] = spread + np.where(times > 24, rate, 0) * (1.25 * np.abs(share - usual) - spread)
        columns["times"][row] = np.minimum(times + known, 1_000_000)
        return findings

    def _sum(self, hours: Hours, children: list[tuple[int, float]], hour: int) -> float:
        rows = np.array([row for row, _ in children])
        signs = np.array([sign for _, sign in children])
        return float((hours.board.at(rows, np.full(len(rows), hour)) * signs).sum())

    def _children(
        self, hours: Hours, parents: Mapping[tuple[str, str], str]
    ) -> dict[SeriesKey, list[tuple[int, float]]]:
        """Rows and signs of the sub-meters of each parent series; what is generated below it counts against it."""
        keys = hours.board.keys
        if self._family[0] is not keys or self._family[1] is not parents:
            family: dict[SeriesKey, list[tuple[int, float]]] = {}
            booked = {(key.site, key.device, carrier): key for key in keys if (carrier := _carrier(key)) is not None}
            for key in booked.values():
                carrier, above = _carrier(key), parents.get((key.site, key.device))
                parent = booked.get((key.site, above, carrier)) if above and carrier else None
                if parent is not None:
                    sign = -1.0 if key.kind.startswith("pv_") else 1.0
                    family.setdefault(parent, []).append((hours.board.rows[key], sign))
            self._family = (keys, parents, family)
        return self._family[2]


def _carrier(key: SeriesKey) -> str | None:
    """The carrier a series books; what a roof yields is electricity."""
    kind = kinds().get(key.kind.removesuffix(INTERVAL_SUFFIX))
    if not is_interval(key) or kind is None:
        return None
    if kind.name == "pv_inverter":
        return "electricity" if key.point == "yield" else None
    return kind.carrier if kind.consumption == key.point else None


DETECTOR = Balance()
