"""Alarms: the managed lifecycle of findings, after ISA-18.2.

    unacknowledged --acknowledge--> acknowledged --clear--> closed
          |  ^                            ^
        clear raise                 (raise: no change)
          v  |
       returned --acknowledge--> closed

An alarm may be shelved until an instant; meanwhile it keeps moving, but nobody is told.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics.detect import rules
from analytics.detect.core import Rule
from schema.errors import Reject
from schema.finding import Finding, Severity
from schema.text import Text
from store.registry.alarms import Alarm, AlarmStep
from store.registry.places import Device

Phase = Literal["unacknowledged", "acknowledged", "returned", "closed"]
Signal = Literal["raise", "clear", "acknowledge"]
Priority = Literal["low", "medium", "high"]

PRIORITY: dict[Severity, Priority] = {"info": "low", "warning": "medium", "critical": "high"}
RANK: dict[str, int] = {"low": 0, "medium": 1, "high": 2}

_STEPS: dict[tuple[Phase, Signal], Phase] = {
    ("closed", "raise"): "unacknowledged",
    ("returned", "raise"): "unacknowledged",
    ("unacknowledged", "clear"): "returned",
    ("acknowledged", "clear"): "closed",
    ("unacknowledged", "acknowledge"): "acknowledged",
    ("returned", "acknowledge"): "closed",
}

Effect = Literal[
    "opened", "reopened", "escalated", "updated", "returned", "closed", "acknowledged", "shelved", "unshelved"
]


class Change(NamedTuple):
    """What happened to an alarm."""

    alarm: Alarm
    effect: Effect


def step(phase: Phase, signal: Signal) -> Phase:
    """The phase after a signal; one that has no meaning in this phase changes nothing."""
    return _STEPS.get((phase, signal), phase)


def apply(session: Session, findings: Iterable[Finding], now: int) -> list[Change]:
    """Work findings into the alarms; evidence not newer than what an alarm already has changes nothing.

    So the same findings twice, or again after a restart, leave the same alarms and history.
    """
    known = rules()
    newest: dict[tuple[str, str, str, str], Alarm | None] = {}
    changes = []
    for finding in sorted(findings, key=lambda finding: finding.end):
        key = finding.series
        cause = (key.site, key.device, key.point, finding.rule)
        if cause not in newest:
            newest[cause] = _newest(session, cause)
        change = _apply(session, newest[cause], finding, known, now)
        if change is not None:
            newest[cause] = change.alarm
            changes.append(change)
    return changes


def acknowledge(session: Session, alarm_id: int, user: str, comment: str, now: int) -> Change:
    """Somebody has seen it; one that had returned to normal is closed by that. Reject unless it still waits for it."""
    alarm = _open(session, alarm_id)
    if alarm.phase == "acknowledged":
        raise Reject("already_acknowledged", f"alarm {alarm_id} by {alarm.acknowledged_by}")
    alarm.acknowledged_by, alarm.acknowledged, alarm.comment = user, now, comment
    _move(session, alarm, "acknowledge", now, user, comment)
    return Change(alarm, "acknowledged")


def shelve(session: Session, alarm_id: int, until: int, user: str, comment: str, now: int) -> Change:
    """Put an open alarm aside until an instant; Reject for a closed one, or an instant that has passed."""
    alarm = _open(session, alarm_id)
    if until <= now:
        raise Reject("bad_time", "an alarm is shelved until a moment to come")
    alarm.shelved_until = until
    _record(session, alarm, alarm.phase, "shelve", now, user, comment)
    return Change(alarm, "shelved")


def unshelve(session: Session, alarm_id: int, user: str, comment: str, now: int) -> Change:
    """Take a shelved alarm back; Reject where it is not shelved."""
    alarm = _open(session, alarm_id)
    if alarm.shelved_until is None:
        raise Reject("not_shelved", f"alarm {alarm_id}")
    return _unshelve(session, alarm, now, user, comment)


def unshelve_due(session: Session, now: int) -> list[Change]:
    """Take back every alarm whose time on the shelf is over."""
    due = session.scalars(
        select(Alarm).where(Alarm.phase != "closed", Alarm.shelved_until <= now).order_by(Alarm.id).with_for_update()
    )
    return [_unshelve(session, alarm, now, "", "") for alarm in due]


def _newest(session: Session, cause: tuple[str, str, str, str]) -> Alarm | None:
    site, device, point, rule = cause
    return session.scalar(
        select(Alarm)
        .where(Alarm.site == site, Alarm.device == device, Alarm.point == point, Alarm.rule == rule)
        .order_by(Alarm.end.desc(), Alarm.id.desc())
        .limit(1)
        .with_for_update()
    )


def _apply(
    session: Session, alarm: Alarm | None, finding: Finding, known: Mapping[str, Rule], now: int
) -> Change | None:
    if alarm is not None and finding.end <= alarm.end:
        return None
    if alarm is None or alarm.phase == "closed":
        return _opened(session, finding, known, now) if finding.active else None
    alarm.end = finding.end
    alarm.reason_zh, alarm.reason_en = finding.reason
    alarm.observed, alarm.confidence = finding.observed, finding.confidence
    if not finding.active:
        was = alarm.phase
        _move(session, alarm, "clear", now)
        return None if alarm.phase == was else Change(alarm, "closed" if alarm.phase == "closed" else "returned")
    alarm.count += 1
    alarm.expected, alarm.low, alarm.high = finding.expected, finding.low, finding.high
    alarm.cost_kwh_per_hour = finding.cost_kwh_per_hour
    priority = PRIORITY[finding.severity]
    worse = RANK[priority] > RANK[alarm.priority]
    if worse:
        alarm.priority = priority
    if alarm.phase == "returned":
        alarm.begin = finding.begin
        _move(session, alarm, "raise", now)
        return Change(alarm, "reopened")
    return Change(alarm, "escalated" if worse else "updated")


def _opened(session: Session, finding: Finding, known: Mapping[str, Rule], now: int) -> Change:
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
        phase="closed",
        priority=PRIORITY[finding.severity],
        title_zh=f"{what.zh}：{where.zh}",
        title_en=f"{what.en}: {where.en}",
        reason_zh=finding.reason.zh,
        reason_en=finding.reason.en,
        action_zh=action.zh,
        action_en=action.en,
        begin=finding.begin,
        end=finding.end,
        opened=now,
        count=1,
        observed=finding.observed,
        expected=finding.expected,
        low=finding.low,
        high=finding.high,
        unit=finding.unit,
        confidence=finding.confidence,
        cost_kwh_per_hour=finding.cost_kwh_per_hour,
    )
    alarm.phase = step("closed", "raise")
    session.add(alarm)
    session.flush()
    _record(session, alarm, "", "raise", now, "", "")
    return Change(alarm, "opened")


def _open(session: Session, alarm_id: int) -> Alarm:
    alarm = session.get(Alarm, alarm_id, with_for_update=True)
    if alarm is None:
        raise Reject("unknown_alarm", str(alarm_id))
    if alarm.phase == "closed":
        raise Reject("alarm_closed", str(alarm_id))
    return alarm


def _move(session: Session, alarm: Alarm, signal: Signal, now: int, who: str = "", comment: str = "") -> None:
    """Step an alarm, and write it down if that changed anything."""
    before: Phase = alarm.phase  # type: ignore[assignment]
    alarm.phase = step(before, signal)
    if alarm.phase == before:
        return
    if alarm.phase == "closed":
        alarm.closed, alarm.shelved_until = now, None
    _record(session, alarm, before, signal, now, who, comment)


def _record(session: Session, alarm: Alarm, before: str, signal: str, now: int, who: str, comment: str) -> None:
    session.add(
        AlarmStep(alarm=alarm.id, time=now, before=before, after=alarm.phase, signal=signal, who=who, comment=comment)
    )
    session.flush()


def _unshelve(session: Session, alarm: Alarm, now: int, who: str, comment: str) -> Change:
    alarm.shelved_until = None
    _record(session, alarm, alarm.phase, "unshelve", now, who, comment)
    return Change(alarm, "unshelved")
