"""Findings with their evidence, and the alarms they are managed by."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from analytics import alarms
from api.auth import Caller, Operator, Viewer
from api.context import Context, Ctx
from api.limits import Number
from api.moments import Span, instant, iso, span
from api.places import SiteOf, find_site, zone_of
from api.problems import not_found
from api.routes.sites import Title
from schema.errors import Reject
from schema.instant import DAY
from schema.text import Text
from store.registry.alarms import Alarm, history, open_alarms, past_alarms

router = APIRouter(tags=["alarms"])

MOST_ALARMS = 1000
State = Literal["open", "unacknowledged", "acknowledged", "returned", "shelved", "closed"]


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
    title: Title
    reason: Title
    action: Title


class AlarmOut(FindingOut):
    """A finding's managed lifecycle after ISA-18.2; `count` is how often the evidence came."""

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


class Acknowledgement(BaseModel):
    """A word on what was seen or done."""

    comment: str = Field(default="", max_length=500)


class Shelving(Acknowledgement):
    """Until when nobody shall be told."""

    until: str = Field(description="ISO 8601; without offset in the site's zone")


@router.get("/sites/{site}/findings")
def list_findings(
    site: SiteOf,
    context: Ctx,
    device: str | None = None,
    start: Annotated[str | None, Query(alias="from")] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
) -> list[FindingOut]:
    """Findings with evidence in [from, to), newest first; those of the last 30 days unless given."""
    zone, now = zone_of(site), context.clock()
    within = span(start, end, zone, Span(now - 30 * DAY, now + 1))
    with context.registry.reading() as session:
        found = past_alarms(session, site.id, within.start, within.end)
        wanted = [alarm for alarm in found if device in (None, alarm.device)]
        return [FindingOut.model_validate(_finding(alarm, zone)) for alarm in wanted[:MOST_ALARMS]]


@router.get("/sites/{site}/alarms")
def list_alarms(
    site: SiteOf,
    context: Ctx,
    state: State = "open",
    start: Annotated[str | None, Query(alias="from", description="of closed alarms; 30 days ago when absent")] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
) -> list[AlarmOut]:
    """The alarms in a state, newest first; shelved ones are listed as open too."""
    zone, now = zone_of(site), context.clock()
    with context.registry.reading() as session:
        if state == "closed":
            within = span(start, end, zone, Span(now - 30 * DAY, now + 1))
            found = past_alarms(session, site.id, within.start, within.end)
        else:
            found = open_alarms(session, site.id)
        wanted = [alarm for alarm in found if _in_state(alarm, state, now)]
        return [AlarmOut.model_validate(_alarm(alarm, zone)) for alarm in wanted[:MOST_ALARMS]]


@router.get("/alarms/{alarm}")
def get_alarm(context: Ctx, caller: Viewer, alarm: Number) -> AlarmDetail:
    """One alarm with everything that happened to it."""
    with context.registry.reading() as session:
        return _detail(context, session, _visible(session, caller, alarm))


@router.post("/alarms/{alarm}/acknowledge")
def acknowledge(context: Ctx, caller: Operator, alarm: Number, body: Acknowledgement) -> AlarmDetail:
    """Say that somebody has seen it; 409 when it is closed or already acknowledged."""
    return _act(
        context, caller, alarm, lambda session, now: alarms.acknowledge(session, alarm, caller.name, body.comment, now)
    )


@router.post("/alarms/{alarm}/shelve")
def shelve(context: Ctx, caller: Operator, alarm: Number, body: Shelving) -> AlarmDetail:
    """Put it aside until an instant; 409 when it is closed, or the instant has passed."""
    with context.registry.reading() as session:
        zone = zone_of(find_site(context, _visible(session, caller, alarm).site))
    until = instant(body.until, zone, "until")
    return _act(
        context,
        caller,
        alarm,
        lambda session, now: alarms.shelve(session, alarm, until, caller.name, body.comment, now),
    )


@router.post("/alarms/{alarm}/unshelve")
def unshelve(context: Ctx, caller: Operator, alarm: Number, body: Acknowledgement) -> AlarmDetail:
    """Take it back from the shelf; 409 when it is not there."""
    return _act(
        context, caller, alarm, lambda session, now: alarms.unshelve(session, alarm, caller.name, body.comment, now)
    )


def _act(context: Context, caller: Caller, alarm: int, action: Callable[[Session, int], alarms.Change]) -> AlarmDetail:
    with context.registry.writing() as session:
        _visible(session, caller, alarm)
        with _conflicts():
            change = action(session, context.clock())
        answer = _detail(context, session, change.alarm)
    told = {"site": answer.site, "id": answer.alarm, "device": answer.device, "effect": change.effect}
    context.hub.announce("alarm", told)
    return answer


@contextmanager
def _conflicts() -> Iterator[None]:
    try:
        yield
    except Reject as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None


def _visible(session: Session, caller: Caller, alarm: int) -> Alarm:
    found = session.get(Alarm, alarm)
    if found is None or not caller.sees(found.site):
        raise not_found(f"no alarm {alarm}")
    return found


def _in_state(alarm: Alarm, state: State, now: int) -> bool:
    match state:
        case "open":
            return alarm.phase != "closed"
        case "shelved":
            return alarm.shelved(now)
    return alarm.phase == state


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
        "title": _title(alarm.title),
        "reason": _title(alarm.reason),
        "action": _title(alarm.action),
    }


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
    }


def _detail(context: Context, session: Session, alarm: Alarm) -> AlarmDetail:
    zone = zone_of(find_site(context, alarm.site))
    steps = [
        {
            "time": iso(step.time, zone),
            "before": step.before,
            "after": step.after,
            "signal": step.signal,
            "who": step.who,
            "comment": step.comment,
        }
        for step in history(session, alarm.id)
    ]
    return AlarmDetail.model_validate(_alarm(alarm, zone) | {"history": steps})


def _title(text: Text) -> Title:
    return Title(zh=text.zh, en=text.en)
