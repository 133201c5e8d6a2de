"""Signing in and out, and the forced change of a one-time password: plain forms over the API's own sessions."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, HTTPException
from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import sessions
from api.auth import identify, refuse_foreign
from api.context import Context
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.frame import text_frame
from api.pages.frame.layout import dress, preferences
from api.pages.frame.preference import same_server
from api.pages.frame.visit import Visit, visit
from api.passwords import MIN_LENGTH
from schema.text import Text

_FAULTS = {
    "wrong": text_frame.WRONG_PASSWORD,
    "wait": text_frame.TOO_MANY_TRIES,
    "differ": text_frame.PASSWORDS_DIFFER,
    "refused": text_frame.PASSWORD_REFUSED,
}


def serve(app: FastAPI, context: Context) -> None:
    """The sign-in and password pages, and what their forms post to."""
    _serve_pages(context)
    _serve_forms(app, context)


def _serve_pages(context: Context) -> None:

    @ui.page("/sign-in")
    async def sign_in_page(request: Request) -> None:
        visitor = await asyncio.to_thread(visit, request, context)
        with _card(visitor, text_frame.SIGN_IN, "/sign-in"):
            box("input", type="hidden", name="back", value=request.query_params.get("back", "/"))
            _field(visitor, "user", text_frame.USER, "username", "text")
            _field(visitor, "password", text_frame.PASSWORD, "current-password")
            _submit(visitor, text_frame.SIGN_IN)
            say("p", visitor.say(text_frame.SIGN_IN_HINT), "hint")

    @ui.page("/password")
    async def password_page(request: Request) -> Response | None:
        visitor = await asyncio.to_thread(visit, request, context)
        if visitor.caller is None:
            return RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
        with _card(visitor, text_frame.CHANGE_PASSWORD, "/password"):
            say("p", visitor.say(text_frame.CHANGE_HINT, minimum=MIN_LENGTH), "hint")
            _field(visitor, "old", text_frame.PASSWORD, "current-password")
            _field(visitor, "new", text_frame.NEW_PASSWORD, "new-password")
            _field(visitor, "again", text_frame.REPEAT_PASSWORD, "new-password")
            _submit(visitor, text_frame.SAVE)
        return None


def _serve_forms(app: FastAPI, context: Context) -> None:
    @app.post("/sign-in", include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        refuse_foreign(request, proof=False)
        form = await request.form()
        back = str(form.get("back", "/"))
        name, password = str(form.get("user", "")).strip(), str(form.get("password", ""))
        try:
            user = await asyncio.to_thread(
                sessions.sign_in, context, request.session, name, password, secrets.token_bytes
            )
        except HTTPException as error:
            fault = "wait" if error.status_code == HTTPStatus.TOO_MANY_REQUESTS else "wrong"
            return _see(f"/sign-in?fault={fault}&back={quote(same_server(back), safe='')}")
        return _see("/password" if user.must_change else same_server(back))

    @app.post("/password", include_in_schema=False)
    async def change(request: Request) -> Response:
        refuse_foreign(request, proof=False)
        form = await request.form()
        old, new = str(form.get("old", "")), str(form.get("new", ""))
        caller = await asyncio.to_thread(identify, request, context)
        if caller is None:
            return _see("/sign-in")
        if new != form.get("again"):
            return _see("/password?fault=differ")
        try:
            await asyncio.to_thread(
                sessions.change_password, context, request.session, caller, old, new, secrets.token_bytes
            )
        except HTTPException as error:
            return _see(f"/password?fault={'wrong' if error.status_code == HTTPStatus.FORBIDDEN else 'refused'}")
        return _see("/")

    @app.post("/sign-out", include_in_schema=False)
    async def sign_out(request: Request) -> Response:
        refuse_foreign(request, proof=False)
        caller = await asyncio.to_thread(identify, request, context)
        if caller is not None and caller.session is not None:
            await asyncio.to_thread(sessions.sign_out, context, request.session, caller)
        return _see("/sign-in")


def _see(address: str) -> Response:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def brand(visitor: Visit) -> None:
    """Whose page this is."""
    with box("div", "gate-brand"):
        box("img", src="/static/favicon.svg", alt="")
        say("p", visitor.say(text_frame.PRODUCT), "gate-name")
        with box("p", "gate-promise"):
            say("span", visitor.say(text_frame.PROMISE))
            say("span", visitor.say(text_frame.PROMISE_2))


@contextmanager
def _card(visitor: Visit, title: Text, action: str) -> Iterator[None]:
    """A page of one form, with the fault of the last try."""
    dress(visitor, title)
    fault = _FAULTS.get(visitor.request.query_params.get("fault", ""))
    with box("div", "gate"):
        with box("div", "gate-tools"):
            preferences(visitor)
        brand(visitor)
        with box("form", "gate-form", method="post", action=action):
            say("h1", visitor.say(title))
            if fault:
                with box("p", "fault", role="alert"):
                    icon("bad")
                    say("span", visitor.say(fault, minimum=MIN_LENGTH))
            yield


def _field(visitor: Visit, name: str, title: Text, autocomplete: str, type_: str = "password") -> None:
    with box("label", "field"):
        say("span", visitor.say(title))
        box("input", name=name, type=type_, autocomplete=autocomplete, required="required")


def _submit(visitor: Visit, title: Text) -> None:
    say("button", visitor.say(title), "button primary", type="submit")
