"""Alarm care: the roster, how alarms are treated, and what is out of service."""

import asyncio
from typing import NamedTuple

from analytics.alarms.notify import BUS_NAME
from analytics.detect import rules
from api.alarm_care import Shift, shift_of
from api.pages.alarms import text_alarms, text_care
from api.pages.alarms.out_of_service import Removal, draw_removed, removal_of, take_out_form
from api.pages.alarms.roster import RosterPanel
from api.pages.alarms.treatments import Treating, draw_treatments, treating_of, treatment_form
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.pane import Pane
from api.pages.frame.following import Rows, follow
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit
from schema.text import Text
from store.registry.alarms import channels_told
from store.registry.places import Site, devices
from store.registry.roster import duties
from store.registry.treatments import out_of_service, treatments


class Care(NamedTuple):
    """All of a site that the page shows; `names` are the titles of its devices, `channels` those known by name."""

    shifts: list[Shift]
    channels: list[str]
    treatments: list[Treating]
    removed: list[Removal]
    names: dict[str, str]


async def show(visit: Visit) -> None:
    """The page, following what others change."""
    site = visit.site
    with frame(visit, text_care.CARE):
        with box("a", "back", href=visit.link("/alarms")):
            icon("back")
            say("span", visit.say(text_alarms.BACK_ALARMS))
        with box("div", "page-head"):
            say("h1", visit.say(text_care.CARE))
            say("span", visit.say(text_care.CARE_HINT), "aside")
        if site is None:
            say("p", visit.say(text_care.NO_SITE), "nothing")
            return
        care = await asyncio.to_thread(_read, visit, site)
        named = {name: visit.say(rule.title) for name, rule in rules().items()}
        with box("div", "care"):
            with box("section", "panel roster"):
                RosterPanel(visit, site, care.shifts, care.channels).lay()
            with box("section", "panel"):
                _head(visit, text_care.TREATMENTS, text_care.TREATMENTS_HINT)
                eased = Pane[list[Treating]](box("div"), lambda rows: draw_treatments(visit, rows, care.names, named))
                treatment_form(visit, site, care.names, named)
            with box("section", "panel"):
                _head(visit, text_care.REMOVED, text_care.REMOVED_HINT)
                away = Pane[list[Removal]](box("div"), lambda rows: draw_removed(visit, rows, care.names, named))
                take_out_form(visit, site, care.names, named)

    async def take(rows: Rows) -> None:
        if any(row["kind"] == "alarm" for row in rows):
            now = await asyncio.to_thread(_read, visit, site)
            eased.show(now.treatments)
            away.show(now.removed)

    eased.show(care.treatments)
    away.show(care.removed)
    follow(visit.context, site.id, take)


def _read(visit: Visit, site: Site) -> Care:
    with visit.context.registry.reading() as session:
        shifts = [shift_of(row) for row in duties(session, site.id)]
        return Care(
            shifts,
            sorted(visit.context.channels or {shift.channel for shift in shifts} | channels_told(session) - {BUS_NAME}),
            [treating_of(row) for row in treatments(session, site.id)],
            [removal_of(row) for row in out_of_service(session, site.id)],
            {row.id: visit.say(Text(row.title_zh, row.title_en)) for row in devices(session, site.id)},
        )


def _head(visit: Visit, title: Text, hint: Text) -> None:
    say("h2", visit.say(title), "panel-title")
    say("p", visit.say(hint), "hint")
