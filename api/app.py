"""The web application: REST, live stream, pages."""

from fastapi import FastAPI
from starlette.middleware.sessions import SessionMiddleware

from api.context import Context

SESSION_SECONDS = 7 * 24 * 3600


def create_app(context: Context) -> FastAPI:
    """The whole web application over one context."""
    app = FastAPI(title="Dayuan", summary="A compound, run on its own sensor data")
    app.state.context = context
    app.add_middleware(
        SessionMiddleware,
        secret_key=context.secret,
        session_cookie="dayuan_session",
        max_age=SESSION_SECONDS,
        same_site="lax",
        https_only=context.secure_cookies,
    )
    return app
