"""What every request works with; handed to `api.app.create_app`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.live import Hub
from schema.instant import Clock
from store.registry.base import Registry
from store.series.port import SeriesStore


@dataclass(frozen=True)
class Context:
    """The stores, the live hub, the clock, the secret that signs session cookies, and the pepper of credentials.

    `channels` are the names that alarms can be told to, None where this service was not told of any.
    `pepper` is the one of the gate agents (access.credential); `secure_cookies` is for a server reached by HTTPS only.
    """

    store: SeriesStore
    registry: Registry
    hub: Hub
    clock: Clock
    secret: str
    pepper: bytes
    secure_cookies: bool = False
    channels: frozenset[str] | None = None


# This and other dependencies that never block are coroutines: FastAPI would run a plain function in a thread.
async def context_of(connection: HTTPConnection) -> Context:
    """The context of the application that serves this connection."""
    context: Context = connection.app.state.context
    return context


Ctx = Annotated[Context, Depends(context_of)]
