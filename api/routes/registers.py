"""Declared changes of registers: a meter exchange, a reset, a new transformer ratio; each can be withdrawn."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from api.auth import Operator
from api.context import Ctx
from api.limits import Number
from api.moments import instant, iso
from api.places import DeviceOf, SiteOf, zone_of
from api.problems import not_found
from api.routes.consumption import register_of
from store.registry import exchanges
from store.registry.exchanges import RegisterChange
from store.registry.people import audit

router = APIRouter(tags=["books"])

Known = Annotated[float | None, Field(allow_inf_nan=False)]


class Declared(BaseModel):
    """What happened to a register, and when.

    exchange: `closing` of the old meter and `opening` of the new one; reset: `opening` (0 when absent), `closing` if
    anybody knows it; ratio: `factor` = CT x PT from then on, with one register as closing and opening if anybody knows.
    """

    type: Literal["exchange", "reset", "ratio"]
    time: str = Field(description="ISO 8601, in the site's zone without an offset")
    point: str | None = Field(default=None, description="the register its kind books, when absent")
    closing: Known = None
    opening: Known = None
    factor: Known = None
    width: Known = None
    note: str = Field(default="", max_length=500)


class RegisterChangeOut(BaseModel):
    """A declaration; `settled` is when it was last worked into the books, null while it waits for that."""

    id: int
    device: str
    point: str
    type: str
    time: str
    closing: float | None
    opening: float | None
    factor: float | None
    width: float | None
    note: str
    declared: str
    declared_by: str
    withdrawn: str | None
    withdrawn_by: str | None
    settled: str | None


@router.get("/sites/{site}/devices/{device}/register-changes")
def list_changes(site: SiteOf, device: DeviceOf, context: Ctx) -> list[RegisterChangeOut]:
    """Every declaration of a device, also withdrawn ones, by register and time."""
    with context.registry.reading() as session:
        return [_out(row, zone_of(site)) for row in exchanges.declared(session, site.id, device.id)]


@router.post("/sites/{site}/devices/{device}/register-changes", status_code=201)
def declare_change(caller: Operator, body: Declared, site: SiteOf, device: DeviceOf, context: Ctx) -> RegisterChangeOut:
    """Declare a change; the books are settled again where it touches them, and the journal says so."""
    zone, now = zone_of(site), context.clock()
    key, _ = register_of(device, body.point)
    with context.registry.writing() as session:
        row = exchanges.declare(
            *(session, device, key.point, body.type, instant(body.time, zone, "time")),
            closing=body.closing,
            opening=body.opening,
            factor=body.factor,
            width=body.width,
            note=body.note,
            by=caller.name,
            now=now,
        )
        audit(
            session, now, caller.name, f"{row.sort} declared", f"{site.id}/{device.id}/{row.point}/{row.id}", row.note
        )
        return _out(row, zone)


@router.delete("/sites/{site}/devices/{device}/register-changes/{change}")
def withdraw_change(
    caller: Operator, change: Annotated[Number, Path()], site: SiteOf, device: DeviceOf, context: Ctx
) -> RegisterChangeOut:
    """Take a declaration back: the books become what they were without it."""
    now = context.clock()
    with context.registry.writing() as session:
        row = session.get(RegisterChange, change)
        if row is None or (row.site, row.device) != (site.id, device.id):
            raise not_found(f"no register change {change} of {device.id!r}")
        exchanges.withdraw(session, row, caller.name, now)
        audit(session, now, caller.name, "register change withdrawn", f"{site.id}/{device.id}/{row.point}/{row.id}")
        return _out(row, zone_of(site))


def _out(row: RegisterChange, zone: ZoneInfo) -> RegisterChangeOut:
    def moment(time: int | None) -> str | None:
        return None if time is None else iso(time, zone)

    return RegisterChangeOut(
        id=row.id,
        device=row.device,
        point=row.point,
        type=row.sort,
        time=iso(row.time, zone),
        closing=row.closing,
        opening=row.opening,
        factor=row.factor,
        width=row.width,
        note=row.note,
        declared=iso(row.declared, zone),
        declared_by=row.declared_by,
        withdrawn=moment(row.withdrawn),
        withdrawn_by=row.withdrawn_by,
        settled=moment(row.settled),
    )
