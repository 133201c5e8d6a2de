"""All devices of a site: searched by words, filtered by kind and health."""

import asyncio
from typing import NamedTuple

from nicegui.element import Element

from api.pages import text
from api.pages.devices import text_devices
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.number import figure, moment
from api.pages.elements.unit import unit
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit
from api.places import last_seen, series_of, state_of
from devices import kinds
from schema.text import Text
from store.registry.places import Device
from store.registry.places import devices as devices_of

_HEALTH = {
    "online": text.ONLINE,
    "troubled": text.TROUBLED,
    "late": text.LATE,
    "offline": text.OFFLINE,
    "never": text.NEVER_SEEN,
}


class Row(NamedTuple):
    """A device as the table shows it."""

    device: Device
    health: str
    seen: int | None
    latest: str

    def holds(self, words: str) -> bool:
        """Whether every word occurs in what names the device."""
        known = " ".join((self.device.id, self.device.title_zh, self.device.title_en, self.device.building)).casefold()
        return all(word in known for word in words.casefold().split())


async def show(visit: Visit) -> None:
    """The table with its search field and filters."""
    rows = await asyncio.to_thread(_rows, visit)
    with frame(visit, text.DEVICES):
        with box("div", "page-head"):
            say("h1", visit.say(text.DEVICES))
            found = say("span", "", "aside")
        if not rows:
            say("p", visit.say(text_devices.NO_DEVICES), "nothing")
            return
        with box("div", "filters"):
            words = box(
                "input",
                type="search",
                placeholder=visit.say(text_devices.SEARCH),
                aria_label=visit.say(text_devices.SEARCH),
            )
            names = sorted({row.device.kind for row in rows})
            kind = _select(
                visit, text_devices.KIND, [("", text_devices.ALL_KINDS), *((name, _kind(name)) for name in names)]
            )
            state = _select(visit, text.STATE, [("", text_devices.ALL_STATES), *_HEALTH.items()])
        sheet = box("div", "sheet")
    chosen = {"words": "", "kind": "", "state": ""}

    def draw() -> None:
        shown = [
            row
            for row in rows
            if row.holds(chosen["words"])
            and chosen["kind"] in ("", row.device.kind)
            and chosen["state"] in ("", row.health)
        ]
        found.set_text(visit.say(text_devices.FOUND, shown=len(shown), total=len(rows)))
        sheet.clear()
        with sheet:
            _table(visit, shown)

    def follow(element: Element, event: str, name: str) -> None:
        def take(value: str) -> None:
            chosen[name] = value
            draw()

        element.on(event, lambda e: take(str(e.args)), js_handler="e => emit(e.target.value)", throttle=0.2)

    follow(words, "input", "words")
    follow(kind, "change", "kind")
    follow(state, "change", "state")
    draw()


def _rows(visit: Visit) -> list[Row]:
    """Every device of the site with its health and newest value; blocks on the stores."""
    context = visit.context
    if visit.site is None:
        return []
    with context.registry.reading() as session:
        known = devices_of(session, visit.site.id)
    batch = context.store.latest(series_of(known))
    seen, now = last_seen(batch), context.clock()
    newest = {
        (batch.keys[code].device, batch.keys[code].point): value
        for code, value in zip(batch.code.tolist(), batch.value.tolist(), strict=True)
    }
    return [
        Row(device, state_of(device, seen.get(device.id), now), seen.get(device.id), _latest(device, newest))
        for device in known
    ]


def _latest(device: Device, newest: dict[tuple[str, str], float]) -> str:
    """The value a person would ask for first: demand, else the first gauge, else the first counter."""
    kind = kinds().get(device.kind)
    if kind is None:
        return ""
    points = sorted(kind.points, key=lambda point: (point.name != kind.demand, point.kind != "gauge"))
    first = next((point for point in points if (device.id, point.name) in newest), None)
    return f"{figure(newest[device.id, first.name])} {unit(first.unit)}" if first else ""


def _table(visit: Visit, rows: list[Row]) -> None:
    if not rows:
        say("p", visit.say(text_devices.NOTHING_FOUND), "nothing").style("padding:14px 12px")
        return
    with box("table", "rows wide"):
        with box("thead"), box("tr"):
            for title in (text_devices.NAME, text_devices.KIND, text_devices.BUILDING):
                say("th", visit.say(title), scope="col")
            say("th", visit.say(text_devices.LATEST), "number", scope="col")
            say("th", visit.say(text.STATE), scope="col")
        with box("tbody"):
            for row in rows:
                _row(visit, row)


def _row(visit: Visit, row: Row) -> None:
    device = row.device
    with box("tr"):
        with box("th", scope="row"):
            title = visit.say(Text(device.title_zh, device.title_en))
            say("a", title, "name", href=f"/devices/{device.site}/{device.id}")
            say("small", device.id)
        say("td", visit.say(_kind(device.kind)), "brief")
        say("td", device.building, "brief")
        with box("td", "number"):
            say("span", row.latest)
            say("small", moment(row.seen, visit.zone) if row.seen is not None else "")
        with box("td", "corner"):
            tone.chip(visit, tone.HEALTH["replayed" if device.replay and row.health == "online" else row.health])


def _kind(name: str) -> Text:
    return kinds()[name].title if name in kinds() else Text(name, name)


def _select(visit: Visit, title: Text, choices: list[tuple[str, Text]]) -> Element:
    with box("select", aria_label=visit.say(title)) as element:
        for value, words in choices:
            say("option", visit.say(words), value=value)
    return element
