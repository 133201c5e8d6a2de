"""What is out of service, as a person sees it, puts it back, and takes more out."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from nicegui import ui

from api.pages import text
from api.pages.alarms import text_care
from api.pages.alarms.action import put_back_in_service, take_out_of_service
from api.pages.alarms.duration import DURATIONS, duration_of
from api.pages.alarms.treatments import device_cell, device_named, draw_table, rule_named
from api.pages.elements.element import box, say
from api.pages.elements.field import choice, entry
from api.pages.elements.number import moment
from api.pages.frame.visit import Visit
from store.registry.places import Site
from store.registry.treatments import ANY, OutOfService


class Removal(NamedTuple):
    """What is out of service, as a value that can be compared with what is shown."""

    site: str
    device: str
    rule: str
    since: int
    until: int | None
    who: str
    comment: str


def removal_of(row: OutOfService) -> Removal:
    """What is out of service as it is kept."""
    return Removal(*(getattr(row, name) for name in Removal._fields))


def draw_removed(visit: Visit, rows: list[Removal], names: Mapping[str, str], rules: Mapping[str, str]) -> None:
    """The devices and rules nobody is told of, or that there are none."""
    titles = (text.DEVICE, text_care.RULE, text_care.SINCE, text_care.UNTIL, text_care.WHY)
    draw_table(visit, titles, [partial(_row, visit, row, names, rules) for row in rows], text_care.NO_REMOVED)


def _row(visit: Visit, row: Removal, names: Mapping[str, str], rules: Mapping[str, str]) -> None:
    name, rule = device_named(visit, row.device, names), rule_named(visit, row.rule, rules)
    with box("tr"):
        device_cell(row.site, row.device, name)
        say("td", rule)
        say("td", moment(row.since, visit.zone), "brief")
        until = visit.say(text_care.UNTIL_PUT_BACK) if row.until is None else moment(row.until, visit.zone)
        say("td", until, "brief")
        with box("td"):
            say("span", row.comment)
            say("small", row.who)
        with box("td", "act"):
            words = visit.say(text_care.PUT_BACK_NAMED, name=f"{name}, {rule}")
            button = say("button", visit.say(text_care.PUT_BACK), "button", type="button", aria_label=words)
            button.on("click", lambda: _put_back(visit, row))


async def _put_back(visit: Visit, row: Removal) -> None:
    if await put_back_in_service(visit, row.site, row.device, row.rule):
        _announce(visit, row.site)


def take_out_form(visit: Visit, site: Site, names: Mapping[str, str], rules: Mapping[str, str]) -> None:
    """What a person fills in before work on a device begins."""
    said = {"device": "", "rule": ANY, "duration": "", "comment": ""}

    async def take_out() -> None:
        if said["device"] not in names:
            ui.notify(visit.say(text_care.CHOOSE_DEVICE))
            return
        span = duration_of(said["duration"]) if said["duration"] else None
        if await take_out_of_service(visit, site.id, said["device"], said["rule"], span, said["comment"][:500]):
            _announce(visit, site.id)

    with box("details", "more-form"):
        say("summary", visit.say(text_care.TAKE_OUT), "button")
        with box("div", "fields"):
            choice(
                visit.say(text.DEVICE),
                {"": visit.say(text_care.CHOOSE_DEVICE), **names},
                "",
                lambda value: said.update(device=value),
            )
            choice(
                visit.say(text_care.RULE),
                {ANY: visit.say(text_care.ALL_RULES), **rules},
                ANY,
                lambda value: said.update(rule=value if value in rules else ANY),
            )
            spans = {str(span): visit.say(words) for span, words in DURATIONS.items()}
            choice(
                visit.say(text_care.HOW_LONG),
                {"": visit.say(text_care.UNTIL_PUT_BACK), **spans},
                "",
                lambda value: said.update(duration=value),
            )
            entry(visit.say(text_care.WHY), "", lambda value: said.update(comment=value), maxlength="500")
            button = say("button", visit.say(text_care.TAKE_OUT_NOW), "button primary", type="button")
            button.on("click", take_out)


def _announce(visit: Visit, site: str) -> None:
    # A device without an open alarm is news as well.
    visit.context.hub.announce("alarm", {"site": site, "effect": "service"})
