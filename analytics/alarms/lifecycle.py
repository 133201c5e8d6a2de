"""Alarms: the managed lifecycle of findings, after ISA-18.2.

    pending --on-delay over--> unacknowledged --acknowledge--> acknowledged --clear--> closed
                                     |  ^                            ^
                                   clear raise                 (raise: no change)
                                     v  |
                                  returned --acknowledge--> closed

A clear that comes before the on-delay is over leaves no alarm; one that lasts through the off-delay counts. What people
do to alarms is in analytics.alarms.acts, what the clock does in analytics.alarms.clock, what explains them in
analytics.alarms.roots.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics.alarms import roots
from analytics.detect import rules
from analytics.detect.core import Rule
from schema.finding import Finding, Severity
from schema.instant import DAY, HOUR
from schema.text import Text
from store.registry.alarms import Alarm, AlarmStep
from store.registry.places import Device
from store.registry.treatments import (
    OutOfService,
    Treated,
    Treatment,
    out_of_service,
    removed,
    treated,
    treatments,
)

Phase = Literal["pending", "unacknowledged", "acknowledged", "returned", "closed"]
Signal = Literal["raise", "clear", "acknowledge"]
Priority = Literal["low", "medium", "high"]

PRIORITY: dict[Severity, Priority] = {"info": "low", "warning": "medium", "critical": "high"}
RANK: dict[str, int] = {"low": 0, "medium": 1, "high": 2}

STALE = DAY
"""Findings with older evidence open alarms, but nobody is called: history was sent again, or an outage caught up."""
FLAPPING = 5
FLAPPING_WITHIN = 6 * HOUR
"""A cause raised so often within so long is flapping: it is told once, and has to keep still to be over."""
STILL = HOUR
"""The off-delay of a flapping alarm, at least."""

_STEPS: dict[tuple[Phase, Signal], Phase] = {
    ("pending", "raise"): "unacknowledged",
    ("closed", "raise"): "unacknowledged",
    ("returned", "raise"): "unacknowledged",
    ("unacknowledged", "clear"): "returned",
    ("acknowledged", "clear"): "closed",
    ("unacknowledged", "acknowledge"): "acknowledged",
    ("returned", "acknowledge"): "closed",
}

Effect = Literal[
    "opened",
    "reopened",
    "took_over",
    "flapping",
    "escalated",
    "updated",
    "returned",
    "closed",
    "unanswered",
    "acknowledged",
    "shelved",
    "unshelved",
    "suppressed",
    "unsuppressed",
    "removed",
    "restored",
    "commented",
    "judged",
]


class Change(NamedTuple):
    """What happened to an alarm."""

    alarm: Alarm
    effect: Effect


class _Rules(NamedTuple):
    """What people set for the alarms of a site."""

    treatments: list[Treatment]
    removed: list[OutOfService]


def step(phase: Phase, signal: Signal) -> Phase:
    """The phase after a signal; one that has no meaning in this phase changes nothing."""
    return _STEPS.get((phase, signal), phase)


def apply(session: Session, findings: Iterable[Finding], now: int) -> list[Change]:
    """Work findings into the alarms; evidence not newer than what an alarm already has changes nothing.

    So the same findings twice, or again after a restart, leave the same alarms and history.
    """
    known = rules()
    sites: dict[str, _Rules] = {}
    changes = []
    for finding in sorted(findings, key=_order):
        site = finding.series.site
        if site not in sites:
            sites[site] = _Rules(treatments(session, site), out_of_service(session, site))
        change = _apply(session, _newest(session, finding), finding, sites[site], known, now)
        if change is not None:
            changes.append(change)
    return changes


def settle_pending(session: Session, alarm: Alarm, now: int) -> Change:
    """Open an alarm whose on-delay is over."""
    move(session, alarm, "raise", now)
    return _raised(session, alarm, "opened", now)


def settle_cleared(session: Session, alarm: Alarm, now: int) -> Change | None:
    """Return an alarm to normal whose off-delay is over; one of the past, or that nobody is told of, is then closed."""
    before = alarm.phase
    alarm.due, alarm.flapping = None, False
    move(session, alarm, "clear", now)
    if alarm.phase == "returned" and (alarm.suppressed or alarm.removed or alarm.end <= now - STALE):
        move(session, alarm, "acknowledge", now)
    if alarm.phase == before:
        return None
    return Change(alarm, "closed" if alarm.phase == "closed" else "returned")


def move(session: Session, alarm: Alarm, signal: Signal, now: int, who: str = "", comment: str = "") -> None:
    """Step an alarm, and write it down if that changed anything."""
    before: Phase = alarm.phase  # type: ignore[assignment]
    alarm.phase = step(before, signal)
    if alarm.phase == before:
        return
    if alarm.phase == "closed":
        alarm.closed, alarm.shelved_until, alarm.suppressed, alarm.removed = now, None, False, False
    record(session, alarm, before, signal, now, who, comment)


def record(
    session: Session, alarm: Alarm, before: str, signal: str, now: int, who: str = "", comment: str = ""
) -> None:
    """Write a step into an alarm's history."""
    session.add(
        AlarmStep(alarm=alarm.id, time=now, before=before, after=alarm.phase, signal=signal, who=who, comment=comment)
    )
    session.flush()


def _order(finding: Finding) -> tuple[int, bool]:
    # Of things found at once a gateway goes first: it explains the others.
    return finding.end, finding.series.kind != "agent"


def _newest(session: Session, finding: Finding) -> Alarm | None:
    key = finding.series
    return session.scalar(
        select(Alarm)
        .where(Alarm.site == key.site, Alarm.device == key.device, Alarm.point == key.point)
        .where(Alarm.rule == finding.rule)
        .order_by(Alarm.end.desc(), Alarm.id.desc())
        .limit(1)
        .with_for_update()
    )


def _apply(
    session: Session, alarm: Alarm | None, finding: Finding, site: _Rules, known: Mapping[str, Rule], now: int
) -> Change | None:
    if alarm is not None and finding.end <= alarm.end:
        return None
    treatment = treated(site.treatments, finding.series.device, finding.rule)
    if alarm is None or alarm.phase == "closed":
        if not finding.active or excess(finding) <= treatment.tolerance:
            return None
        return _opened(session, finding, site, treatment, known, now)
    alarm.end = finding.end
    if finding.active:
        return _again(session, alarm, finding, treatment, now)
    if alarm.phase == "pending":
        session.delete(alarm)
        session.flush()
        return None
    wait = max(treatment.off_delay, STILL if alarm.flapping else 0)
    if wait and finding.end > now - STALE and alarm.phase in roots.ACTIVE:
        alarm.due = now + wait
        return None
    return settle_cleared(session, alarm, now)


def excess(finding: Finding) -> float:
    """How far the observed value is from the expected one, as a multiple of the band on that side; infinite without."""
    edge = finding.high if finding.observed > finding.expected else finding.low
    band = abs(edge - finding.expected)
    return abs(finding.observed - finding.expected) / band if 0 < band < float("inf") else float("inf")


def _opened(
    session: Session, finding: Finding, site: _Rules, treatment: Treated, known: Mapping[str, Rule], now: int
) -> Change | None:
    key, rule = finding.series, known.get(finding.rule)
    device = session.get(Device, (key.site, key.device))
    where = Text(device.title_zh, device.title_en) if device else Text(key.device, key.device)
    what = rule.title if rule else Text(finding.rule, finding.rule)
    action = rule.action if rule else Text("", "")
    alarm = Alarm(
        site=key.site,
        building=key.building,
        kind=key.kind,
        device=key.device,
        point=key.point,
        rule=finding.rule,
        phase="pending",
        priority=PRIORITY[finding.severity],
        title_zh=f"{what.zh}：{where.zh}",
        title_en=f"{what.en}: {where.en}",
        action_zh=action.zh,
        action_en=action.en,
        begin=finding.begin,
        end=finding.end,
        opened=now,
        raised=now,
        count=1,
        flapping=False,
        suppressed=False,
        removed=removed(site.removed, key.device, finding.rule),
        tier=1,
    )
    _evidence(alarm, finding)
    session.add(alarm)
    session.flush()
    return _waited(session, alarm, finding, treatment, now)


def _waited(session: Session, alarm: Alarm, finding: Finding, treatment: Treated, now: int) -> Change | None:
    """Open a pending alarm if its evidence has lasted; the clock does it when that comes later."""
    alarm.due = finding.begin + treatment.on_delay
    return settle_pending(session, alarm, now) if alarm.due <= finding.end else None


def _again(session: Session, alarm: Alarm, finding: Finding, treatment: Treated, now: int) -> Change | None:
    """The evidence of an alarm that is not closed came again, perhaps while it was on its way back to normal."""
    alarm.count += 1
    _evidence(alarm, finding)
    if alarm.phase == "pending":
        return _waited(session, alarm, finding, treatment, now)
    alarm.due = None
    priority = PRIORITY[finding.severity]
    worse = RANK[priority] > RANK[alarm.priority]
    if worse:
        alarm.priority = priority
    if alarm.phase == "returned":
        alarm.begin = finding.begin
        move(session, alarm, "raise", now)
        return _raised(session, alarm, "reopened", now)
    return Change(alarm, "escalated" if worse else "updated")


def _evidence(alarm: Alarm, finding: Finding) -> None:
    alarm.reason_zh, alarm.reason_en = finding.reason
    alarm.observed, alarm.confidence, alarm.unit = finding.observed, finding.confidence, finding.unit
    alarm.expected, alarm.low, alarm.high = finding.expected, finding.low, finding.high
    alarm.cost_kwh_per_hour = finding.cost_kwh_per_hour
    alarm.cost_yuan_per_hour, alarm.cost_kgco2_per_hour = finding.cost_yuan_per_hour, finding.cost_kgco2_per_hour
    alarm.cause_class = finding.cause
    alarm.evidence = {"readings": [[*said.series[1:], said.begin, said.end] for said in finding.evidence]}


def _raised(session: Session, alarm: Alarm, effect: Effect, now: int) -> Change:
    """An alarm was raised: is it flapping, what explains it, and what does it explain?"""
    alarm.raised, alarm.due, alarm.tier = now, None, 1
    if not alarm.flapping and alarm.end > now - STALE and _raises(session, alarm, now) >= FLAPPING:
        alarm.flapping, effect = True, "flapping"
        record(session, alarm, alarm.phase, "flapping", now)
    root = roots.root_of(session, alarm)
    if root is not None:
        explain(session, alarm, root, now)
    for other in roots.explained_by(session, alarm):
        again = roots.root_of(session, other)
        if again is not None and (again.alarm != other.root or (again.suppresses and not other.suppressed)):
            if effect == "opened" and again.alarm == alarm.id and _called_for(other, alarm, now):
                effect = "took_over"
            explain(session, other, again, now)
    return Change(alarm, effect)


def _called_for(other: Alarm, alarm: Alarm, now: int) -> bool:
    """Whether somebody was called for the same meter by an alarm as urgent, and has not looked yet."""
    urgent = RANK[other.priority] >= RANK[alarm.priority]
    waits = other.phase == "unacknowledged" and not other.quiet(now) and other.end > now - STALE
    return waits and urgent and other.device == alarm.device


def explain(session: Session, alarm: Alarm, root: roots.Root, now: int) -> None:
    """Write down what explains an alarm; nobody is told of it while that makes it pointless."""
    alarm.root = root.alarm
    if alarm.suppressed != root.suppresses:
        alarm.suppressed = root.suppresses
        record(session, alarm, alarm.phase, "suppress" if root.suppresses else "unsuppress", now, "", f"#{root.alarm}")


def _raises(session: Session, alarm: Alarm, now: int) -> int:
    """How often the cause of an alarm was raised lately."""
    query = (
        select(func.count())
        .select_from(AlarmStep)
        .join(Alarm, Alarm.id == AlarmStep.alarm)
        .where(Alarm.site == alarm.site, Alarm.device == alarm.device, Alarm.point == alarm.point)
        .where(Alarm.rule == alarm.rule, AlarmStep.signal == "raise", AlarmStep.time > now - FLAPPING_WITHIN)
    )
    return session.scalar(query) or 0
