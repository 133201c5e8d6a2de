"""Sites and devices as path parameters, and the health of a device."""

from collections.abc import Sequence
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Path

from analytics.live.scene import health
from api.auth import Viewer
from api.context import Context, Ctx
from api.problems import not_found
from devices import kinds
from schema.batch import Batch
from schema.series import SeriesKey
from store.registry.places import Device, Site

Health = Literal["online", "troubled", "late", "offline", "never"]


def zone_of(site: Site) -> ZoneInfo:
    """The zone that rules a site's days."""
    return ZoneInfo(site.timezone)


def find_site(context: Context, site: str) -> Site:
    """The site of that id; 404 without one."""
    with context.registry.reading() as session:
        found = session.get(Site, site)
    if found is None:
        raise not_found(f"no site {site!r}")
    return found


def site_of(site: Annotated[str, Path(description="Site id")], context: Ctx, _: Viewer) -> Site:
    """The site of the path, for a viewer who may see it; 404 otherwise."""
    return find_site(context, site)


SiteOf = Annotated[Site, Depends(site_of)]


def device_of(site: SiteOf, device: Annotated[str, Path(description="Device id")], context: Ctx) -> Device:
    """The device of the path; 404 without one."""
    with context.registry.reading() as session:
        found = session.get(Device, (site.id, device))
    if found is None:
        raise not_found(f"no device {device!r} at site {site.id!r}")
    return found


DeviceOf = Annotated[Device, Depends(device_of)]


def series_of(devices: Sequence[Device]) -> list[SeriesKey]:
    """Every series those devices may have, after the declarations of their kinds."""
    known = kinds()
    return [
        device.series(point.name) for device in devices if device.kind in known for point in known[device.kind].points
    ]


def last_seen(latest: Batch) -> dict[str, int]:
    """The instant of the newest reading of each device of one site."""
    seen: dict[str, int] = {}
    for code, time in zip(latest.code.tolist(), latest.time.tolist(), strict=True):
        device = latest.keys[code].device
        seen[device] = max(time, seen.get(device, time))
    return seen


def state_of(device: Device, seen: int | None, now: int) -> Health:
    """The health of a device, or that it has never sent a reading though it should have."""
    if seen is None and device.interval and not device.replay and device.state == "online":
        return "never"
    return health(device, seen, now)
