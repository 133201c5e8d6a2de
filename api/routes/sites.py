"""Sites, and what is newest in one."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.auth import Viewer
from api.context import Ctx
from api.moments import iso
from api.places import SiteOf, series_of, zone_of
from devices import kinds
from schema.series import Quality
from store.registry import places

router = APIRouter(tags=["sites"])

QUALITIES = tuple(quality.name.lower() for quality in Quality)


class Title(BaseModel):
    """Words in both languages."""

    zh: str
    en: str


class SiteOut(BaseModel):
    """A compound; area and people are what intensities divide by."""

    id: str
    title: Title
    timezone: str
    calendar: str
    area_m2: float | None
    people: int | None


class Value(BaseModel):
    """The newest reading of a series."""

    device: str
    point: str
    time: Annotated[str, Field(description="ISO 8601 with the site's offset")]
    value: float
    unit: str
    quality: Annotated[str, Field(description="measured, partial, estimated or edited")]


def site_out(site: places.Site) -> SiteOut:
    """A site as the API says it."""
    return SiteOut(
        id=site.id,
        title=Title(zh=site.title_zh, en=site.title_en),
        timezone=site.timezone,
        calendar=site.calendar,
        area_m2=site.area_m2,
        people=site.people,
    )


@router.get("/sites")
def list_sites(context: Ctx, caller: Viewer) -> list[SiteOut]:
    """Every site the caller may see."""
    with context.registry.reading() as session:
        return [site_out(site) for site in places.sites(session) if caller.sees(site.id)]


@router.get("/sites/{site}")
def get_site(site: SiteOf) -> SiteOut:
    """One site."""
    return site_out(site)


@router.get("/sites/{site}/latest")
def latest(site: SiteOf, context: Ctx) -> list[Value]:
    """The newest reading of every series of a site."""
    with context.registry.reading() as session:
        devices = places.devices(session, site.id)
    batch = context.store.latest(series_of(devices))
    zone = zone_of(site)
    units = {(kind.name, point.name): point.unit for kind in kinds().values() for point in kind.points}
    rows = zip(batch.code.tolist(), batch.time.tolist(), batch.value.tolist(), batch.quality.tolist(), strict=True)
    return [
        Value(
            device=(key := batch.keys[code]).device,
            point=key.point,
            time=iso(time, zone),
            value=value,
            unit=units[key.kind, key.point],
            quality=QUALITIES[quality],
        )
        for code, time, value, quality in rows
    ]
