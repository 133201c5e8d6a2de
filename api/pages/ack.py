"""Acknowledging from a phone by the link in a message: a plain form, so that a robot that previews it does nothing."""

import asyncio
from http import HTTPStatus

from fastapi import FastAPI
from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from analytics.alarms import acts
from analytics.alarms.ack_link import PATH, AckLinks
from api.context import Context, Ctx
from api.pages import text, tone
from api.pages.element import box, say
from api.pages.frame import dress, preferences
from api.pages.number import moment
from api.pages.sign_in import brand
from api.pages.visit import Visit, visit
from api.places import zone_of
from schema.errors import Reject
from store.registry.alarms import Alarm
from store.registry.places import Site


def serve(app: FastAPI, context: Context) -> None:
    """The page behind a link, and what its form posts to."""
    links = AckLinks(context.secret, "")

    @ui.page(PATH + "{token}")
    async def ack_page(request: Request, token: str) -> None:
        visitor = await asyncio.to_thread(visit, request, context)
        found = await asyncio.to_thread(_alarm, context, links, token)
        dress(visitor, text.ACK_BY_LINK)
        with box("div", "gate"):
            with box("div", "gate-tools"):
                preferences(visitor)
            brand(visitor)
            _draw(visitor, found, token)

    @app.post(PATH + "{token}", include_in_schema=False)
    async def acknowledge(token: str, context: Ctx) -> Response:
        said = await asyncio.to_thread(_acknowledge, context, links, token)
        return RedirectResponse(f"{PATH}{token}?said={said}", HTTPStatus.SEE_OTHER)


def _alarm(context: Context, links: AckLinks, token: str) -> tuple[Alarm, Site] | None:
    try:
        number = links.read(token, context.clock()).alarm
    except Reject:
        return None
    with context.registry.reading() as session:
        alarm = session.get(Alarm, number)
        return (alarm, session.get_one(Site, alarm.site)) if alarm else None


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


def _draw(visitor: Visit, found: tuple[Alarm, Site] | None, token: str) -> None:
    with box("form", "gate-form", method="post", action=f"{PATH}{token}"):
        if found is None:
            say("h1", visitor.say(text.ACK_BY_LINK))
            say("p", visitor.say(text.ACK_BAD_LINK), "fault", role="alert")
            return
        alarm, site = found
        say("h1", visitor.say(alarm.title))
        with box("div"):
            tone.chip(visitor, tone.PRIORITY[alarm.priority])
        say("p", visitor.say(text.SINCE_WHEN, when=moment(alarm.begin, zone_of(site))), "hint")
        say("p", visitor.say(alarm.reason))
        say("p", visitor.say(alarm.action))
        if visitor.request.query_params.get("said") == "done":
            say("p", visitor.say(text.ACK_DONE), "hint", role="status")
        elif alarm.phase not in ("unacknowledged", "returned"):
            say("p", visitor.say(text.ACK_NOT_NEEDED), "hint", role="status")
        else:
            say("button", visitor.say(text.ACKNOWLEDGE), "button primary", type="submit")
