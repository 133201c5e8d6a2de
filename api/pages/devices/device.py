"""One device: its points with their newest values, the history of a point, and what it consumed."""

import asyncio
from typing import NamedTuple

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from analytics.books.consumption import Period
from api.pages import text
from api.pages.books.booked import booked, draw_booked
from api.pages.books.journal import draw_journal, journal
from api.pages.devices import text_devices
from api.pages.devices.trend import draw_trend, trend
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import figure, moment
from api.pages.elements.segments import segments
from api.pages.elements.unit import unit
from api.pages.frame.following import Rows, follow
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit
from api.places import last_seen, series_of, state_of
from devices import kinds
from devices.kind import Point
from schema.text import Text
from schema.trouble import saying
from store.registry.places import Device

RANGES: dict[str, Text] = {
    "day": text_devices.RANGE_DAY,
    "week": text_devices.RANGE_WEEK,
    "month": text_devices.RANGE_MONTH,
    "all": text_devices.RANGE_ALL,
}
PERIODS: dict[Period, Text] = {"hour": text_devices.BY_HOUR, "day": text_devices.BY_DAY, "month": text_devices.BY_MONTH}


class Seen(NamedTuple):
    """A device, its health, and the newest (time, value) of its points."""

    device: Device
    health: str
    newest: dict[str, tuple[int, float]]


async def show(visit: Visit) -> None:
    """The page of the device in the path."""
    seen = await asyncio.to_thread(_look, visit)
    with frame(visit, text.DEVICES):
        with box("a", "back", href=visit.link("/devices")):
            icon("back")
            say("span", visit.say(text_devices.BACK_DEVICES))
        if seen is None:
            say("p", visit.say(text_devices.NO_SUCH_DEVICE), "nothing")
            return
        _head(visit, seen)
        await _Page(visit, seen).lay()


def _look(visit: Visit) -> Seen | None:
    context, parameters = visit.context, visit.request.path_params
    with context.registry.reading() as session:
        device = session.get(Device, (parameters["site"], parameters["device"]))
    if device is None:
        return None
    batch = context.store.latest(series_of([device]))
    rows = zip(batch.code.tolist(), batch.time.tolist(), batch.value.tolist(), strict=True)
    newest = {batch.keys[code].point: (time, value) for code, time, value in rows}
    return Seen(device, state_of(device, last_seen(batch).get(device.id), context.clock()), newest)


def _head(visit: Visit, seen: Seen) -> None:
    device = seen.device
    kind = kinds().get(device.kind)
    with box("div", "page-head"):
        say("h1", visit.say(Text(device.title_zh, device.title_en)))
        tone.chip(visit, tone.HEALTH["replayed" if device.replay and seen.health == "online" else seen.health])
        words = [visit.say(kind.title) if kind else device.kind, device.building, device.id]
        if device.parent:
            words.append(visit.say(text_devices.SUBMETER_OF, parent=device.parent))
        words.append(visit.say(text_devices.EVERY, seconds=figure(device.interval, 0)))
        say("span", " · ".join(words), "aside")
    if device.trouble:
        detail = f"（{device.trouble_detail}）" if device.trouble_detail else ""
        say("p", visit.say(saying(device.trouble)) + detail, "hint")


class _Cell(NamedTuple):
    """A point in the list: its button, and the texts that follow its newest value."""

    button: Element
    when: TextElement
    number: TextElement


class _Page:
    """What was chosen, and the parts that follow from it."""

    def __init__(self, visit: Visit, seen: Seen) -> None:
        self._visit, self._seen = visit, seen
        self._device = seen.device
        kind = kinds().get(seen.device.kind)
        points = kind.points if kind else ()
        with_data = tuple(point for point in points if point.name in seen.newest)
        # A kind declares more than every model has: what a device never said is not listed, unless it said nothing yet.
        self._points = with_data or points
        self._consumption = kind.point(kind.consumption) if kind and kind.consumption else None
        named = next((point for point in self._points if kind and point.name == kind.demand), None)
        self._point = named if named in with_data else next(iter(with_data), None)
        self._range = "day"
        self._period: Period = "hour"
        self._cells: dict[str, _Cell] = {}

    async def lay(self) -> None:
        visit = self._visit
        with box("div", "device"):
            with box("section", "panel"):
                say("h2", visit.say(text_devices.POINTS), "panel-title")
                with box("ul", "points"):
                    for point in self._points:
                        self._button(point)
            with box("div", "stack"):
                with box("section", "panel"):
                    with box("div", "panel-head"):
                        say("h2", visit.say(text_devices.TREND), "panel-title")
                        segments(visit, text_devices.RANGE, RANGES, self._range, self._choose_range)
                    self._trend = box("div")
                if self._consumption is not None:
                    with box("section", "panel"):
                        with box("div", "panel-head"):
                            say("h2", visit.say(text.CONSUMPTION), "panel-title")
                            segments(visit, text_devices.PERIOD, PERIODS, self._period, self._choose_period)
                        self._bars = box("div", "booked")
                    entries = await asyncio.to_thread(journal, visit.context, self._device, self._consumption)
                    with box("section", "panel"):
                        draw_journal(visit, self._consumption, entries)
        await self._draw_trend()
        await self._draw_bars()
        follow(visit.context, self._device.site, self._take)

    def _button(self, point: Point) -> None:
        time, value = self._seen.newest.get(point.name, (None, None))
        with box("li"), box("button", type="button", aria_pressed=str(point == self._point).lower()) as button:
            with box("span"):
                say("span", self._visit.say(point.title))
                when = say("small", moment(time, self._visit.zone) if time is not None else "")
            with box("span", "value"):
                number = say("span", figure(value), "number")
                say("span", unit(point.unit), "unit")
        button.on("click", lambda: self._choose_point(point))
        self._cells[point.name] = _Cell(button, when, number)

    def _take(self, rows: Rows) -> None:
        for row in rows:
            if row["kind"] == "latest" and row["device"] == self._device.id and row["point"] in self._cells:
                cell = self._cells[row["point"]]
                cell.number.set_text(figure(row["value"]))
                cell.when.set_text(moment(row["time"], self._visit.zone))
                self._seen.newest[row["point"]] = (row["time"], row["value"])

    async def _choose_point(self, point: Point) -> None:
        self._point = point
        for name, cell in self._cells.items():
            cell.button.props["aria-pressed"] = str(name == point.name).lower()
        await self._draw_trend()

    async def _choose_range(self, name: str) -> None:
        self._range = name
        await self._draw_trend()

    async def _choose_period(self, name: Period) -> None:
        self._period = name
        await self._draw_bars()

    async def _draw_trend(self) -> None:
        point, device, context = self._point, self._device, self._visit.context
        if point is None:
            with self._trend:
                say("p", self._visit.say(text.NO_READINGS), "nothing")
            return
        newest = self._seen.newest.get(point.name, (0, 0.0))[0]
        found = await asyncio.to_thread(trend, context, device, point, self._range, newest)
        self._trend.clear()
        with self._trend:
            draw_trend(self._visit, device, point, found)

    async def _draw_bars(self) -> None:
        register, device, period = self._consumption, self._device, self._period
        if register is None:
            return
        newest = self._seen.newest.get(register.name, (0, 0.0))[0]
        found = await asyncio.to_thread(booked, self._visit.context, device, register, period, newest, self._visit.zone)
        self._bars.clear()
        with self._bars:
            draw_booked(self._visit, device, register, found, period)
