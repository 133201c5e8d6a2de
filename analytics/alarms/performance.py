"""How an alarm system treats its operator: the key figures of ISA-18.2 (clause 16) and EEMUA 191, for one operator.

Counted are alarms that were raised to a person: not those suppressed by design, and none of the past that history or an
outage brought (analytics.alarms.lifecycle.STALE).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics.alarms.lifecycle import STALE
from analytics.alarms.roots import ACTIVE
from schema.instant import DAY, MINUTE
from schema.text import Text
from store.registry.alarms import Alarm, AlarmStep

INTERVAL = 10 * MINUTE
FLOOD, FLOOD_OVER = 10, 5
"""More than so many raised in 10 minutes are a flood; the first 10 minutes with fewer than the other end it."""
STANDING = DAY
"""An alarm that is active for longer stands."""
WORST = 10
ENOUGH = 100
"""Of fewer raised alarms shares say little."""

PER_INTERVAL, MOST_PER_INTERVAL = 1.0, 2.0
"""Raised an operator and 10 minutes on average: very likely acceptable, and the most that can be managed."""
FLOODED, TOP_SHARE, MOST_STANDING = 0.01, 0.05, 5
"""At most this share of the time in a flood, of all from the ten worst, and so many standing."""
PRIORITIES = {"low": 0.80, "medium": 0.15, "high": 0.05}
"""About so much of each priority."""


class Actor(NamedTuple):
    """A cause that was raised often: the newest of its alarms, and how often."""

    alarm: int
    device: str
    rule: str
    title: Text
    raised: int


class Flood(NamedTuple):
    """More than an operator can take in [begin, end): how many were raised, and at most in 10 minutes."""

    begin: int
    end: int
    raised: int
    peak: int


class Performance(NamedTuple):
    """The figures over [start, end); `answer` is the median time (us) to acknowledge by priority, where one was."""

    start: int
    end: int
    raised: int
    peak: int
    floods: list[Flood]
    worst: list[Actor]
    priorities: dict[str, int]
    answer: dict[str, int]
    flapping: list[Alarm]
    standing: list[Alarm]
    shelved: int
    suppressed: int
    removed: int

    @property
    def per_interval(self) -> float:
        """Raised in 10 minutes on average."""
        return self.raised * INTERVAL / (self.end - self.start)

    @property
    def flooded(self) -> float:
        """Share of the time in floods."""
        return sum(flood.end - flood.begin for flood in self.floods) / (self.end - self.start)

    @property
    def top_share(self) -> float | None:
        """Share of the ten worst in all; None where too few were raised to tell."""
        return sum(actor.raised for actor in self.worst) / self.raised if self.raised >= ENOUGH else None


def performance(session: Session, site: str, start: int, end: int, now: int) -> Performance:
    """The figures of a site's alarms over [start, end), from whole 10 minutes on, to at most `now`."""
    start -= start % INTERVAL
    end = max(min(end, now), start + 1)
    raises, answers = _raises(session, site, start, end)
    times = [step.time for step, _ in raises]
    per = _per_interval(times, start, end)
    current = list(session.scalars(select(Alarm).where(Alarm.site == site, Alarm.phase.not_in(("closed", "pending")))))
    speaking = [alarm for alarm in current if not alarm.quiet(now)]
    return Performance(
        start=start,
        end=end,
        raised=len(raises),
        peak=max(per, default=0),
        floods=_floods(per, start, end),
        worst=_worst([alarm for _, alarm in raises]),
        priorities=dict(Counter(alarm.priority for _, alarm in raises)),
        answer={priority: round(median(waits)) for priority, waits in answers.items()},
        flapping=[alarm for alarm in current if alarm.flapping],
        standing=[alarm for alarm in speaking if alarm.phase in ACTIVE and now - alarm.raised > STANDING],
        shelved=sum(alarm.shelved(now) for alarm in current),
        suppressed=sum(alarm.suppressed for alarm in current),
        removed=sum(alarm.removed for alarm in current),
    )


def _raises(
    session: Session, site: str, start: int, end: int
) -> tuple[list[tuple[AlarmStep, Alarm]], dict[str, list[int]]]:
    """What was raised to a person, oldest first, and how long each acknowledgement by a person took, by priority."""
    query = (
        select(AlarmStep, Alarm)
        .join(Alarm, Alarm.id == AlarmStep.alarm)
        .where(Alarm.site == site, AlarmStep.time >= start, AlarmStep.time < end)
        .order_by(AlarmStep.time, AlarmStep.id)
    )
    waiting: dict[int, int] = {}
    answers: dict[str, list[int]] = {}
    raised: dict[tuple[int, int], tuple[AlarmStep, Alarm]] = {}
    for step, alarm in session.execute(query):
        match step.signal:
            case "raise" if alarm.end > step.time - STALE:
                raised[(alarm.id, step.time)] = step, alarm
                waiting[alarm.id] = step.time
            case "suppress":
                raised.pop((alarm.id, step.time), None)
            case "acknowledge" if step.who and alarm.id in waiting:
                answers.setdefault(alarm.priority, []).append(step.time - waiting.pop(alarm.id))
    return list(raised.values()), answers


def _per_interval(times: Sequence[int], start: int, end: int) -> list[int]:
    """How many in each 10 minutes from the start on."""
    edges = [bisect_left(times, edge) for edge in range(start, end + INTERVAL, INTERVAL)]
    return [after - before for before, after in pairwise(edges)]


def _floods(per: Sequence[int], start: int, end: int) -> list[Flood]:
    floods: list[Flood] = []
    first: int | None = None
    for at, count in enumerate([*per, 0]):
        if first is None and count > FLOOD:
            first = at
        elif first is not None and count < FLOOD_OVER:
            held = per[first:at]
            floods.append(Flood(start + first * INTERVAL, min(start + at * INTERVAL, end), sum(held), max(held)))
            first = None
    return floods


def _worst(raised: Sequence[Alarm]) -> list[Actor]:
    """The causes raised most often, the worst first; once is not often."""
    newest = {(alarm.device, alarm.point, alarm.rule): alarm for alarm in raised}
    counts = Counter((alarm.device, alarm.point, alarm.rule) for alarm in raised)
    often = sorted((-count, key) for key, count in counts.items() if count > 1)[:WORST]
    return [Actor(newest[key].id, key[0], key[2], newest[key].title, -count) for count, key in often]
