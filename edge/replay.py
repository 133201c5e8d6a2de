"""Replay: a CSV of real readings published as if its meters stood here, at any speed."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from devices import kinds
from devices.kind import DeviceKind, Point
from edge.agent import PACK
from edge.settings import Device
from edge.table import Row, Table, number
from schema.errors import Stop
from schema.instant import SECOND, Clock
from schema.quantity import UNITS
from schema.reading import Reading
from schema.text import Text

Mode = Literal["register", "gauge"]

_FLUSH = 0.5
_ALIASES: dict[str, tuple[str, str]] = {
    "temp_c": ("temperature", "Cel"),
    "temperature_c": ("temperature", "Cel"),
    "temp_k": ("temperature", "K"),
    "rh": ("humidity", "%RH"),
    "rh_pct": ("humidity", "%RH"),
    "ghi": ("irradiance", "W/m2"),
    "ghi_wm2": ("irradiance", "W/m2"),
}
"""Column titles of weather files, as (point, unit)."""


class Meter(NamedTuple):
    """What a column becomes: one point of one device."""

    column: int
    device: str
    building: str
    title: Text
    point: str
    unit: str


@dataclass(slots=True)
class Left:
    """Cells that became no reading: no number in them, or a negative amount that no register can count."""

    blank: int = 0
    negative: int = 0


def guess_kind(name: str) -> DeviceKind:
    """The kind that a file's name speaks of (`gas_kwh.csv`); electricity where it says nothing."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    for kind in sorted(kinds().values(), key=lambda kind: kind.carrier is None):
        if kind.name.split("_")[0] in words or kind.short in words:
            return kind
    return kinds()["electricity_meter"]


def find_kind(name: str) -> DeviceKind:
    """The kind of that name; Stop lists the others."""
    kind = kinds().get(name)
    if kind is None:
        raise Stop(f"there is no device kind {name!r}; choose one of {', '.join(sorted(kinds()))}")
    return kind


def choose_meters(
    table: Table, kind: DeviceKind, mode: Mode, *, only: tuple[str, ...] = (), unit: str = "", device: str = ""
) -> list[Meter]:
    """What each column is: points of one device where all titles name points of the kind, else one meter each.

    `only` picks columns, `unit` is theirs (the point follows from it), `device` names the one device.
    """
    unknown = [title for title in only if title not in table.columns]
    if unknown:
        raise Stop(f"{table.path}: no column {', '.join(unknown)}; it has {', '.join(table.columns)}")
    columns = [(at, title) for at, title in enumerate(table.columns) if not only or title in only]
    named = {title: _named_point(kind, mode, title) for _, title in columns}
    if all(named.values()):
        name = cleaned(device or table.path.stem)
        title_of_device = Text(f"{name} {kind.title.zh}", f"{name} {kind.title.en.lower()}")
        return [Meter(at, name, "site", title_of_device, *found) for at, title in columns if (found := named[title])]
    if device:
        raise Stop(f"{table.path}: its columns are meters of their own, so --device has nothing to name")
    point, unit = _counted_point(kind, mode, unit)
    meters = [
        Meter(
            at,
            f"{cleaned(title)}-{kind.short}",
            cleaned(title),
            Text(f"{title} {kind.title.zh}", f"{title} {kind.title.en.lower()}"),
            point.name,
            unit,
        )
        for at, title in columns
    ]
    if len({meter.device for meter in meters}) < len(meters):
        raise Stop(f"{table.path}: two columns clean to the same device id; give them different titles")
    return meters


def registers(table: Table, meters: list[Meter], left: Left, initial: Decimal = Decimal(0)) -> Iterator[list[Reading]]:
    """Amounts per interval as cumulative registers: the readings of one instant at a time, in time order.

    A meter starts with `initial` at the start of its first interval that holds a number, and then reads the exact sum
    so far at each interval's end. An interval without a number gives no reading: its amount is not invented.
    """
    total: dict[int, Decimal] = {}
    for row in table.rows():
        starting: list[Reading] = []
        ending: list[Reading] = []
        for meter in meters:
            amount = _amount(row, meter, left)
            if amount is None:
                continue
            if meter.column not in total:
                total[meter.column] = initial
                starting.append(Reading(meter.device, meter.point, row.start, float(initial), meter.unit))
            total[meter.column] += amount
            ending.append(Reading(meter.device, meter.point, row.end, float(total[meter.column]), meter.unit))
        yield from (readings for readings in (starting, ending) if readings)


def gauges(table: Table, meters: list[Meter], left: Left) -> Iterator[list[Reading]]:
    """Each value at the start of its interval, the readings of one instant at a time, in time order."""
    for row in table.rows():
        readings = []
        for meter in meters:
            value = number(row.cells[meter.column])
            if value is None:
                left.blank += 1
            else:
                readings.append(Reading(meter.device, meter.point, row.start, float(value), meter.unit))
        if readings:
            yield readings


def devices(table: Table, kind: DeviceKind, meters: list[Meter]) -> tuple[Device, ...]:
    """The devices to announce, marked as a replay, with the file's cadence."""
    return tuple(
        Device(
            id=name,
            kind=kind.name,
            building=meter.building,
            title=meter.title,
            interval=table.cadence / SECOND,
            replay=True,
        )
        for name, meter in {meter.device: meter for meter in meters}.items()
    )


async def paced(
    moments: Iterator[list[Reading]],
    record: Callable[[list[Reading]], Awaitable[object]],
    speed: float | None,
    clock: Clock,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Record every moment when it is due, `speed` seconds of the file a second; None as fast as `record` returns.

    What became due since the last flush is recorded together, so that packs fill.
    """
    pending: list[Reading] = []
    held = 0
    first: int | None = None
    began = clock()
    for moment in moments:
        first = moment[0].time if first is None else first
        wait = 0.0 if speed is None else (moment[0].time - first) / speed - (clock() - began)
        if held == PACK or (wait > 0 and held):
            await record(pending)
            pending, held = [], 0
        if wait > 0:
            await sleep(max(wait / SECOND, _FLUSH))
        pending += moment
        held += 1
    if pending:
        await record(pending)


def _amount(row: Row, meter: Meter, left: Left) -> Decimal | None:
    amount = number(row.cells[meter.column])
    if amount is None:
        left.blank += 1
    elif amount < 0:
        left.negative += 1
        return None
    return amount


def _named_point(kind: DeviceKind, mode: Mode, title: str) -> tuple[str, str] | None:
    """(point, unit) that a column title names, by the point's own name or an alias."""
    name, unit = _ALIASES.get(title.lower(), (title.lower(), ""))
    point = kind.point(name)
    if point is None or (point.kind == "counter") != (mode == "register"):
        return None
    return point.name, unit or point.unit


def _counted_point(kind: DeviceKind, mode: Mode, unit: str) -> tuple[Point, str]:
    """The point that columns of bare meters hold, and their unit: what the kind books, unless the unit says other."""
    wanted = "counter" if mode == "register" else "gauge"
    points = [point for point in kind.points if point.kind == wanted]
    if unit:
        if unit not in UNITS:
            raise Stop(f"there is no unit {unit!r}; choose one of {', '.join(UNITS)}")
        points = [point for point in points if point.quantity == UNITS[unit].quantity]
    else:
        points.sort(key=lambda point: point.name not in (kind.consumption, kind.demand))
    if not points:
        raise Stop(f"{kind.name} has no {mode}{f' in {unit}' if unit else ''}; try the other --as, or another --kind")
    return points[0], unit or points[0].unit


def cleaned(title: str) -> str:
    """A title as an id: a segment of a topic."""
    name = re.sub(r"[^a-z0-9_]+", "-", title.lower()).strip("-_")[:48]
    if not name:
        raise Stop(f"{title!r} has no ASCII letter or digit to make a device id of; rename the column")
    return name
