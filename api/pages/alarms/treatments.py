"""How the alarms of devices and rules are treated, as a person sees, sets and undoes it."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from nicegui import ui
from pydantic import ValidationError

from analytics.alarms.acts import LARGEST_TOLERANCE
from api import alarm_care
from api.alarm_care import TreatmentIn
from api.pages import text
from api.pages.alarms import text_alarms, text_care
from api.pages.elements.element import box, say
from api.pages.elements.field import choice, entry
from api.pages.elements.number import DASH, figure, moment
from api.pages.frame.visit import Visit
from api.pages.frame.writing import write
from schema.instant import MINUTE
from schema.text import Text
from store.registry.places import Site
from store.registry.treatments import ANY, Treatment

_ALARM = re.compile(r"#(\d{1,18})")


class Treating(NamedTuple):
    """A treatment, as a value that can be compared with what is shown."""

    site: str
    device: str
    rule: str
    on_delay: int
    off_delay: int
    tolerance: float
    who: str
    comment: str
    changed: int


def treating_of(row: Treatment) -> Treating:
    """A treatment as it is kept."""
    return Treating(*(getattr(row, name) for name in Treating._fields))


def draw_treatments(visit: Visit, rows: list[Treating], names: Mapping[str, str], rules: Mapping[str, str]) -> None:
    """The treatments with who set them and why, or what it means that there are none."""
    titles = (text.DEVICE, text_care.RULE, text_care.DELAYS, text_care.TOLERANCE_HEAD, text_care.SET_BY)
    draw_table(visit, titles, [partial(_row, visit, row, names, rules) for row in rows], text_care.NO_TREATMENTS)


def _row(visit: Visit, row: Treating, names: Mapping[str, str], rules: Mapping[str, str]) -> None:
    name, rule = device_named(visit, row.device, names), rule_named(visit, row.rule, rules)
    with box("tr"):
        device_cell(row.site, row.device, name)
        say("td", rule)
        say("td", _delays(visit, row), "brief")
        say("td", f"×{figure(row.tolerance)}", "brief")
        with box("td"):
            with box("span"):
                _why(visit, row.comment)
            say("small", f"{row.who} · {moment(row.changed, visit.zone)}")
        with box("td", "act"):
            words = visit.say(text_care.UNDO_NAMED, name=f"{name}, {rule}")
            button = say("button", visit.say(text_care.UNDO), "button", type="button", aria_label=words)
            button.on("click", lambda: _drop(visit, row))


def _delays(visit: Visit, row: Treating) -> str:
    if not row.on_delay and not row.off_delay:
        return DASH
    return " / ".join(
        visit.say(text_care.MINUTES, minutes=figure(span / MINUTE)) for span in (row.on_delay, row.off_delay)
    )


def draw_table(visit: Visit, titles: Sequence[Text], rows: Sequence[Callable[[], None]], none: Text) -> None:
    """A table whose last column is for actions, each row drawn by a call; or what it means that there is `none`."""
    if not rows:
        say("p", visit.say(none), "nothing")
        return
    with box("table", "rows wide"):
        with box("thead"), box("tr"):
            for title in titles:
                say("th", visit.say(title), scope="col")
            with box("th", scope="col"):
                say("span", visit.say(text.ACTION), "unseen")
        with box("tbody"):
            for draw in rows:
                draw()


def device_named(visit: Visit, device: str, names: Mapping[str, str]) -> str:
    """What a device, or all of them, is called."""
    return visit.say(text_care.ALL_DEVICES) if device == ANY else names.get(device, device)


def rule_named(visit: Visit, rule: str, rules: Mapping[str, str]) -> str:
    """What a rule, or all of them, is called."""
    return visit.say(text_care.ALL_RULES) if rule == ANY else rules.get(rule, rule)


def device_cell(site: str, device: str, name: str) -> None:
    """The device a row is about."""
    with box("th", scope="row"):
        if device == ANY:
            say("span", name, "name")
        else:
            say("a", name, "name", href=f"/devices/{site}/{device}")
            say("small", device)


def _why(visit: Visit, comment: str) -> None:
    """The comment; one that the feedback left leads to its alarm."""
    alarm = _ALARM.fullmatch(comment)
    if alarm:
        words = f"{visit.say(text_care.BY_FALSE_ALARM)} · {visit.say(text_alarms.ALARM_NUMBER, number=alarm[1])}"
        say("a", words, "name", href=f"/alarms/{alarm[1]}")
    elif comment:
        say("span", comment)


async def _drop(visit: Visit, row: Treating) -> None:
    done = await write(
        visit,
        "operator",
        lambda session, caller, now: alarm_care.drop_treatment(
            session, row.site, row.device, row.rule, caller.name, now
        ),
    )
    if done is not None:
        visit.context.hub.announce("alarm", {"site": row.site, "effect": "treatment"})
        ui.notify(visit.say(text_care.TREATMENT_GONE))


def treatment_form(visit: Visit, site: Site, names: Mapping[str, str], rules: Mapping[str, str]) -> None:
    """What a person fills in to ease a rule."""
    said = {"device": ANY, "rule": ANY, "on_delay": "0", "off_delay": "0", "tolerance": "1", "comment": ""}

    with box("details", "more-form"):
        say("summary", visit.say(text_care.SET_TREATMENT), "button")
        with box("div", "fields"):
            choice(
                visit.say(text.DEVICE),
                {ANY: visit.say(text_care.ALL_DEVICES), **names},
                ANY,
                lambda value: said.update(device=value),
            )
            choice(
                visit.say(text_care.RULE),
                {ANY: visit.say(text_care.ALL_RULES), **rules},
                ANY,
                lambda value: said.update(rule=value),
            )
            entry(visit.say(text_care.ON_DELAY), "0", lambda value: said.update(on_delay=value), kind="number", min="0")
            entry(
                visit.say(text_care.OFF_DELAY), "0", lambda value: said.update(off_delay=value), kind="number", min="0"
            )
            most = figure(LARGEST_TOLERANCE)
            entry(
                visit.say(text_care.TOLERANCE, most=most),
                "1",
                lambda value: said.update(tolerance=value),
                kind="number",
                min="1",
                max=most,
                step="0.1",
            )
            entry(visit.say(text_care.WHY), "", lambda value: said.update(comment=value), maxlength="500")
            button = say("button", visit.say(text_care.SET), "button primary", type="button")
            button.on("click", lambda: _set(visit, site, said))


async def _set(visit: Visit, site: Site, said: Mapping[str, str]) -> None:
    try:
        body = TreatmentIn(
            device=said["device"],
            rule=said["rule"],
            on_delay=60 * float(said["on_delay"]),
            off_delay=60 * float(said["off_delay"]),
            tolerance=float(said["tolerance"]),
            comment=said["comment"],
        )
    except (ValueError, ValidationError):
        ui.notify(visit.say(text_care.TREATMENT_WRONG, most=figure(LARGEST_TOLERANCE)))
        return
    done = await write(
        visit,
        "operator",
        lambda session, caller, now: treating_of(alarm_care.set_treatment(session, site.id, body, caller.name, now)),
    )
    if done is not None:
        visit.context.hub.announce("alarm", {"site": site.id, "effect": "treatment"})
        ui.notify(visit.say(text_care.TREATMENT_SET))
