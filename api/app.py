"""The web application: REST, live stream, pages."""

from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.middleware.sessions import SessionMiddleware
from starlette.staticfiles import StaticFiles

from api import pages, problems
from api.auth import Viewer
from api.context import Context
from api.headers import SafeHeaders
from api.limits import BodyLimit
from api.problems import not_found
from api.routes import (
    alarm_care,
    alarm_performance,
    alarms,
    auth,
    books,
    consumption,
    deadletters,
    devices,
    gates,
    health,
    live,
    means,
    overview,
    permits,
    registers,
    series,
    sites,
    streams,
    users,
    validation,
)
from api.sessions import SESSION_SECONDS

PREFIX = "/api/v1"
DESCRIPTION = """A government or campus compound, run on its own sensor data.

Sign in at `POST /api/v1/auth/sign-in` (session cookie), or send `Authorization: Bearer <token>`. Times are ISO 8601
with the offset of the site; a parameter without an offset is in the site's time zone. Errors are RFC 9457 problems."""


def create_app(context: Context) -> FastAPI:
    """The whole web application over one context; end `context.hub` when the server is told to stop."""
    app = FastAPI(
        title="Dayuan",
        version=version("dayuan"),
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=None,
        responses={"4XX": {"model": problems.Problem, "content": {problems.MEDIA_TYPE: {}}, "description": "Problem"}},
    )
    app.state.context = context
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(SafeHeaders)
    app.add_middleware(
        SessionMiddleware,
        secret_key=context.secret,
        session_cookie="dayuan_session",
        max_age=SESSION_SECONDS,
        same_site="lax",
        https_only=context.secure_cookies,
    )
    for concept in (
        auth,
        sites,
        overview,
        devices,
        series,
        means,
        consumption,
        books,
        registers,
        validation,
        alarms,
        alarm_care,
        alarm_performance,
        gates,
        permits,
        live,
        deadletters,
        streams,
        users,
    ):
        app.include_router(concept.router, prefix=PREFIX)
    app.include_router(health.router)
    # The page of the API's description loads from a CDN unless told otherwise: a compound's network may have none.
    app.mount("/docs/static", StaticFiles(packages=[("fastapi_offline", "static")]))
    app.include_router(_documentation(), include_in_schema=False)
    pages.mount(app, context)
    return app


def _documentation() -> APIRouter:
    """The API's description, for those who may use it."""
    router = APIRouter()

    @router.get("/openapi.json")
    def openapi(request: Request, _: Viewer) -> dict[str, object]:
        described: FastAPI = request.app
        return described.openapi()

    @router.get("/docs", response_class=HTMLResponse)
    def docs(_: Viewer) -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Dayuan API",
            swagger_js_url="/docs/static/swagger-ui-bundle.js",
            swagger_css_url="/docs/static/swagger-ui.css",
            swagger_favicon_url="/docs/static/favicon.png",
        )

    # The pages answer every path that is left, with HTML: a mistyped API path shall get a problem document.
    @router.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def unknown(path: str, _: Viewer) -> None:
        raise not_found(f"no /api/{path}; see /docs")

    return router
