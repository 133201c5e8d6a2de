"""The way into a page: sign-in first, then the password of one's own, then the role it needs."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.context import Context
from api.pages import text
from api.pages.elements.element import box, say
from api.pages.frame import text_frame
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit, visit
from schema.errors import RetryLater

BUILD_SECONDS = 20.0
AGAIN_SECONDS = 3.0


Door = Callable[[Request], Awaitable[Response | None]]


def page(context: Context, path: str, show: Callable[[Visit], Awaitable[None]], *, role: str = "viewer") -> None:
    """Serve `show` at a path to those who have at least that role."""
    ui.page(path, response_timeout=BUILD_SECONDS)(door(context, show, role=role))


def door(context: Context, show: Callable[[Visit], Awaitable[None]], *, role: str = "viewer") -> Door:
    """What NiceGUI calls for a page: lets a visitor in to `show`, or sends them where they have to go first."""

    async def enter(request: Request) -> Response | None:
        visitor = await asyncio.to_thread(visit, request, context)
        if visitor.caller is None or not visitor.caller.at_least("viewer"):
            return RedirectResponse(f"/sign-in?back={quote(visitor.address, safe='')}", HTTPStatus.SEE_OTHER)
        if visitor.caller.must_change:
            return RedirectResponse("/password", HTTPStatus.SEE_OTHER)
        site = request.path_params.get("site")
        if site is not None and not visitor.caller.sees(site):
            await missing(visitor)
            return None
        if not visitor.may(role):
            with frame(visitor, text_frame.NOT_ALLOWED):
                say("p", visitor.say(text_frame.NOT_ALLOWED), "note")
            return None
        try:
            await show(visitor)
        except RetryLater:
            ui.context.client.content.clear()
            with frame(visitor, text.STORE_AWAY):
                say("p", visitor.say(text.STORE_AWAY), "note", role="status")
            ui.timer(AGAIN_SECONDS, ui.navigate.reload, once=True)
        return None

    return enter


async def missing(visit: Visit) -> None:
    """What is shown at a path without a page."""
    ui.context.client.status_code = HTTPStatus.NOT_FOUND
    with frame(visit, text_frame.NO_SUCH_PAGE):
        with box("div", "page-head"):
            say("h1", visit.say(text_frame.NO_SUCH_PAGE))
        say("a", visit.say(text_frame.TO_LIVE), "more", href="/")
