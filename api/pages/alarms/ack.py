"""Acknowledging from a phone by the link in a message: a plain form, so that a robot that previews it does nothing."""

import asyncio
from http import HTTPStatus
from typing import NamedTuple

from fastapi import FastAPI
from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from analytics.alarms import acts
from analytics.alarms.ack_link import PATH, AckLinks
from api.context import Context, Ctx
from api.pages.alarms import text_alarms
from api.pages.alarms.foremost import WAITING
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.number import moment
from api.pages.elements.tone import Tone
from api.pages.frame.layout import dress, preferences
from api.pages.frame.sign_in import brand
from api.pages.frame.visit import Visit, visit
from api.places import zone_of
from schema.errors import Reject
from schema.text import Text
from store.registry.alarms import Alarm
from store.registry.places import Site

_SEEN = Tone("good", "good", text_alarms.ACK_DONE)


def serve(app: FastAPI, context: Context) -> None:
    """The page behind a link, and what its form posts to."""
    links = AckLinks(context.secret, "")

    @ui.page(PATH + "{token}")
    async def ack_page(request: Request, token: str) -> None:
        visitor = await asyncio.to_thread(visit, request, context)
        found = await asyncio.to_thread(_alarm, context, links, token)
        dress(visitor, text_alarms.ACK_BY_LINK)
        with box("div", "gate"):
            with box("div", "gate-tools"):
                preferences(visitor)
            brand(visitor)
            _draw(visitor, found, token)

    @app.post(PATH + "{token}", include_in_schema=False)
    async def acknowledge(token: str, context: Ctx) -> Response:
        said = await asyncio.to_thread(_acknowledge, context, links, token)
        return RedirectResponse(f"{PATH}{token}?said={said}", HTTPStatus.SEE_OTHER)


class _Seen(NamedTuple):
    """The alarm behind a link with its site; None, and why, where there is none."""

    alarm: tuple[Alarm, Site] | None
    fault: Text


def _alarm(context: Context, links: AckLinks, token: str) -> _Seen:
    try:
        number = links.read(token, context.clock()).alarm
    except Reject as error:
        return _Seen(None, text_alarms.ACK_OLD_LINK if error.reason == "old_link" else text_alarms.ACK_BAD_LINK)
    with context.registry.reading() as session:
        alarm = session.get(Alarm, number)
        return _Seen((alarm, session.get_one(Site, alarm.site)) if alarm else None, text_alarms.ACK_BAD_LINK)


def _acknowledge(context: Context, links: AckLinks, token: str) -> str:
    now = context.clock()
    try:
        alarm, channel = links.read(token, now)
        with context.registry.writing() as session:
            done = acts.acknowledge(session, alarm, f"link:{channel}", "", now).alarm
    except Reject as error:
        return error.reason
    context.hub.announce("alarm", {"site": done.site, "id": done.id, "state": done.phase})
    return "done"


def _draw(visitor: Visit, seen: _Seen, token: str) -> None:
    with box("form", "gate-form", method="post", action=f"{PATH}{token}"):
        if seen.alarm is None:
            say("h1", visitor.say(text_alarms.ACK_BY_LINK))
            say("p", visitor.say(seen.fault), "fault", role="alert")
            say("a", visitor.say(text_alarms.ACK_SIGN_IN), "button primary", href="/alarms")
            return
        alarm, site = seen.alarm
        say("h1", visitor.say(alarm.title))
        with box("div", "chips"):
            tone.chip(visitor, tone.PRIORITY[alarm.priority])
            if alarm.phase != "unacknowledged":
                tone.chip(visitor, _SEEN._replace(words=tone.PHASE[alarm.phase]))
        place = visitor.say(Text(site.title_zh, site.title_en))
        began = visitor.say(text_alarms.SINCE_WHEN, when=moment(alarm.begin, zone_of(site)))
        say("p", f"{place} · {began}", "hint")
        say("p", visitor.say(alarm.reason))
        say("p", visitor.say(alarm.action))
        if visitor.request.query_params.get("said") == "done":
            say("p", visitor.say(text_alarms.ACK_DONE), "done", role="status")
        elif alarm.phase not in WAITING:
            say("p", visitor.say(text_alarms.ACK_NOT_NEEDED), "done", role="status")
        else:
            say("button", visitor.say(text_alarms.ACKNOWLEDGE), "button primary", type="submit")
        say("a", visitor.say(text_alarms.ACK_OPEN), "more start", href=f"/alarms/{alarm.id}")
