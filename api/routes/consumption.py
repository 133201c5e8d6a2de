"""Consumption by period of the site's time, as JSON or CSV."""

import csv
import io
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from analytics.books.consumption import Books, Period, consumption, floor_local
from api.context import Ctx
from api.moments import Span, iso, span
from api.places import SiteOf, zone_of
from api.problems import invalid, not_found
from api.routes.sites import QUALITIES
from devices import kinds
from devices.kind import Carrier
from schema.instant import DAY, HOUR, MINUTE
from schema.series import Quality, SeriesKey
from store.registry.places import Device, devices

router = APIRouter(tags=["consumption"])

MOST_ROWS = 200_000
LENGTH: dict[Period, int] = {"15min": 15 * MINUTE, "hour": HOUR, "day": DAY, "month": 28 * DAY, "year": 365 * DAY}


class Row(BaseModel):
    """Consumption in [start, end): `covered` is the known share of the period, `estimated` that of the value."""

    start: str
    end: str
    value: float
    quality: Annotated[str, Field(description="measured, partial, estimated or edited: the worst of its intervals")]
    covered: float
    estimated: float


class DeviceBooks(BaseModel):
    """The rows of one register, or of the sum of `devices`; a period nothing is known of has no row."""

    device: str | None
    devices: list[str]
    point: str
    unit: str
    rows: list[Row]


@router.get(
    "/sites/{site}/consumption",
    response_model=list[DeviceBooks],
    responses={200: {"content": {"text/csv": {}}, "description": "One element a device, or one with the sum"}},
)
def get_consumption(
    site: SiteOf,
    context: Ctx,
    request: Request,
    device: Annotated[
        list[str] | None, Query(description="repeatable; the main meters of `carrier` when absent")
    ] = None,
    carrier: Carrier = "electricity",
    point: Annotated[str | None, Query(description="the counter; the one its kind books when absent")] = None,
    period: Period = "day",
    start: Annotated[str | None, Query(alias="from")] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
    total: Annotated[bool, Query(description="one sum instead of a list by device")] = False,
    format: Literal["json", "csv"] | None = None,  # noqa: A002 - its name in the API
) -> Response | list[DeviceBooks]:
    """The periods that begin in [from, to); the running day, month or year unless given, by the length of `period`."""
    with context.registry.reading() as session:
        known = devices(session, site.id)
    chosen = _chosen(site.id, known, device, carrier)
    registers = [register_of(each, point) for each in chosen]
    zone, now = zone_of(site), context.clock()
    began = floor_local(now, "day" if period in ("15min", "hour") else "month" if period == "day" else "year", zone)
    within = span(start, end, zone, Span(began, now))
    if len(registers) * (within.end - within.start) // LENGTH[period] > MOST_ROWS:
        raise invalid(f"period: {period} over that span for {len(registers)} meters are more than {MOST_ROWS} rows")
    found = consumption(context.store, [key for key, _ in registers], within.start, within.end, period, zone)
    if total:
        answer = [_summed(found, registers, zone)] if registers else []
    else:
        answer = [_single(found, place, unit, zone) for place, (_, unit) in enumerate(registers)]
    if format == "csv" or (format is None and "text/csv" in request.headers.get("accept", "")):
        return Response(_csv(answer), media_type="text/csv; charset=utf-8")
    return answer


def _chosen(site: str, known: list[Device], wanted: list[str] | None, carrier: Carrier) -> list[Device]:
    if not wanted:
        books = {kind.name for kind in kinds().values() if kind.carrier == carrier}
        return [device for device in known if device.kind in books and device.parent is None]
    by_id = {device.id: device for device in known}
    missing = [name for name in wanted if name not in by_id]
    if missing:
        raise not_found(f"no device {missing[0]!r} at site {site!r}")
    return [by_id[name] for name in dict.fromkeys(wanted)]


def register_of(device: Device, point: str | None) -> tuple[SeriesKey, str]:
    """A register of a device (the one its kind books, unless named) with its unit; 422 where there is none."""
    kind = kinds().get(device.kind)
    name = point or (kind.consumption if kind is not None else None)
    declared = kind.point(name) if kind is not None and name is not None else None
    if declared is None or declared.kind != "counter":
        raise invalid(f"point: {device.kind} {device.id!r} has no counter{f' {point!r}' if point else ''} to book")
    return device.series(declared.name), declared.unit


def _single(found: Books, place: int, unit: str, zone: ZoneInfo) -> DeviceBooks:
    key, of = found.keys[place], found.code == place
    columns = (found.start, found.end, found.value, found.quality, found.covered, found.estimated)
    rows = _rows(*(column[of] for column in columns), zone=zone)
    return DeviceBooks(device=key.device, devices=[key.device], point=key.point, unit=unit, rows=rows)


def _summed(found: Books, registers: list[tuple[SeriesKey, str]], zone: ZoneInfo) -> DeviceBooks:
    units = {unit for _, unit in registers}
    if len(units) > 1:
        raise invalid(f"total: the meters count in {', '.join(sorted(units))}, which have no sum")
    start, first, slot = np.unique(found.start, return_index=True, return_inverse=True)
    size = len(start)
    value = np.bincount(slot, found.value, size)
    # A meter without a row in a period covers nothing of it.
    covered = np.minimum(np.bincount(slot, found.covered, size) / len(registers), 1.0)
    guess = np.bincount(slot, found.estimated * found.value, size)
    estimated = np.divide(guess, value, out=np.zeros(size), where=value != 0)
    quality = np.zeros(size, np.uint8)
    np.maximum.at(quality, slot, found.quality)
    quality[(covered < 1) & (quality == Quality.MEASURED)] = Quality.PARTIAL
    return DeviceBooks(
        device=None,
        devices=[key.device for key, _ in registers],
        point=registers[0][0].point,
        unit=registers[0][1],
        rows=_rows(start, found.end[first], value, quality, covered, estimated, zone=zone),
    )


def _rows(*columns: NDArray[Any], zone: ZoneInfo) -> list[Row]:
    return [
        Row(
            start=iso(begin, zone),
            end=iso(finish, zone),
            value=value,
            quality=QUALITIES[quality],
            covered=covered,
            estimated=estimated,
        )
        for begin, finish, value, quality, covered, estimated in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _csv(books: list[DeviceBooks]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("device", "point", "unit", "start", "end", "value", "quality", "covered", "estimated"))
    for each in books:
        for row in each.rows:
            share = (row.quality, round(row.covered, 6), round(row.estimated, 6))
            writer.writerow((each.device or "total", each.point, each.unit, row.start, row.end, row.value, *share))
    return text.getvalue()
