"""What a gate asks before it opens, and the rules of the zones behind the gates."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from access.decision import Direction, Presence, Reason, Request, Zone, decide
from access.permit import Permit
from api.auth import GateAgent, Operator
from api.context import Ctx
from api.moments import UTC, instant
from api.places import SiteOf
from api.problems import invalid, not_found
from schema.event import Event, Pass
from schema.instant import HOUR, MINUTE
from store.registry.events import EventRow
from store.registry.passes import PermitRow, permit_of
from store.registry.people import audit
from store.registry.places import Device, Site
from store.registry.zones import ZoneRow, zone_rules

router = APIRouter(tags=["gates"])

VALID_SECONDS = 10.0
MOST_SKEW = MINUTE


class Asked(BaseModel):
    """A credential (its keyed hash, made at the gate) shown to go in or out."""

    credential: str = Field(pattern=r"^[0-9a-f]{64}$")
    direction: Direction
    time: str = Field(description="ISO 8601 with offset, by the gate's clock")


class Answer(BaseModel):
    """Whether to open, why, and for how many seconds that holds."""

    granted: bool
    reason: Reason
    decided_by: Literal["platform"] = "platform"
    valid_for: float = VALID_SECONDS


class ZoneRules(BaseModel):
    """Anti-passback of a zone: "hard" refuses a second entry, "soft" only records it; forgotten after `reset_hours`."""

    anti_passback: Literal["off", "soft", "hard"] = "off"
    reset_hours: float = Field(default=12, gt=0, le=168)


def to_permit(row: PermitRow) -> Permit:
    """The permit that a row keeps."""
    names = Permit.__struct_fields__
    return msgspec.convert({name: getattr(row, name) for name in names} | {"schedule": _hours(row)}, Permit)


@router.post("/sites/{site}/gates/{gate}/decisions")
def decision(site: str, gate: str, context: Ctx, _: GateAgent, body: Asked) -> Answer:
    """Decide online; a single-use permit is spent by it. Grant is not passage: the gate reports that as an event."""
    now = context.clock()
    shown = instant(body.time, UTC, "time")
    if abs(shown - now) > MOST_SKEW:
        raise invalid(f"time: the gate's clock is {(shown - now) / 1e6:+.0f} s off; the platform decides within 60 s")
    asked = Request(gate, body.direction)
    with context.registry.reading() as session:
        place, device = session.get(Site, site), session.get(Device, (site, gate))
        if place is None or device is None or device.kind != "gate":
            raise not_found(f"no gate {gate!r} at site {site!r}")
        zone = _zone(place, device, zone_rules(session, site, device.building))
        row = permit_of(session, site, body.credential)
        permit = to_permit(row) if row is not None else None
        presence = _presence(session, site, body.credential, zone, row, now)
    found = decide(asked, permit, zone, presence, now)
    if permit is None or permit.max_uses is None or not found.granted or body.direction == "out":
        return Answer(granted=found.granted, reason=found.reason)
    with context.registry.writing() as session:
        # Two gates may ask at once: only one of them gets the last use.
        spent = session.execute(
            update(PermitRow)
            .where(PermitRow.site == site, PermitRow.id == permit.id, PermitRow.uses < permit.max_uses)
            .values(uses=PermitRow.uses + 1)
            .returning(PermitRow.id)
        ).all()
    return Answer(granted=found.granted, reason=found.reason) if spent else Answer(granted=False, reason="already_used")


@router.get("/sites/{site}/zones/{zone}")
def get_zone(_: Operator, site: SiteOf, context: Ctx, zone: str) -> ZoneRules:
    """The rules of a zone; the defaults where none were set."""
    with context.registry.reading() as session:
        row = zone_rules(session, site.id, zone)
        if row is None:
            return ZoneRules()
        return ZoneRules.model_validate({"anti_passback": row.anti_passback, "reset_hours": row.reset / HOUR})


@router.put("/sites/{site}/zones/{zone}")
def put_zone(
    caller: Operator,
    site: SiteOf,
    context: Ctx,
    zone: Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")],
    body: ZoneRules,
) -> ZoneRules:
    """Set the rules of a zone."""
    with context.registry.writing() as session:
        reset = round(body.reset_hours * HOUR)
        session.merge(ZoneRow(site=site.id, id=zone, anti_passback=body.anti_passback, reset=reset))
        audit(session, context.clock(), caller.name, "zone set", f"{site.id}/{zone}", body.model_dump_json())
    return body


def _hours(row: PermitRow) -> list[dict[str, object]] | None:
    return None if row.schedule is None else [{"days": d, "begin": b, "end": e} for d, b, e in row.schedule]


def _zone(site: Site, gate: Device, rules: ZoneRow | None) -> Zone:
    if rules is None:
        return Zone(id=gate.building, timezone=site.timezone)
    return msgspec.convert(
        {"id": rules.id, "timezone": site.timezone, "anti_passback": rules.anti_passback, "reset": rules.reset}, Zone
    )


def _presence(session: Session, site: str, credential: str, zone: Zone, row: PermitRow | None, now: int) -> Presence:
    """What the passages of the last `reset` say; not asked where anti-passback is off."""
    uses = row.uses if row is not None else 0
    if zone.anti_passback == "off":
        return Presence(uses=uses)
    bodies = session.scalars(
        select(EventRow.body)
        .join(Device, (Device.site == EventRow.site) & (Device.id == EventRow.device))
        .where(EventRow.site == site, EventRow.type == "pass", EventRow.time > now - zone.reset)
        .where(Device.building == zone.id, EventRow.body.contains(credential))
        .order_by(EventRow.time.desc())
    )
    for body in bodies:
        event = msgspec.json.decode(body, type=Event)
        if isinstance(event, Pass) and event.passed and event.credential == credential:
            return Presence(event.direction == "in", event.time, uses)
    return Presence(uses=uses)
