"""The gate: asks the platform who may pass, and decides by itself when the answer is late, missing or rubbish."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Annotated, Literal, NamedTuple, Self

import httpx
import msgspec

from access.credential import keyed_hash
from access.decision import Decision, Direction, Request, decide
from access.permit import Permit
from edge.agent import Agent
from edge.gatebook import GateBook
from edge.settings import GateSettings
from schema.event import Pass
from schema.instant import Clock, to_datetime
from schema.reading import Reading

log = logging.getLogger(__name__)

_OPEN = 10.0
"""Seconds the gate stays unlocked for one person when it decided by itself."""


class Verdict(NamedTuple):
    """What the gate did about a credential, and whether the holder went through."""

    id: str
    granted: bool
    reason: str
    decided_by: Literal["platform", "controller"]
    passed: bool


class _Ruling(NamedTuple):
    granted: bool
    reason: str
    by: Literal["platform", "controller"]
    seconds: float = _OPEN


class _Answer(msgspec.Struct):
    granted: bool
    reason: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,32}$")]
    valid_for: Annotated[float, msgspec.Meta(gt=0, le=60)] = _OPEN


class _Permits(msgspec.Struct):
    permits: list[msgspec.Raw]


class Gate:
    """`async with Gate(...) as gate:` one gate of a site, whose device `agent` has been told of (Agent.born).

    A Driver as well: its readings are the two counters.
    """

    def __init__(
        self, settings: GateSettings, site: str, agent: Agent, clock: Clock, entropy: Callable[[int], bytes]
    ) -> None:
        self._settings = settings
        self._device = settings.device.id
        self._agent = agent
        self._clock = clock
        self._pepper = settings.pepper
        self._book = GateBook(settings.path, clock(), entropy)
        self._http = httpx.AsyncClient(
            base_url=f"{settings.api.rstrip('/')}/api/v1/sites/{site}",
            headers={"Authorization": f"Bearer {settings.token}"},
            timeout=10,
            trust_env=False,
        )
        self._offline: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
        self._book.close()

    async def show(self, raw: str, direction: Direction, passage: Callable[[], Awaitable[bool]]) -> Verdict:
        """Decide about what the reader read, wait for the `passage` when it opens, and record the event.

        `passage` unlocks and answers whether the holder went through; it is given up when the decision has expired.
        """
        credential = keyed_hash(self._pepper, raw)
        now = self._clock()
        ruling = await self._rule(credential, direction, now)
        passed = False
        try:
            if ruling.granted:
                with suppress(TimeoutError):
                    async with asyncio.timeout(ruling.seconds):
                        passed = await passage()
        finally:
            number = self._record(credential, direction, now, ruling, passed=passed)
        return Verdict(number, ruling.granted, ruling.reason, ruling.by, passed)

    def inside(self, raw: str) -> bool:
        """Whether the holder of what the reader read went in here and, as far as this gate saw, not out again."""
        return self._book.presence(keyed_hash(self._pepper, raw)).inside is True

    async def read(self, now: int) -> Sequence[Reading]:
        """The counters."""
        counts = self._book.counts
        return [
            Reading(self._device, "entries", now, counts.entries, "count"),
            Reading(self._device, "exits", now, counts.exits, "count"),
        ]

    async def synchronise(self) -> None:
        """Keep the permit list fresh, for ever; while the platform is away the list on disk stays in force."""
        while True:
            try:
                await self.fetch()
            except Exception as error:  # noqa: BLE001 - whatever the platform sends, the gate goes on with its list
                self._failed("permit list", error)
            else:
                self._recovered("permit list")
            await asyncio.sleep(self._settings.sync)

    async def fetch(self) -> None:
        """Take the permit list once, if it changed; whatever goes wrong is raised and leaves the old one in force."""
        version = self._book.version
        response = await self._http.get("/permits", headers={} if version is None else {"If-None-Match": version})
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return
        response.raise_for_status()
        permits = []
        listed = msgspec.json.decode(response.content, type=_Permits).permits
        for raw in listed:
            with suppress(msgspec.ValidationError):
                permits.append(msgspec.json.decode(raw, type=Permit))
        if len(permits) < len(listed):
            log.warning("gate %s: %d permits not understood, left out", self._device, len(listed) - len(permits))
        self._book.replace(response.headers.get("ETag", ""), permits)

    async def _rule(self, credential: str, direction: Direction, now: int) -> _Ruling:
        try:
            async with asyncio.timeout(self._settings.budget):
                answer = await self._ask(credential, direction, now)
        except Exception as error:  # noqa: BLE001 - whatever becomes of the platform, a person waits here
            self._failed("decision", error)
            decision = self._decide(credential, direction, now)
            return _Ruling(decision.granted, decision.reason, "controller")
        self._recovered("decision")
        # Nobody is ever locked in, by the platform either.
        return _Ruling(answer.granted or direction == "out", answer.reason, "platform", answer.valid_for)

    async def _ask(self, credential: str, direction: Direction, now: int) -> _Answer:
        asked = {"credential": credential, "direction": direction, "time": to_datetime(now).isoformat()}
        response = await self._http.post(f"/gates/{self._device}/decisions", json=asked)
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=_Answer)

    def _decide(self, credential: str, direction: Direction, now: int) -> Decision:
        """Our own decision, from the list and the passages on disk."""
        try:
            permit = self._book.permit(credential)
            if permit is None and self._book.version is None:
                return Decision(direction == "out", "no_response")
            presence = self._book.presence(credential)
        except (sqlite3.Error, msgspec.MsgspecError):
            log.exception("gate %s: its memory cannot be read", self._device)
            return Decision(direction == "out", "no_response")
        return decide(Request(self._device, direction), permit, self._settings.zone, presence, now)

    def _record(self, credential: str, direction: Direction, now: int, ruling: _Ruling, *, passed: bool) -> str:
        number = self._book.number()
        permit = self._book.permit(credential)
        event = Pass(
            id=number,
            time=now,
            direction=direction,
            granted=ruling.granted,
            passed=passed,
            reason=ruling.reason,
            decided_by=ruling.by,
            subject="unknown" if permit is None else permit.subject,
            credential=credential,
        )
        self._agent.record_event(self._device, event)
        if passed:
            self._book.passed(credential, direction, now)
        return number

    def _failed(self, what: str, error: Exception) -> None:
        if what not in self._offline:
            why = f"{type(error).__name__} {error}".partition("\n")[0]
            log.warning("gate %s: no %s from the platform: %s", self._device, what, why)
        self._offline.add(what)

    def _recovered(self, what: str) -> None:
        if what in self._offline:
            log.info("gate %s: %s comes from the platform again", self._device, what)
        self._offline.discard(what)
