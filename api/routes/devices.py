"""Devices with their health, points and newest values."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.context import Ctx
from api.moments import iso
from api.places import DeviceOf, Health, SiteOf, last_seen, series_of, state_of, zone_of
from api.routes.sites import Title
from devices import kinds
from schema.trouble import saying
from store.registry import places

router = APIRouter(tags=["devices"])


class DeviceOut(BaseModel):
    """A device; `health` judges its silence by `interval` (s), `state` and `trouble` are what its agent last said."""

    id: str
    title: Title
    building: str
    kind: str
    parent: str | None
    interval: float
    replay: bool
    state: str
    state_since: str
    health: Health
    trouble: Title | None
    trouble_detail: str | None
    last_seen: str | None


class PointOut(BaseModel):
    """A point after the declaration of its kind, with its newest reading if it ever had one."""

    name: str
    title: Title
    quantity: str
    unit: str
    kind: Literal["gauge", "counter"]
    low: float
    high: float
    time: str | None
    value: float | None


class DeviceDetail(DeviceOut):
    """A device with its points."""

    points: list[PointOut]


@router.get("/sites/{site}/devices")
def list_devices(site: SiteOf, context: Ctx, kind: str | None = None) -> list[DeviceOut]:
    """The devices of a site, or those of one kind."""
    with context.registry.reading() as session:
        found = places.devices(session, site.id, kind)
    seen = last_seen(context.store.latest(series_of(found)))
    now = context.clock()
    return [_device(site, device, seen.get(device.id), now) for device in found]


@router.get("/sites/{site}/devices/{device}")
def get_device(site: SiteOf, device: DeviceOf, context: Ctx) -> DeviceDetail:
    """One device with every point of its kind."""
    latest = context.store.latest(series_of([device]))
    newest = {
        latest.keys[code].point: (time, value)
        for code, time, value in zip(latest.code.tolist(), latest.time.tolist(), latest.value.tolist(), strict=True)
    }
    zone = zone_of(site)
    kind = kinds().get(device.kind)
    points = []
    for point in kind.points if kind is not None else ():
        time, value = newest.get(point.name, (None, None))
        points.append(
            PointOut(
                name=point.name,
                title=Title(zh=point.title.zh, en=point.title.en),
                quantity=point.quantity,
                unit=point.unit,
                kind=point.kind,
                low=point.low,
                high=point.high,
                time=iso(time, zone) if time is not None else None,
                value=value,
            )
        )
    seen = last_seen(latest).get(device.id)
    return DeviceDetail(**_device(site, device, seen, context.clock()).model_dump(), points=points)


def _device(site: places.Site, device: places.Device, seen: int | None, now: int) -> DeviceOut:
    zone = zone_of(site)
    return DeviceOut(
        id=device.id,
        title=Title(zh=device.title_zh, en=device.title_en),
        building=device.building,
        kind=device.kind,
        parent=device.parent,
        interval=device.interval,
        replay=device.replay,
        state=device.state,
        state_since=iso(device.state_since, zone),
        health=state_of(device, seen, now),
        trouble=Title(**saying(device.trouble)._asdict()) if device.trouble else None,
        trouble_detail=device.trouble_detail,
        last_seen=iso(seen, zone) if seen is not None else None,
    )
