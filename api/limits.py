"""How much a client may send in one request, and how large a number."""

from http import HTTPStatus
from typing import Annotated

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1 << 20

Number = Annotated[int, Field(ge=0, lt=1 << 63)]
"""A number of a row, as far as a database can count."""


class BodyLimit:
    """ASGI middleware: 413 as soon as a body is longer than MOST_BYTES, declared or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > MOST_BYTES:
                    raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MOST_BYTES} bytes")
            return message

        await self._app(scope, counted, send)
