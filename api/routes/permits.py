"""Permits: kept by operators, copied by gate agents; a credential is only ever kept as its keyed hash."""

import secrets
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, HTTPException, Response
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from access.credential import keyed_hash
from access.permit import Standing, Subject
from api.auth import GateAgent, Operator
from api.context import Ctx
from api.moments import instant, iso
from api.places import SiteOf, find_site, zone_of
from api.problems import invalid, not_found
from api.routes.gates import to_permit
from store.registry.passes import PermitRow, permit_of, permits, version
from store.registry.people import audit
from store.registry.places import Site

router = APIRouter(tags=["permits"])

Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]


class HoursIn(BaseModel):
    """Minutes of the local day, begin <= minute < end, on weekdays 0 (Monday) to 6."""

    days: list[Annotated[int, Field(ge=0, le=6)]] = Field(min_length=1)
    begin: int = Field(default=0, ge=0, le=1439)
    end: int = Field(default=1440, ge=1, le=1440)


class PermitChange(BaseModel):
    """What to set; what is absent stays as it is, null means no end, all week, or any number of entries."""

    gates: list[Name] | None = None
    zones: list[Name] | None = None
    valid_from: str | None = Field(default=None, description="ISO 8601; now, for a new permit")
    valid_to: str | None = None
    schedule: list[HoursIn] | None = None
    max_uses: int | None = Field(default=None, ge=1, lt=1 << 31)
    standing: Standing = "active"


class NewPermit(PermitChange):
    """A permit to give; `credential` is what the reader reads (card number, plate), kept as a keyed hash only."""

    credential: str = Field(min_length=1, max_length=200)
    subject: Subject


class PermitOut(BaseModel):
    """A permit as people read it: without its credential."""

    id: str
    subject: Subject
    gates: list[str]
    zones: list[str]
    valid_from: str
    valid_to: str | None
    schedule: list[HoursIn] | None
    max_uses: int | None
    uses: int
    standing: Standing


@router.get(
    "/sites/{site}/permits",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}}, 304: {"description": "The copy is current"}},
)
def list_permits(
    site: str, context: Ctx, _: GateAgent, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Every permit as gates keep it: `{"permits": [...]}`, instants in microseconds; ask again with the ETag."""
    find_site(context, site)
    with context.registry.reading() as session:
        tag = version(session, site)
        if if_none_match == tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
        found = [to_permit(row) for row in permits(session, site)]
    return Response(msgspec.json.encode({"permits": found}), media_type="application/json", headers={"ETag": tag})


@router.post("/sites/{site}/permits", status_code=HTTPStatus.CREATED)
def create_permit(caller: Operator, site: SiteOf, context: Ctx, body: NewPermit) -> PermitOut:
    """Give a permit; 409 when the credential already has one."""
    now = context.clock()
    credential = keyed_hash(context.pepper, body.credential)
    with context.registry.writing() as session:
        known = permit_of(session, site.id, credential)
        if known is not None:
            raise HTTPException(HTTPStatus.CONFLICT, f"the credential has permit {known.id!r}; change that one")
        row = PermitRow(
            site=site.id,
            id=secrets.token_hex(8),
            credential=credential,
            subject=body.subject,
            gates=[],
            zones=[],
            valid_from=now,
            uses=0,
            standing="active",
        )
        _apply(session, row, body, site, now)
        session.add(row)
        audit(session, now, caller.name, "permit given", f"{site.id}/{row.id}")
        return _out(row, site)


@router.get("/sites/{site}/permits/{permit}")
def get_permit(_: Operator, site: SiteOf, context: Ctx, permit: str) -> PermitOut:
    """One permit."""
    with context.registry.reading() as session:
        return _out(_permit(session, site, permit), site)


@router.patch("/sites/{site}/permits/{permit}")
def change_permit(caller: Operator, site: SiteOf, context: Ctx, permit: str, body: PermitChange) -> PermitOut:
    """Change a permit; gates learn of it with their next copy."""
    with context.registry.writing() as session:
        row = _permit(session, site, permit)
        now = context.clock()
        _apply(session, row, body, site, now)
        done = ", ".join(sorted(body.model_fields_set))
        audit(session, now, caller.name, "permit changed", f"{site.id}/{permit}", done)
        return _out(row, site)


@router.delete("/sites/{site}/permits/{permit}")
def revoke_permit(caller: Operator, site: SiteOf, context: Ctx, permit: str) -> PermitOut:
    """Revoke a permit; it stays on the list as revoked, so that the gates know."""
    return change_permit(caller, site, context, permit, PermitChange(standing="revoked"))


def _permit(session: Session, site: Site, permit: str) -> PermitRow:
    row = session.get(PermitRow, (site.id, permit))
    if row is None:
        raise not_found(f"no permit {permit!r} at site {site.id!r}")
    return row


def _apply(session: Session, row: PermitRow, body: PermitChange, site: Site, now: int) -> None:
    zone = zone_of(site)
    given = body.model_fields_set
    changes: dict[str, Any] = {name: getattr(body, name) for name in given & {"max_uses", "standing"}}
    changes |= {name: getattr(body, name) or [] for name in given & {"gates", "zones"}}
    if body.valid_from is not None:
        changes["valid_from"] = instant(body.valid_from, zone, "valid_from")
    if "valid_to" in given:
        changes["valid_to"] = instant(body.valid_to, zone, "valid_to") if body.valid_to is not None else None
    if "schedule" in given:
        hours = body.schedule
        changes["schedule"] = None if hours is None else [(each.days, each.begin, each.end) for each in hours]
    for name, value in changes.items():
        setattr(row, name, value)
    if row.valid_to is not None and row.valid_to <= row.valid_from:
        raise invalid("valid_to: must be after valid_from")
    try:
        to_permit(row)
    except msgspec.ValidationError as error:
        raise invalid(f"schedule: {error}") from None
    # Grows also when the clock went back: gates must never take a stale list for the current one.
    newest = session.scalar(select(func.max(PermitRow.changed)).where(PermitRow.site == site.id)) or 0
    row.changed = max(newest + 1, now)


def _out(row: PermitRow, site: Site) -> PermitOut:
    zone, permit = zone_of(site), to_permit(row)
    hours = permit.schedule
    return PermitOut(
        id=permit.id,
        subject=permit.subject,
        gates=list(permit.gates),
        zones=list(permit.zones),
        valid_from=iso(permit.valid_from, zone),
        valid_to=iso(permit.valid_to, zone) if permit.valid_to is not None else None,
        schedule=None if hours is None else [HoursIn(days=list(h.days), begin=h.begin, end=h.end) for h in hours],
        max_uses=permit.max_uses,
        uses=row.uses,
        standing=permit.standing,
    )
