"""Load in an empty compound: more than is usual when the gates say that nobody is in.

Heads are those who came in less those who left since the nightly reset, by the gates' counters. Who sleeps there is
learned as the usual load of empty hours; the row `vacant.rise` says how much more is too much.
"""

from typing import ClassVar

import numpy as np

from analytics.detect.core import Board, Column, Columns, Context, Floats, Hours, Layout, Rule, is_interval, tell
from analytics.detect.explain import INTERVALS, Level, Said, explain
from devices import kinds
from schema.finding import Finding
from schema.instant import DAY, HOUR
from schema.series import INTERVAL_SUFFIX, SeriesKey
from schema.text import Text

GRACE = 7 * 24
EMPTY = 0.02
"""The compound is empty when no more than this share of those who came in since the reset is left."""
RESET = 4
"""Local hour at which counting begins; until somebody came in since then, yesterday's count goes on."""
PATIENCE = 2
"""Empty hours in a row above the limit that open a finding."""
SIGMAS, UNEXPECTED = 4.0, 3.0
"""Spreads above the usual of empty hours, and above what this hour is expected to bring anyway."""
NEW_NORMAL = 8 * DAY
"""As long as that of `base_load`, which speaks for it: what that has taken as normal is not told by this one."""
_MEMORY = 1 / 100


class Vacancy:
    """Flags electricity, two hours long, that an empty compound does not usually need."""

    rule = Rule(
        "vacancy",
        Text("无人时段用电过高", "Load while nobody is in"),
        Text("按楼层关闭照明、空调与插座回路。", "Switch off lights, air conditioning and sockets floor by floor."),
    )
    holds = False
    layout: ClassVar[Layout] = {
        "usual": Column("f8"),
        "spread": Column("f8"),
        "empty": Column("i4"),
        "run": Column("i4", fleeting=True),
    }

    def __init__(self) -> None:
        self._gates: tuple[object, dict[str, list[tuple[int, float]]]] = (None, {})

    def selects(self, key: SeriesKey) -> bool:
        """What electricity meters book."""
        kind = kinds().get(key.kind.removesuffix(INTERVAL_SUFFIX))
        booked = kind is not None and kind.carrier == "electricity" and kind.consumption == key.point
        return is_interval(key) and booked

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """Empty hours above the limit, and what an empty hour usually brings; other hours say nothing."""
        gates = self._gates_of(hours.board)
        if not gates:
            return []
        row = hours.row
        vacant = self._vacant(hours, gates, context)
        usual, spread, times = columns["usual"][row], columns["spread"][row], columns["empty"][row]
        rise = context.limits.of("vacant.rise", hours.keys, row, hours.time)
        high = usual + np.maximum(rise * usual, SIGMAS * spread)
        opened = columns["since"][row] > 0
        over = vacant & (times >= GRACE // 4) & (hours.value > np.where(opened, (usual + high) / 2, high)) & (usual > 0)
        # At six the canteen cooks for those who are not in yet: that is expected.
        over &= opened | ~hours.shared
        over &= hours.residual > np.where(opened, 0.5, 1.0) * UNEXPECTED
        run = np.where(over, columns["run"][row] + 1, 0)
        columns["run"][row] = run
        lasted = opened & (hours.time - columns["since"][row] >= NEW_NORMAL)
        # Between two nights nobody can say that it is over.
        active = np.where(vacant, over & (opened | (run >= PATIENCE)), opened) & ~lasted
        begin = hours.time - np.maximum(run, 1).astype(np.int64) * HOUR
        findings = []
        for i, since, on in tell(columns, hours, active, begin, np.ones(len(row), np.int8)):
            key = hours.keys[row[i]]
            counted = [hours.board.keys[at] for at, _ in gates[key.site]]
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (since, int(hours.time[i])),
                    Level(float(hours.value[i]), float(usual[i]), 0.0, float(high[i])),
                    Said(
                        Text("门禁显示无人，用电却过高", "the gates say nobody is in, yet the load is too high"),
                        Text("无人时段用电已恢复正常", "the load of empty hours is as usual again"),
                    ),
                    active=on,
                    cause="left_on",
                    confidence=0.8,
                    with_=counted,
                )
            )
        learns = vacant & (~over | lasted)
        rate = np.where(learns, np.maximum(1 / (times + 1.0), _MEMORY), 0.0)
        # The hour in which the first come in still counts as empty: it is an outlier.
        edge = np.where(times > 12, 2 * np.maximum(spread, 0.03 * usual), np.inf)
        miss = np.clip(hours.value - usual, -edge, edge)
        columns["usual"][row] = usual + rate * miss
        columns["spread"][row] = spread + np.where(times > 0, rate, 0) * (1.25 * np.abs(miss) - spread)
        columns["empty"][row] = np.minimum(times + learns, 1_000_000)
        return findings

    def _vacant(self, hours: Hours, gates: dict[str, list[tuple[int, float]]], context: Context) -> np.ndarray:
        """Whether the site of each series was empty in the hour before this one, which all gates have reported."""
        latest = int(hours.time[0]) // HOUR - 2
        known: dict[str, bool] = {}
        for site, rows in gates.items():
            local = context.calendar(site).local(latest * HOUR).hour
            known[site] = _empty(hours.board, rows, latest, 1 + (local - RESET) % 24)
        return np.array([known.get(hours.keys[at].site, False) for at in hours.row.tolist()])

    def _gates_of(self, board: Board) -> dict[str, list[tuple[int, float]]]:
        """Rows and signs of the gates' counters, by site."""
        if self._gates[0] is not board.keys:
            found: dict[str, list[tuple[int, float]]] = {}
            for key in board.keys:
                if key.kind == f"gate{INTERVAL_SUFFIX}" and key.point in {"entries", "exits"}:
                    found.setdefault(key.site, []).append((board.rows[key], 1.0 if key.point == "entries" else -1.0))
            self._gates = (board.keys, found)
        return self._gates[1]


def _empty(board: Board, rows: list[tuple[int, float]], latest: int, since_reset: int) -> bool:
    """Whether those who came in have left again; unknown is not empty."""
    row = np.array([at for at, _ in rows])
    sign = np.array([way for _, way in rows])
    for back in (since_reset, since_reset + 24):
        if back > len(board.seen):
            return False
        hours = np.arange(latest - back + 1, latest + 1)
        counts: Floats = board.at(row[:, None], hours[None]) * INTERVALS
        if np.isnan(counts).any():
            return False
        came = float(counts[sign > 0].sum())
        if came > 0:
            left = float((counts * sign[:, None]).sum())
            return left <= max(EMPTY * came, 0.5)
    return True


DETECTOR = Vacancy()
