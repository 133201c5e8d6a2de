"""Validation of a day of the books: which registers did not pass which check."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from analytics.books import vee
from analytics.books.review import review
from analytics.calendar import Calendar
from analytics.typical import midnight
from api.context import Context, Ctx
from api.places import SiteOf, series_of
from api.problems import invalid, not_found
from api.routes.sites import Title
from schema.instant import SECOND
from store.registry import deadletters
from store.registry.deadletters import Search
from store.registry.goals import factors
from store.registry.places import Device, devices

router = APIRouter(tags=["books"])

MOST_DEVICES = 2000
AHEAD = 600.0
"""Seconds that a clock was ahead at least, where ingest refused its readings for that."""


class FlagOut(BaseModel):
    """A check that the day did not pass: what was found, and the limit it goes beyond."""

    device: str
    point: str
    check: str
    version: int
    found: float
    limit: float
    unit: str
    text: Title


class Review(BaseModel):
    """A local day: the limits that hold on it, and what goes beyond them."""

    day: date
    limits: dict[str, float]
    flags: list[FlagOut]


@router.get("/sites/{site}/validation")
def get_validation(
    site: SiteOf,
    context: Ctx,
    day: Annotated[date | None, Query(description="a local day; yesterday when absent")] = None,
    device: Annotated[list[str] | None, Query(description="repeatable; all that book a register when absent")] = None,
) -> Review:
    """The checks (VEE) that a day's books do not pass; a sum check asks for a meter together with its sub-meters."""
    calendar = Calendar(site.timezone, site.calendar)
    now = context.clock()
    asked = day or calendar.local(now).date() - timedelta(days=1)
    with context.registry.reading() as session:
        known = devices(session, site.id)
        published = factors(session)
    if device:
        by_id = {each.id: each for each in known}
        if missing := [name for name in device if name not in by_id]:
            raise not_found(f"no device {missing[0]!r} at site {site.id!r}")
        known = [by_id[name] for name in dict.fromkeys(device)]
    if len(known) > MOST_DEVICES:
        raise invalid(f"device: the site has {len(known)}, name at most {MOST_DEVICES} of them")
    flags = review(context.store, known, asked, calendar, published, _ahead(context, known, asked, calendar))
    return Review(
        day=asked,
        limits=vee.thresholds(asked, published),
        flags=[
            FlagOut(
                device=flag.key.device,
                point=flag.key.point,
                check=flag.check,
                version=vee.VERSION,
                found=flag.found,
                limit=flag.limit,
                unit=flag.unit,
                text=Title(zh=flag.text.zh, en=flag.text.en),
            )
            for flag in flags
        ],
    )


def _ahead(context: Context, known: list[Device], day: date, calendar: Calendar) -> dict[str, float]:
    """Seconds by which clocks were ahead: of readings refused for it that day, and today also of the newest taken."""
    start, end = (midnight(each, calendar.zone) for each in (day, day + timedelta(days=1)))
    now = context.clock()
    site = known[0].site if known else ""
    with context.registry.reading() as session:
        late = deadletters.found(session, Search(site=site, reason="time_ahead", start=start, end=end), limit=10_000)
    found = dict.fromkeys((letter.device for letter in late), AHEAD)
    if start <= now < end:
        newest = context.store.latest(series_of(known))
        for code, time in zip(newest.code.tolist(), newest.time.tolist(), strict=True):
            name = newest.keys[code].device
            found[name] = max(found.get(name, 0.0), (time - now) / SECOND)
    return found
