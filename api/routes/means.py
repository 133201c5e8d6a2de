"""Time-weighted means of a gauge."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from analytics.books.gauges import weighted
from api.context import Ctx
from api.moments import Span, iso, span, step
from api.places import DeviceOf, SiteOf, zone_of
from api.problems import invalid
from devices import kinds
from schema.instant import DAY, MINUTE, SECOND

router = APIRouter(tags=["series"])

MOST_READINGS = 2_000_000


class MeansOut(BaseModel):
    """Struct of arrays, one entry a bucket of `every` s that something is known of; `covered` is the known share."""

    device: str
    point: str
    unit: str
    every: float
    time: list[str]
    mean: list[float]
    covered: list[float]


@router.get("/sites/{site}/devices/{device}/points/{point}/means")
def get_means(
    site: SiteOf,
    device: DeviceOf,
    point: str,
    context: Ctx,
    start: Annotated[str | None, Query(alias="from", description="ISO 8601; the last day when absent")] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
    every: Annotated[str, Query(description="bucket such as 15min, 1h, 1d")] = "15min",
) -> MeansOut:
    """Means in which a value counts for as long as it held; between readings over 2 h apart nothing is known."""
    kind = kinds().get(device.kind)
    described = kind.point(point) if kind else None
    if described is None or described.kind != "gauge":
        raise invalid(f"point: {device.kind} {device.id!r} has no gauge {point!r}")
    zone, now, length = zone_of(site), context.clock(), step(every)
    within = span(start, end, zone, Span(now - DAY, now))
    if length < MINUTE:
        raise invalid(f"every: {every} is less than a minute")
    if (within.end - within.start) / SECOND > MOST_READINGS * max(1.0, device.interval):
        raise invalid(f"from, to: more than {MOST_READINGS} readings to weigh; ask for less at once")
    readings = context.store.read([device.series(point)], within.start, within.end, margin=1)
    found = weighted(readings.time, readings.value, within.start, within.end, length)
    return MeansOut(
        device=device.id,
        point=point,
        unit=described.unit,
        every=length / SECOND,
        time=[iso(time, zone) for time in found.start.tolist()],
        mean=found.mean.tolist(),
        covered=found.covered.tolist(),
    )
