"""A small HTTP server for devices that post: each path is one device's, with its own secret.

Everything a client can do to it is bounded: seconds, bytes, connections; whoever does it keeps no other waiting.
"""

import asyncio
import hmac
import logging
import ssl
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import NamedTuple

import h11

log = logging.getLogger(__name__)

_WITHIN = 10.0
"""Seconds for a request from its first byte to its last, and for its answer."""
_IDLE = 75.0
_FAREWELL = 1.0
"""Seconds for the last of an answer, and for a TLS client to take leave."""
_LONGEST_HEAD = 16 << 10
_LONGEST_BODY = 1 << 20
_CONNECTIONS = 128
_PER_HOST = 16


class Endpoint(NamedTuple):
    """A device's path: the value its Authorization header must have, and who takes a body, answering status and text.

    `stranger` hears of a request without the right one.
    """

    authorization: str
    take: Callable[[bytes], tuple[HTTPStatus, str]]
    stranger: Callable[[], None]


class _Refused(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Listener:
    """An address that devices post to, over TLS with a `context`; `endpoints` by path."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._address = host, port
        self._context = context
        self._opening = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._clients: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self.endpoints: dict[str, Endpoint] = {}

    async def open(self) -> None:
        """Listen, if not yet; OSError when that cannot be."""
        async with self._opening:
            if self._server is None:
                self._server = await asyncio.start_server(self._accept, *self._address, limit=_LONGEST_HEAD)

    def close(self) -> None:
        """Listen no longer, and end what goes on."""
        if self._server is not None:
            self._server.close()
        self._server = None
        for task in self._tasks:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = (writer.get_extra_info("peername") or ("?",))[0]
        task = asyncio.current_task()
        if task is None or self._clients.total() >= _CONNECTIONS or self._clients[host] >= _PER_HOST:
            writer.close()
            return
        self._clients[host] += 1
        self._tasks.add(task)
        try:
            if self._context is not None:
                # Only here, so that who never ends a handshake is counted as well.
                await writer.start_tls(self._context, ssl_handshake_timeout=_WITHIN)
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError) as error:
            log.debug("%s: %s", host, error)
        finally:
            await _close(writer)
            self._tasks.discard(task)
            self._clients[host] -= 1
            if not self._clients[host]:
                del self._clients[host]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of a connection, one after another; the first that is wrong ends it."""
        wire = h11.Connection(h11.SERVER, max_incomplete_event_size=_LONGEST_HEAD)
        while True:
            try:
                async with asyncio.timeout(_IDLE):
                    first = await reader.read(_LONGEST_HEAD) if not wire.trailing_data[0] else b""
                if not first and not wire.trailing_data[0]:
                    return
                if first:
                    wire.receive_data(first)
                async with asyncio.timeout(_WITHIN):
                    status, text = await self._request(wire, reader, writer)
            except _Refused as refused:
                status, text = refused.status, refused.status.phrase
            except TimeoutError:
                status, text = HTTPStatus.REQUEST_TIMEOUT, "too slow"
            except h11.RemoteProtocolError as error:
                status, text = HTTPStatus(error.error_status_hint), str(error)
            async with asyncio.timeout(_WITHIN):
                await _answer(wire, writer, status, text)
            if wire.our_state is not h11.DONE:
                return
            wire.start_next_cycle()

    async def _request(
        self, wire: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[HTTPStatus, str]:
        """Read a request and hand its body to the device's endpoint."""
        request = await _next(wire, reader)
        if not isinstance(request, h11.Request):
            raise _Refused(HTTPStatus.BAD_REQUEST)
        endpoint = self._endpoint(request)
        if wire.they_are_waiting_for_100_continue:
            writer.write(wire.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        body = bytearray()
        while isinstance(part := await _next(wire, reader), h11.Data):
            body += part.data
            if len(body) > _LONGEST_BODY:
                raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not isinstance(part, h11.EndOfMessage):
            raise _Refused(HTTPStatus.BAD_REQUEST)
        return endpoint.take(bytes(body))

    def _endpoint(self, request: h11.Request) -> Endpoint:
        """Who a request is for; refused before its body is read."""
        path = request.target.partition(b"?")[0].decode("ascii", "replace")
        endpoint = self.endpoints.get(path)
        if endpoint is None:
            raise _Refused(HTTPStatus.NOT_FOUND)
        told = next((value for name, value in request.headers if name == b"authorization"), b"")
        if not hmac.compare_digest(told, endpoint.authorization.encode()):
            endpoint.stranger()
            raise _Refused(HTTPStatus.UNAUTHORIZED)
        if request.method not in (b"POST", b"PUT"):
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED)
        return endpoint


_LISTENERS: dict[tuple[str, int], tuple[Listener, int]] = {}


@contextmanager
def listener(host: str, port: int, context: ssl.SSLContext | None) -> Iterator[Listener]:
    """The one listener of an address, closed when its last user leaves; the first says how it is secured."""
    found, users = _LISTENERS.get((host, port)) or (Listener(host, port, context), 0)
    _LISTENERS[host, port] = found, users + 1
    try:
        yield found
    finally:
        found, users = _LISTENERS.pop((host, port))
        if users > 1:
            _LISTENERS[host, port] = found, users - 1
        else:
            found.close()


def authorization(token: str | None, user: str, password: str | None) -> str:
    """The header that shows a token, or else a user and a password."""
    return f"Bearer {token}" if token else f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


async def _close(writer: asyncio.StreamWriter) -> None:
    if writer.transport.is_closing():
        return  # it is lost, or its handshake failed, after which nobody says that it is closed
    writer.close()
    try:
        async with asyncio.timeout(_FAREWELL):
            await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.CancelledError):
        writer.transport.abort()


async def _next(wire: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := wire.next_event()) is h11.NEED_DATA:
        wire.receive_data(await reader.read(65_536))
    return event


async def _answer(wire: h11.Connection, writer: asyncio.StreamWriter, status: HTTPStatus, text: str) -> None:
    """Answer, and after anything but a success close: what else the client sends is of no interest."""
    body = text.encode()
    headers = [("Content-Type", "application/json" if text[:1] in "{[" else "text/plain; charset=utf-8")]
    headers.append(("Content-Length", str(len(body))))
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", "Bearer, Basic realm=dayuan"))
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", "10"))
    if status >= HTTPStatus.BAD_REQUEST:
        headers.append(("Connection", "close"))
    with suppress(h11.LocalProtocolError):
        writer.write(wire.send(h11.Response(status_code=status, headers=headers, reason=status.phrase)) or b"")
        writer.write(wire.send(h11.Data(data=body)) or b"")
        writer.write(wire.send(h11.EndOfMessage()) or b"")
    await writer.drain()
