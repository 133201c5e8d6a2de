"""What the API says of a finding and of the alarm it is managed by."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from api.moments import iso
from api.routes.sites import Title
from schema.text import Text
from store.registry.alarms import Alarm, AlarmStep


class Readings(BaseModel):
    """Readings of a series, from one instant to another, both included."""

    building: str
    kind: str
    device: str
    point: str
    begin: str
    end: str


class FindingOut(BaseModel):
    """One anomaly: what was expected, what was seen at last, between which instants, and why that matters."""

    alarm: int
    device: str
    point: str
    rule: str
    active: bool
    begin: str
    end: str
    observed: float
    expected: float
    low: float
    high: float
    unit: str
    priority: str
    confidence: float
    cost_kwh_per_hour: float
    cost_yuan_per_hour: Decimal | None
    cost_kgco2_per_hour: float | None
    cause_class: str | None
    evidence: list[Readings]
    title: Title
    reason: Title
    action: Title


class AlarmOut(FindingOut):
    """A finding's managed lifecycle after ISA-18.2; `count` is how often the evidence came.

    `root` is the alarm that explains it; `suppressed` says that therefore nobody is told. `tier` is how far up the
    roster it went. `cause` and `verdict` are what people found.
    """

    site: str
    building: str
    kind: str
    state: Literal["unacknowledged", "acknowledged", "returned", "closed"]
    opened: str
    closed: str | None
    count: int
    acknowledged_by: str | None
    acknowledged: str | None
    comment: str | None
    shelved_until: str | None
    root: int | None
    suppressed: bool
    out_of_service: bool
    flapping: bool
    tier: int
    cause: str | None
    verdict: str | None


class Step(BaseModel):
    """One step in an alarm's life; `who` is empty for the platform itself."""

    time: str
    before: str
    after: str
    signal: str
    who: str
    comment: str


class AlarmDetail(AlarmOut):
    """An alarm with its history, oldest first."""

    history: list[Step]


def finding(alarm: Alarm, zone: ZoneInfo) -> FindingOut:
    """The evidence of an alarm, in the site's zone."""
    return FindingOut.model_validate(_finding(alarm, zone))


def alarm_out(alarm: Alarm, zone: ZoneInfo) -> AlarmOut:
    """An alarm in the site's zone."""
    return AlarmOut.model_validate(_alarm(alarm, zone))


def _finding(alarm: Alarm, zone: ZoneInfo) -> dict[str, object]:
    return {
        "alarm": alarm.id,
        "device": alarm.device,
        "point": alarm.point,
        "rule": alarm.rule,
        "active": alarm.phase in ("unacknowledged", "acknowledged"),
        "begin": iso(alarm.begin, zone),
        "end": iso(alarm.end, zone),
        "observed": alarm.observed,
        "expected": alarm.expected,
        "low": alarm.low,
        "high": alarm.high,
        "unit": alarm.unit,
        "priority": alarm.priority,
        "confidence": alarm.confidence,
        "cost_kwh_per_hour": alarm.cost_kwh_per_hour,
        "cost_yuan_per_hour": alarm.cost_yuan_per_hour,
        "cost_kgco2_per_hour": alarm.cost_kgco2_per_hour,
        "cause_class": alarm.cause_class,
        "evidence": [_readings(*row, zone=zone) for row in (alarm.evidence or {}).get("readings", ())],
        "title": _title(alarm.title),
        "reason": _title(alarm.reason),
        "action": _title(alarm.action),
    }


def _readings(building: str, kind: str, device: str, point: str, begin: int, end: int, *, zone: ZoneInfo) -> Readings:
    return Readings(
        building=building, kind=kind, device=device, point=point, begin=iso(begin, zone), end=iso(end, zone)
    )


def _alarm(alarm: Alarm, zone: ZoneInfo) -> dict[str, object]:
    return _finding(alarm, zone) | {
        "site": alarm.site,
        "building": alarm.building,
        "kind": alarm.kind,
        "state": alarm.phase,
        "opened": iso(alarm.opened, zone),
        "closed": iso(alarm.closed, zone) if alarm.closed is not None else None,
        "count": alarm.count,
        "acknowledged_by": alarm.acknowledged_by,
        "acknowledged": iso(alarm.acknowledged, zone) if alarm.acknowledged is not None else None,
        "comment": alarm.comment,
        "shelved_until": iso(alarm.shelved_until, zone) if alarm.shelved_until is not None else None,
        "root": alarm.root,
        "suppressed": alarm.suppressed,
        "out_of_service": alarm.removed,
        "flapping": alarm.flapping,
        "tier": alarm.tier,
        "cause": alarm.cause,
        "verdict": alarm.verdict,
    }


def detail(alarm: Alarm, steps: Sequence[AlarmStep], zone: ZoneInfo) -> AlarmDetail:
    """An alarm with its history, in the site's zone."""
    told = [
        {
            "time": iso(step.time, zone),
            "before": step.before,
            "after": step.after,
            "signal": step.signal,
            "who": step.who,
            "comment": step.comment,
        }
        for step in steps
    ]
    return AlarmDetail.model_validate(_alarm(alarm, zone) | {"history": told})


def _title(text: Text) -> Title:
    return Title(zh=text.zh, en=text.en)
