"""HTTP push: the agent listens, and a gate controller or a canteen terminal posts its records as JSON.

```toml
[devices.push]
url = "http://0.0.0.0:8900/gate-west"     # the agent's own address, and the path of this device
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
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec

from edge.driver import Ear, Speaker
from edge.drivers import Wired
from edge.drivers.http_listener import Endpoint, Listener, authorization, listener
from edge.drivers.interpreter import Interpreter
from edge.drivers.mapping import Mapping, fits
from edge.tomlfile import Wrong
from schema.errors import Reject, RetryLater, Stop
from schema.instant import now

_AGAIN = 10.0
_SHORTEST_SECRET = 8


class Section(Mapping, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that posts to `url` and shows a token, or a user and password; `answer` is what it wants to hear."""

    url: str
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
        if not host or not port or parts.scheme != "http" or parts.query:
            raise Wrong("url", f"{self.url!r} is no address to listen on; write one like http://0.0.0.0:8900/gate-west")
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
    """ValueError for readings the kind does not have; Stop for a path that another device has."""
    fits(wired)
    address = wired.section.address()
    if any(other.section.address() == address for other in others if other.device != wired.device):
        raise Stop(f"another device posts to {wired.section.url}; give each a path of its own")


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Speaker]]:
    """The devices by id, those of one address behind one listener."""
    with ExitStack() as stack:
        yield {each.device: Poster(each, stack.enter_context(listener(*each.section.address()[:2]))) for each in wired}
