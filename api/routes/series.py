"""The readings of one point over time, down-sampled so that a chart gets what it can draw."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.context import Ctx
from api.moments import Span, iso, span, step
from api.places import DeviceOf, SiteOf, zone_of
from api.problems import invalid, not_found
from devices import kinds
from schema.instant import DAY, HOUR, MINUTE, SECOND
from schema.series import SeriesKey
from store.series.port import SeriesStore

router = APIRouter(tags=["series"])

STEPS = tuple(
    [n * SECOND for n in (1, 2, 5, 10, 15, 30)]
    + [n * MINUTE for n in (1, 2, 5, 10, 15, 30)]
    + [n * HOUR for n in (1, 2, 3, 6, 12)]
    + [n * DAY for n in (1, 2, 7, 14, 30, 90, 365)]
)
MOST_BUCKETS = 50_000


class Columns(BaseModel):
    """Struct of arrays, one entry a bucket of `every` s that holds readings, or (null) a reading as stored.

    Buckets are aligned to 1970 UTC and stamped with their start; a bucket without readings is left out.
    """

    device: str
    point: str
    unit: str
    every: float | None
    time: list[str]
    mean: list[float]
    low: list[float]
    high: list[float]
    count: list[int]


@dataclass(frozen=True, slots=True)
class Samples:
    """The same columns with instants in microseconds; `every` in microseconds or None for readings as stored."""

    every: int | None
    time: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    count: list[int]


def fitting(length: int, most: int) -> int:
    """The shortest step that cuts `length` into at most `most` aligned buckets."""
    # An unaligned span touches one bucket more than its length says.
    return next((each for each in STEPS if length // each + 2 <= most), -(-length // max(1, most - 2)))


def sample(store: SeriesStore, key: SeriesKey, within: Span, every: int | None, most: int, interval: float) -> Samples:
    """At most `most` rows unless `every` is given; readings as stored where one an `interval` s makes so few."""
    length = within.end - within.start
    if every is None and length <= most * interval * SECOND:
        raw = store.read([key], within.start, within.end)
        if len(raw) <= most:
            values = raw.value.tolist()
            return Samples(None, raw.time.tolist(), values, values, values, np.ones(len(raw), int).tolist())
    each = every or fitting(length, most)
    found = store.aggregate([key], within.start, within.end, each)
    return Samples(
        each, found.time.tolist(), found.mean.tolist(), found.low.tolist(), found.high.tolist(), found.count.tolist()
    )


@router.get("/sites/{site}/devices/{device}/points/{point}/series")
def get_series(
    site: SiteOf,
    device: DeviceOf,
    point: str,
    context: Ctx,
    start: Annotated[str | None, Query(alias="from", description="ISO 8601; without offset in the site's zone")] = None,
    end: Annotated[
        str | None, Query(alias="to", description="default: now, or the newest of a replayed device")
    ] = None,
    every: Annotated[str | None, Query(description="bucket such as 30s, 15min, 1h, 1d; chosen when not given")] = None,
    max_points: Annotated[int, Query(ge=10, le=10_000)] = 1000,
) -> Columns:
    """Mean, lowest and highest of a point in buckets; the last 24 hours unless `from` and `to` say otherwise."""
    kind = kinds().get(device.kind)
    declared = kind.point(point) if kind is not None else None
    if declared is None:
        raise not_found(f"a {device.kind} has no point {point!r}")
    key, zone = device.series(point), zone_of(site)
    now = context.clock()
    if device.replay and len(newest := context.store.latest([key])):
        now = int(newest.time[0]) + 1
    within = span(start, end, zone, Span(now - DAY, now))
    bucket = step(every) if every is not None else None
    if bucket is not None and (within.end - within.start) // bucket > MOST_BUCKETS:
        raise invalid(f"every: {every} over that span are more than {MOST_BUCKETS} buckets; ask for longer ones")
    found = sample(context.store, key, within, bucket, max_points, device.interval)
    return Columns(
        device=device.id,
        point=point,
        unit=declared.unit,
        every=found.every / SECOND if found.every is not None else None,
        time=[iso(time, zone) for time in found.time],
        mean=found.mean,
        low=found.low,
        high=found.high,
        count=found.count,
    )
