"""Findings with their evidence, and the alarms they are managed by."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from analytics.alarms import acts, lifecycle
from analytics.alarms.acts import Cause, Verdict
from api.auth import Caller, Operator, Viewer
from api.context import Context, Ctx
from api.limits import Number
from api.moments import Span, instant, span
from api.places import SiteOf, find_site, zone_of
from api.problems import not_found
from api.routes.alarm_report import AlarmDetail, AlarmOut, FindingOut, alarm_out, detail, finding
from schema.errors import Reject
from schema.instant import DAY
from store.registry.alarms import Alarm, history, open_alarms, past_alarms

router = APIRouter(tags=["alarms"])

MOST_ALARMS = 1000
State = Literal[
    "open", "unacknowledged", "acknowledged", "returned", "shelved", "suppressed", "out_of_service", "closed"
]


class Acknowledgement(BaseModel):
    """A word on what was seen or done."""

    comment: str = Field(default="", max_length=500)


class Bulk(Acknowledgement):
    """The alarms to acknowledge: those listed, or all that have returned to normal."""

    alarms: list[Number] | None = Field(default=None, max_length=MOST_ALARMS)


class Acknowledged(BaseModel):
    """Those that were acknowledged now."""

    acknowledged: list[int]


class Judgement(Acknowledgement):
    """Whether an alarm was right, and what was behind it."""

    verdict: Verdict
    cause: Cause | None = None


class Shelving(BaseModel):
    """Until when nobody shall be told, and why."""

    comment: str = Field(pattern=r"\S", max_length=500)
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
        return [finding(alarm, zone) for alarm in wanted[:MOST_ALARMS]]


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
        return [alarm_out(alarm, zone) for alarm in wanted[:MOST_ALARMS]]


@router.get("/alarms/{alarm}")
def get_alarm(context: Ctx, caller: Viewer, alarm: Number) -> AlarmDetail:
    """One alarm with everything that happened to it."""
    with context.registry.reading() as session:
        return _detail(context, session, _visible(session, caller, alarm))


@router.post("/alarms/{alarm}/acknowledge")
def acknowledge(context: Ctx, caller: Operator, alarm: Number, body: Acknowledgement) -> AlarmDetail:
    """Say that somebody has seen it; 409 when it is closed or already acknowledged."""
    return _act(
        context,
        caller,
        alarm,
        lambda session, now: acts.acknowledge(session, alarm, caller.name, body.comment, now),
    )


@router.post("/sites/{site}/alarms/acknowledge")
def acknowledge_many(caller: Operator, site: SiteOf, context: Ctx, body: Bulk) -> Acknowledged:
    """Acknowledge many at once; those that another has seen meanwhile are left as they are."""
    with context.registry.writing() as session:
        waiting = {alarm.id: alarm.phase for alarm in open_alarms(session, site.id)}
        if body.alarms is None:
            chosen = [alarm for alarm, phase in waiting.items() if phase == "returned"]
        else:
            chosen = [alarm for alarm in body.alarms if alarm in waiting]
        changes = acts.acknowledge_all(session, chosen, caller.name, body.comment, context.clock())
    for change in changes:
        _announce(context, change)
    return Acknowledged(acknowledged=[change.alarm.id for change in changes])


@router.post("/alarms/{alarm}/comment")
def comment(context: Ctx, caller: Operator, alarm: Number, body: Acknowledgement) -> AlarmDetail:
    """Add a word to its history, also when it is closed."""
    return _act(
        context, caller, alarm, lambda session, now: acts.comment(session, alarm, caller.name, body.comment, now)
    )


@router.post("/alarms/{alarm}/judge")
def judge(context: Ctx, caller: Operator, alarm: Number, body: Judgement) -> AlarmDetail:
    """Say whether it was right; a false alarm widens the tolerance of its device and rule, see `treatments`."""
    return _act(
        context,
        caller,
        alarm,
        lambda session, now: acts.judge(session, alarm, body.verdict, body.cause, caller.name, body.comment, now),
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
        lambda session, now: acts.shelve(session, alarm, until, caller.name, body.comment, now),
    )


@router.post("/alarms/{alarm}/unshelve")
def unshelve(context: Ctx, caller: Operator, alarm: Number, body: Acknowledgement) -> AlarmDetail:
    """Take it back from the shelf; 409 when it is not there."""
    return _act(
        context, caller, alarm, lambda session, now: acts.unshelve(session, alarm, caller.name, body.comment, now)
    )


def _act(
    context: Context, caller: Caller, alarm: int, action: Callable[[Session, int], lifecycle.Change]
) -> AlarmDetail:
    with context.registry.writing() as session:
        _visible(session, caller, alarm)
        with _conflicts():
            change = action(session, context.clock())
        answer = _detail(context, session, change.alarm)
    _announce(context, change)
    return answer


def _announce(context: Context, change: lifecycle.Change) -> None:
    alarm = change.alarm
    told = {"site": alarm.site, "id": alarm.id, "device": alarm.device, "effect": change.effect}
    context.hub.announce("alarm", told)


@contextmanager
def _conflicts() -> Iterator[None]:
    try:
        yield
    except Reject as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None


def _visible(session: Session, caller: Caller, alarm: int) -> Alarm:
    found = session.get(Alarm, alarm)
    if found is None or found.phase == "pending" or not caller.sees(found.site):
        raise not_found(f"no alarm {alarm}")
    return found


def _in_state(alarm: Alarm, state: State, now: int) -> bool:
    match state:
        case "open":
            return alarm.phase != "closed"
        case "shelved":
            return alarm.shelved(now)
        case "suppressed":
            return alarm.suppressed
        case "out_of_service":
            return alarm.removed
    return alarm.phase == state


def _detail(context: Context, session: Session, alarm: Alarm) -> AlarmDetail:
    return detail(alarm, history(session, alarm.id), zone_of(find_site(context, alarm.site)))
