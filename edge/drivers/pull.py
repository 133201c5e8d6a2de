"""HTTP pull: the agent asks a gate controller or a canteen terminal for its records, again and again.

```toml
[devices.pull]
url = "http://192.0.2.20/api/meals?after={mark}"   # {mark}: what was had last, so that nothing is asked for twice
first = "0"                                        # the mark to begin with
user = "admin"                                     # or token = "..."; auth = "digest" where the device wants that
password = "its password"
records = "data.rows"
mark = "data.lastId"                               # where the next mark is; the last record's id if not told
id = "id"
time = "mealTime"
[devices.pull.event]
type = "meal"
window = { from = "mealType", values = { 1 = "breakfast", 2 = "lunch", 3 = "dinner" } }
price = "amount"
```

What the records mean is written as edge/drivers/mapping.py says; `interval` of the device is how often it is asked.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from edge.driver import Ear, Speaker, turns
from edge.drivers import Wired
from edge.drivers.http_listener import authorization
from edge.drivers.interpreter import Interpreter, field
from edge.drivers.mapping import Mapping, fits
from edge.drivers.push import decoded
from edge.source import Source
from edge.tomlfile import Wrong
from schema.errors import Reject, RetryLater
from schema.instant import now

_LONGEST = 4 << 20
_PAGES = 100
_MARK = "{mark}"

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Section(Mapping, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that is asked at `url`, with a token or a user and password, and has `timeout` seconds to answer."""

    url: str
    token: str | None = None
    user: str = ""
    password: str | None = None
    auth: Literal["basic", "digest"] = "basic"
    ca_file: Source | None = None
    first: str = "0"
    mark: str = ""
    timeout: Positive = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise Wrong("url", f"{self.url!r} is no address to ask; write one like http://192.0.2.20/api?after={_MARK}")
        if self.user and self.password is None:
            raise Wrong("user", "a user needs a password")
        if _MARK in self.url and not (self.mark or self.ids):
            raise Wrong("url", f"{_MARK} needs id, or mark: where the answer says how to go on")


class _Memory(msgspec.Struct):
    """What to go on from: the mark, and the records of the last answer, which a device may give again."""

    mark: str
    seen: list[str] = []


class Asker:
    """A device that is asked; what it said is on disk before the next is asked for."""

    def __init__(self, wired: Wired, http: httpx.AsyncClient) -> None:
        section: Section = wired.section
        self._section = section
        self._interval = wired.interval
        self._http = http
        self._interpreter = Interpreter(wired.device, wired.kind, section, now)

    async def speak(self, ear: Ear) -> None:
        """Ask at every turn, and on while there is more."""
        async for _ in turns(self._interval, now):
            try:
                # A turn that takes longer than the interval misses the next; it does not begin anew.
                for _ in range(_PAGES):
                    if not await self._page(ear):
                        break
            except (Reject, RetryLater) as error:
                ear.failed(error)

    async def _page(self, ear: Ear) -> bool:
        """Ask once; whether there may be more."""
        section = self._section
        memory = _remembered(ear.mark, section.first)
        document = await self._ask(section.url.replace(_MARK, quote(memory.mark, safe="")))
        records = self._interpreter.records(document)
        heard = self._interpreter.hear(records, frozenset(memory.seen))
        following = _following(document, section, heard.ids, memory)
        ear.take(heard.said, msgspec.json.encode(following).decode() if following != memory else None)
        if heard.doubts:
            ear.failed(heard.doubts[0])
        else:
            ear.well()
        return _MARK in section.url and following.mark != memory.mark and bool(records)

    async def _ask(self, url: str) -> Any:
        """The document at a url; RetryLater or Reject for whatever else comes."""
        body = bytearray()
        try:
            # A peer that sends a byte now and then keeps every time-out of the client happy.
            async with asyncio.timeout(self._section.timeout * 3), self._http.stream("GET", url) as response:
                _check(response)
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > _LONGEST:
                        raise Reject("too_large", f"an answer of more than {_LONGEST >> 20} MB")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise RetryLater(f"{type(error).__name__}: {error}".removesuffix(": ")) from error
        except (LookupError, ValueError) as error:
            # httpx takes a challenge apart without looking whether it is one.
            raise Reject("not_understood", f"its digest challenge is none: {error}") from error
        return decoded(bytes(body))


def check(wired: Wired, others: Sequence[Wired]) -> None:  # noqa: ARG001 - devices are asked apart
    """ValueError for readings that the device's kind does not have."""
    fits(wired)


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Speaker]]:
    """The devices by id, each with a connection of its own."""
    async with AsyncExitStack() as stack:
        yield {each.device: Asker(each, await stack.enter_async_context(_client(each.section))) for each in wired}


def _client(section: Section) -> httpx.AsyncClient:
    auth: httpx.Auth | None = None
    headers = {"Accept": "application/json"}
    if section.user and section.auth == "digest":
        auth = httpx.DigestAuth(section.user, section.password or "")
    elif section.user or section.token:
        headers["Authorization"] = authorization(section.token, section.user, section.password)
    verify: Any = True
    if section.ca_file is not None:
        verify = httpx.create_ssl_context(verify=str(section.ca_file.path), trust_env=False)
    return httpx.AsyncClient(auth=auth, headers=headers, timeout=section.timeout, trust_env=False, verify=verify)


def _check(response: httpx.Response) -> None:
    """Reject or RetryLater for an answer without a document; its words are the vendor's and not repeated."""
    code = response.status_code
    if response.is_redirect:
        raise Reject("not_understood", f"it redirects ({code}): write the url it redirects to")
    if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Reject("unauthorised", f"it answers {code}: correct token, or user and password")
    if response.is_server_error or code == httpx.codes.TOO_MANY_REQUESTS:
        raise RetryLater(f"it answers {code}")
    if not response.is_success:
        raise Reject("refused", f"it answers {code}")


def _remembered(mark: str, first: str) -> _Memory:
    return msgspec.json.decode(mark, type=_Memory) if mark else _Memory(first)


def _following(document: Any, section: Section, ids: list[str], memory: _Memory) -> _Memory:
    """What to go on from after an answer; an empty one changes nothing."""
    mark = memory.mark
    if section.mark:
        mark = str(field(document, section.mark))
    elif ids:
        mark = max(ids, key=Decimal) if all(number.isdecimal() for number in ids) else ids[-1]
    return _Memory(mark, ids or memory.seen)
