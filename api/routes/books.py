"""How the books came about: an interval down to its readings, the rules, and the journal of what was changed."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from analytics.books.bookkeeper import in_force
from analytics.books.drill import Origin, Taught, origin
from analytics.books.rules import RULES
from analytics.books.settling import Ground
from analytics.calendar import Calendar
from api.auth import Viewer
from api.context import Ctx
from api.limits import Number
from api.moments import Span, instant, iso, span
from api.places import DeviceOf, SiteOf, zone_of
from api.routes.consumption import register_of
from api.routes.sites import QUALITIES, Title
from schema.instant import DAY
from store.registry.exchanges import RegisterChange, declared
from store.registry.journal import BookChange, changes
from store.registry.places import Device, Site

router = APIRouter(tags=["books"])


class RuleOut(BaseModel):
    """A version of a rule of the books; `estimates` where the value is then an estimate."""

    name: str
    version: int
    estimates: bool
    text: Title


class PieceOut(BaseModel):
    """A segment between two readings that reaches into the interval, and all that it counted."""

    begin: str
    end: str
    amount: float
    rule: RuleOut | None


class ReadingOut(BaseModel):
    """A raw reading; one that does not count was left out, and is kept all the same."""

    time: str
    value: float
    counts: bool


class ChangeOut(BaseModel):
    """A declared change in between: what the register read up to it and from it on, and the factor from then on."""

    time: str
    closing: float | None
    opening: float | None
    factor: float


class TaughtOut(BaseModel):
    """The weeks whose measured intervals a gap was filled by."""

    begin: str
    end: str
    intervals: int


class IntervalOut(BaseModel):
    """A quarter hour of the books and where it comes from; `value` is null when nothing is known of it."""

    device: str
    point: str
    unit: str
    start: str
    end: str
    value: float | None
    quality: str | None
    rule: RuleOut | None
    pieces: list[PieceOut]
    readings: list[ReadingOut]
    changes: list[ChangeOut]
    taught: TaughtOut | None


class SideOut(BaseModel):
    """What intervals held: their sum, the worst quality, the gravest rule."""

    value: float
    quality: str
    rule: RuleOut | None


class EntryOut(BaseModel):
    """Booked intervals, one after another, that were changed: from what to what, when and why.

    Of readings of `cause_from` to `cause_to`, `cause` is "late", "corrected" (they took the place of others) or
    "gap_closed" (measured now, once estimated), and "readings" where it is not known which; else "declaration" (of a
    register change), "history" (readings in the weeks that a gap is filled by) or "version" (the rules are new).
    """

    id: int
    time: str
    device: str
    point: str
    begin: str
    end: str
    intervals: int
    old: SideOut
    new: SideOut
    cause: str
    cause_from: str
    cause_to: str


@router.get("/books/rules")
def get_rules(_: Viewer) -> list[RuleOut]:
    """Every rule an interval may have come about by, in every version that may be booked."""
    return [rule for code in sorted(RULES) if (rule := rule_out(code)) is not None]


@router.get("/sites/{site}/devices/{device}/points/{point}/intervals/{at}")
def get_interval(
    site: SiteOf,
    device: DeviceOf,
    point: str,
    at: Annotated[str, Path(description="an instant of the quarter hour, ISO 8601")],
    context: Ctx,
) -> IntervalOut:
    """A quarter hour of a register's books, and the readings and rule that it follows from."""
    zone = zone_of(site)
    key, unit = register_of(device, point)
    with context.registry.reading() as session:
        ground = _ground(site, device, declared(session, site.id, device.id))
    return _interval(origin(context.store, key, instant(at, zone, "at"), ground), device.id, point, unit, zone)


@router.get("/sites/{site}/journal")
def get_journal(
    site: SiteOf,
    context: Ctx,
    device: str | None = None,
    point: str | None = None,
    start: Annotated[
        str | None, Query(alias="from", description="of the changed intervals; 31 days when absent")
    ] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
    before: Annotated[Number | None, Query(description="id to go on from")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[EntryOut]:
    """What of the booked intervals in [from, to) was changed later, the newest change first."""
    zone, now = zone_of(site), context.clock()
    within = span(start, end, zone, Span(now - 31 * DAY, now))
    with context.registry.reading() as session:
        found = changes(
            session, site.id, within.start, within.end, device=device, point=point, before=before, limit=limit
        )
    return [_entry(row, zone) for row in found]


def rule_out(code: int) -> RuleOut | None:
    """The rule of a code, None for what is plainly measured."""
    rule = RULES.get(code)
    if rule is None:
        return None
    text = Title(zh=rule.text.zh, en=rule.text.en)
    return RuleOut(name=rule.name, version=rule.version, estimates=rule.estimates, text=text)


def _ground(site: Site, device: Device, rows: list[RegisterChange]) -> Ground:
    widths = {(site.id, device.id): device.width} if device.width is not None else {}
    return Ground(widths, in_force(rows), {site.id: Calendar(site.timezone, site.calendar)})


def _interval(found: Origin, device: str, point: str, unit: str, zone: ZoneInfo) -> IntervalOut:
    taught = found.taught
    return IntervalOut(
        device=device,
        point=point,
        unit=unit,
        start=iso(found.start, zone),
        end=iso(found.end, zone),
        value=found.value,
        quality=None if found.value is None else QUALITIES[found.quality],
        rule=rule_out(found.rule),
        pieces=[
            PieceOut(begin=iso(one.begin, zone), end=iso(one.end, zone), amount=one.amount, rule=rule_out(one.rule))
            for one in found.pieces
        ],
        readings=[ReadingOut(time=iso(one.time, zone), value=one.value, counts=one.counts) for one in found.readings],
        changes=[
            ChangeOut(time=iso(one.time, zone), closing=one.closing, opening=one.opening, factor=one.factor)
            for one in found.changes
        ],
        taught=None if taught is None else _taught(taught, zone),
    )


def _taught(found: Taught, zone: ZoneInfo) -> TaughtOut:
    return TaughtOut(begin=iso(found.begin, zone), end=iso(found.end, zone), intervals=found.intervals)


def _entry(row: BookChange, zone: ZoneInfo) -> EntryOut:
    return EntryOut(
        id=row.id,
        time=iso(row.time, zone),
        device=row.device,
        point=row.point,
        begin=iso(row.begin, zone),
        end=iso(row.end, zone),
        intervals=row.intervals,
        old=SideOut(value=row.old_value, quality=QUALITIES[row.old_quality], rule=rule_out(row.old_rule)),
        new=SideOut(value=row.new_value, quality=QUALITIES[row.new_quality], rule=rule_out(row.new_rule)),
        cause=row.cause,
        cause_from=iso(row.low, zone),
        cause_to=iso(row.high, zone),
    )
