"""Choosing language and appearance: kept in the browser for a year, so no account and no server state is needed."""

from http import HTTPStatus
from typing import get_args
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.responses import RedirectResponse, Response

from api.pages.frame.visit import LANGUAGE_COOKIE, THEME_COOKIE, Theme
from schema.text import Language

_YEAR = 365 * 24 * 3600


def serve(app: FastAPI) -> None:
    """The links behind the two switches in the header."""

    @app.get("/language/{choice}", include_in_schema=False)
    async def choose_language(choice: str, back: str = "/") -> Response:
        return _chosen(LANGUAGE_COOKIE, choice, get_args(Language), back)

    @app.get("/appearance/{choice}", include_in_schema=False)
    async def choose_appearance(choice: str, back: str = "/") -> Response:
        return _chosen(THEME_COOKIE, choice, get_args(Theme), back)


def same_server(back: str) -> str:
    """The address to go back to, if it is one of this server, else the first page."""
    parts = urlsplit(back)
    return back if back.startswith("/") and not parts.scheme and not parts.netloc and "\\" not in back else "/"


def _chosen(cookie: str, choice: str, choices: tuple[str, ...], back: str) -> Response:
    answer = RedirectResponse(same_server(back), HTTPStatus.SEE_OTHER)
    if choice in choices:
        answer.set_cookie(cookie, choice, max_age=_YEAR, httponly=True, samesite="lax")
    return answer
