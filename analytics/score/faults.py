"""How well findings meet known faults: precision, recall, delay and alarms, by kind of fault.

A finding opens when its series and rule had none open. One that opens between a fault's begin and GRACE after its end,
on a device where the fault shows, found it. An opening that meets no fault is a false alarm.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from schema.finding import Finding
from schema.instant import DAY, HOUR

GRACE = 6 * HOUR
BALANCE = "balance"
MONTH = 30 * DAY
WEEK = 7 * DAY


class Truth(NamedTuple):
    """A fault, in [begin, end), and the (site, device) of every series that shows it.

    `above` are meters whose sub-meter it is: they show it by `balance` alone.
    """

    kind: str
    begin: int
    end: int
    where: frozenset[tuple[str, str]]
    above: frozenset[tuple[str, str]] = frozenset()

    def met(self, opening: "Opening") -> bool:
        """Whether a finding that opened is of this fault."""
        there = opening.place in self.where or (opening.rule == BALANCE and opening.place in self.above)
        return there and self.begin < opening.time <= self.end + GRACE


class Opening(NamedTuple):
    """A finding as it opened."""

    time: int
    place: tuple[str, str]
    rule: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Of one kind of fault: how many there were, the share found, how many hours (median) it took.

    `precision` is the share of openings that met a fault of any kind, `alarms_per_meter_week` all openings; both are of
    the data that has these faults. None where nothing can be said.
    """

    kind: str
    faults: int
    recall: float | None
    precision: float | None
    delay_h: float | None
    alarms_per_meter_week: float | None
    rules: list[str]


def openings(findings: Iterable[Finding]) -> list[Opening]:
    """The findings that opened, in order of their evidence."""
    opened: set[tuple[object, str]] = set()
    found = []
    for finding in findings:
        cause = (finding.series, finding.rule)
        if finding.active and cause not in opened:
            opened.add(cause)
            found.append(Opening(finding.end, (finding.series.site, finding.series.device), finding.rule))
        elif not finding.active:
            opened.discard(cause)
    return found


def score(kind: str, truths: Sequence[Truth], opened: Sequence[Opening], meter_weeks: float) -> Score:
    """The score of the faults of a kind among all faults and openings of some data."""
    by_place: dict[tuple[str, str], list[Opening]] = {}
    for opening in opened:
        by_place.setdefault(opening.place, []).append(opening)
    hits: set[Opening] = set()
    delays: list[float] = []
    rules: dict[str, int] = {}
    mine = 0
    for truth in truths:
        met = [
            opening for place in truth.where | truth.above for opening in by_place.get(place, ()) if truth.met(opening)
        ]
        hits.update(met)
        if truth.kind != kind:
            continue
        mine += 1
        if met:
            first = min(met)
            delays.append((first.time - truth.begin) / HOUR)
            rules[first.rule] = rules.get(first.rule, 0) + 1
    return Score(
        kind=kind,
        faults=mine,
        recall=round(len(delays) / mine, 3) if mine else None,
        precision=round(len(hits) / len(opened), 3) if opened else None,
        delay_h=round(float(np.median(delays)), 1) if delays else None,
        alarms_per_meter_week=round(len(opened) / meter_weeks, 3) if meter_weeks else None,
        rules=sorted(rules, key=lambda name: -rules[name]),
    )
