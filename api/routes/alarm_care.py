"""How alarms are treated: delays and tolerance, what is out of service, and the roster."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from api import alarm_care
from api.alarm_care import MOST_DUTIES, Shift, TreatmentIn, shift_of
from api.auth import Admin, Operator
from api.context import Context, Ctx
from api.moments import instant, iso
from api.places import DeviceOf, SiteOf, zone_of
from api.problems import invalid, not_found
from schema.errors import Reject
from schema.instant import SECOND
from store.registry.places import Site
from store.registry.roster import duties
from store.registry.treatments import OutOfService, Treatment, out_of_service, treatments

router = APIRouter(tags=["alarms"])

Rule = Annotated[str, Query(pattern="^([a-z0-9][a-z0-9_-]{0,63})?$", description="one rule, or all when absent")]


class TreatmentOut(TreatmentIn):
    """A treatment, who set it and when; "" stands for every device, or every rule."""

    who: str
    changed: str


class Removal(BaseModel):
    """Until when (ISO 8601; null: until put back), and why."""

    until: str | None = None
    comment: str = Field(pattern=r"\S", max_length=500)


class RemovalOut(Removal):
    """What is out of service, since when, by whom."""

    device: str
    rule: str
    comment: str
    since: str
    who: str


@router.get("/sites/{site}/alarm-treatments")
def list_treatments(site: SiteOf, context: Ctx) -> list[TreatmentOut]:
    """What people, or their feedback, set; the most specific one applies, a device before a rule."""
    with context.registry.reading() as session:
        return [_treatment(row, site) for row in treatments(session, site.id)]


@router.put("/sites/{site}/alarm-treatments")
def set_treatment(caller: Operator, site: SiteOf, context: Ctx, body: TreatmentIn) -> TreatmentOut:
    """Set the treatment of a device and rule."""
    with context.registry.writing() as session:
        row = alarm_care.set_treatment(session, site.id, body, caller.name, context.clock())
        return _treatment(row, site)


@router.delete("/sites/{site}/alarm-treatments", status_code=HTTPStatus.NO_CONTENT)
def drop_treatment(caller: Operator, site: SiteOf, context: Ctx, device: str = "", rule: Rule = "") -> None:
    """Back to the default; this is also how feedback is undone."""
    try:
        with context.registry.writing() as session:
            alarm_care.drop_treatment(session, site.id, device, rule, caller.name, context.clock())
    except Reject as error:
        raise not_found(str(error)) from None


@router.get("/sites/{site}/out-of-service")
def list_out_of_service(site: SiteOf, context: Ctx) -> list[RemovalOut]:
    """The devices and rules nobody is told of, on purpose."""
    with context.registry.reading() as session:
        return [_removal(row, site) for row in out_of_service(session, site.id)]


@router.put("/sites/{site}/devices/{device}/out-of-service")
def take_out(
    caller: Operator, site: SiteOf, device: DeviceOf, context: Ctx, body: Removal, rule: Rule = ""
) -> RemovalOut:
    """Tell nobody of a device's alarms, of one rule or all, while it is worked on."""
    now = context.clock()
    until = instant(body.until, zone_of(site), "until") if body.until is not None else None
    try:
        with context.registry.writing() as session:
            changes = alarm_care.take_out(session, site.id, device.id, rule, until, caller.name, body.comment, now)
            answer = _removal(session.get_one(OutOfService, (site.id, device.id, rule)), site)
    except Reject as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    _announce(context, site, len(changes))
    return answer


@router.delete("/sites/{site}/devices/{device}/out-of-service", status_code=HTTPStatus.NO_CONTENT)
def put_back(caller: Operator, site: SiteOf, device: DeviceOf, context: Ctx, rule: Rule = "") -> None:
    """Tell of its alarms again; 409 where it is not out of service."""
    try:
        with context.registry.writing() as session:
            changes = alarm_care.put_back(session, site.id, device.id, rule, caller.name, context.clock())
    except Reject as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    _announce(context, site, len(changes))


@router.get("/sites/{site}/roster")
def get_roster(site: SiteOf, context: Ctx) -> list[Shift]:
    """Who hears of alarms, and when; where nobody is on duty, every channel does."""
    with context.registry.reading() as session:
        return [shift_of(row) for row in duties(session, site.id)]


@router.put("/sites/{site}/roster")
def set_roster(
    caller: Admin, site: SiteOf, context: Ctx, body: Annotated[list[Shift], Field(max_length=MOST_DUTIES)]
) -> list[Shift]:
    """Put this roster in place of the one before; 422 for a channel that `alarms.channels` of the settings lacks."""
    try:
        with context.registry.writing() as session:
            rows = alarm_care.set_roster(session, site.id, body, context.channels, caller.name, context.clock())
            return [shift_of(row) for row in rows]
    except Reject as error:
        raise invalid(str(error)) from None


def _announce(context: Context, site: Site, changes: int) -> None:
    if changes:
        context.hub.announce("alarm", {"site": site.id, "effect": "service"})


def _treatment(row: Treatment, site: Site) -> TreatmentOut:
    return TreatmentOut(
        device=row.device,
        rule=row.rule,
        on_delay=row.on_delay / SECOND,
        off_delay=row.off_delay / SECOND,
        tolerance=row.tolerance,
        comment=row.comment,
        who=row.who,
        changed=iso(row.changed, zone_of(site)),
    )


def _removal(row: OutOfService, site: Site) -> RemovalOut:
    zone = zone_of(site)
    return RemovalOut(
        device=row.device,
        rule=row.rule,
        since=iso(row.since, zone),
        until=iso(row.until, zone) if row.until is not None else None,
        who=row.who,
        comment=row.comment,
    )
