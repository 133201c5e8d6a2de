"""HTTP push: the agent listens, and a gate controller or a canteen terminal posts its records as JSON.

```toml
[devices.push]
url = "https://0.0.0.0:8900/gate-west"    # the agent's own address, and the path of this device
tls = { certificate = "yard-box.pem", key = "yard-box.key" }    # none for http://
token = "a long random word"              # Authorization: Bearer ...; or user and password
pepper = "cGVwcGVyIG9mIHRoZSBwbGF0Zm9ybQ=="
records = "data.records"
id = "serialNo"
time = { from = "openTime", form = "%Y-%m-%d %H:%M:%S", timezone = "Asia/Shanghai" }
[devices.push.event]
type = "pass"
direction = { from = "inOut", values = { 1 = "in", 2 = "out" } }
granted = { from = "result", values = { 0 = true }, other = false }
passed = { from = "result", values = { 0 = true }, other = false }
reason = { from = "result", values = { 0 = "ok", 1 = "unknown", 2 = "expired" }, other = "refused" }
decided_by = { value = "controller" }
credential = "cardNo"
```

What the records mean is written as edge/drivers/mapping.py says.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec

from edge.driver import Ear, Speaker
from edge.drivers import Wired
from edge.drivers.http_listener import Endpoint, Listener, authorization, listener
from edge.drivers.interpreter import Interpreter
from edge.drivers.listener_tls import Tls
from edge.drivers.mapping import Mapping, fits
from edge.tomlfile import Wrong
from schema.errors import Reject, RetryLater, Stop
from schema.instant import now

_AGAIN = 10.0
_SHORTEST_SECRET = 8


class Section(Mapping, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that posts to `url` and shows a token, or a user and password; `answer` is what it wants to hear.

    `tls` is that of the address, the same for all that post to it.
    """

    url: str
    tls: Tls | None = None
    token: str | None = None
    user: str = ""
    password: str | None = None
    answer: str = '{"ok": true}'

    def __post_init__(self) -> None:
        super().__post_init__()
        self.address()
        secret = self.token or self.password or ""
        if len(secret) < _SHORTEST_SECRET:
            raise Wrong(
                "password" if self.password else "token",
                f"whoever posts has to show a token, or user and password, of {_SHORTEST_SECRET} letters or more",
            )

    def address(self) -> tuple[str, int, str]:
        """Host, port and path to listen on."""
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or not port or parts.scheme not in ("http", "https") or parts.query:
            raise Wrong("url", f"{self.url!r} is no address to listen on; write one like http://0.0.0.0:8900/gate-west")
        if (parts.scheme == "https") != (self.tls is not None):
            raise Wrong("url", "https:// and tls = { certificate, key } belong together; http:// has neither")
        return host, port, parts.path or "/"


class Poster:
    """A device that posts; it is answered when what it said is on disk."""

    def __init__(self, wired: Wired, at: Listener) -> None:
        section: Section = wired.section
        self._section = section
        self._listener = at
        self._interpreter = Interpreter(wired.device, wired.kind, section, now)

    async def speak(self, ear: Ear) -> None:
        """Take what is posted, for ever; an address that is taken is tried again."""
        section = self._section
        path = section.address()[2]
        self._listener.endpoints[path] = Endpoint(
            authorization(section.token, section.user, section.password),
            lambda body: self._take(body, ear),
            lambda: ear.failed(Reject("unauthorised", "a post without the right token or password")),
        )
        try:
            while True:
                try:
                    await self._listener.open()
                except OSError as error:
                    ear.failed(RetryLater(f"cannot listen: {error.strerror or error}"))
                    await asyncio.sleep(_AGAIN)
                else:
                    await asyncio.Event().wait()
        finally:
            del self._listener.endpoints[path]

    def _take(self, body: bytes, ear: Ear) -> tuple[HTTPStatus, str]:
        try:
            records = self._interpreter.records(decoded(body))
        except Reject as error:
            ear.failed(error)
            return HTTPStatus.BAD_REQUEST, str(error)
        heard = self._interpreter.hear(records)
        try:
            ear.take(heard.said)
        except RetryLater as error:
            ear.failed(error)
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error)
        # What can never be taken is taken off the device's hands too: it would send the same for ever.
        if heard.doubts:
            ear.failed(heard.doubts[0])
        else:
            ear.well()
        return HTTPStatus.OK, self._section.answer


def decoded(body: bytes) -> Any:
    """The JSON of a body; Reject("not_understood")."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject("not_understood", f"{len(body)} bytes that are no JSON: {error}") from error


def check(wired: Wired, others: Sequence[Wired]) -> None:
    """ValueError for readings the kind does not have; Stop for a path that another device has, or another TLS."""
    fits(wired)
    section: Section = wired.section
    _context(section)
    address = section.address()
    beside = [other.section for other in others if other.device != wired.device]
    if any(other.address() == address for other in beside):
        raise Stop(f"another device posts to {section.url}; give each a path of its own")
    if any(other.address()[:2] == address[:2] and other.tls != section.tls for other in beside):
        raise Wrong("tls", f"another device posts to port {address[1]} with another tls; it is one for all of them")


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Speaker]]:
    """The devices by id, those of one address behind one listener."""
    with ExitStack() as stack:
        yield {each.device: Poster(each, stack.enter_context(_listener(each.section))) for each in wired}


def _listener(section: Section) -> AbstractContextManager[Listener]:
    host, port, _ = section.address()
    return listener(host, port, _context(section))


def _context(section: Section) -> ssl.SSLContext | None:
    return None if section.tls is None else section.tls.context()
