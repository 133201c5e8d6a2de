"""MQTT client: manual acknowledgement, bounded receiving, reconnects on its own; version 5, or 3.1.1 where refused."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Self

from bus import packets
from bus.connection import Connection
from bus.inflow import Inbox, Inflow
from bus.link import Link, refusal, refuses_version
from bus.outflow import LAST_ID, Outflow
from bus.packets import Connack, Parsed, Will
from schema.errors import RetryLater, Stop

__all__ = ["Client", "Inbox", "Link", "Will"]

log = logging.getLogger(__name__)

_SESSION_TAKEN_OVER = 0x8E
_STABLE = 5.0
_FAREWELL = 2.0


class Client:
    """A session with a broker for as long as its `async with` block lives.

    Entering raises RetryLater when the broker is not there within `patience` s (None: it waits), and Stop when it
    refuses us for good; from then on a lost connection is made again, and what is still awaited is sent again. Every
    call raises Stop once the broker has refused us for good. A client that has stopped reading, because too much waits
    unacknowledged, reads no PUBACK either: acknowledge first, then await a publish.
    """

    def __init__(
        self,
        link: Link,
        will: Will | None = None,
        *,
        patience: float | None = 10.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._link = link
        self._will = will
        self._patience = patience
        self._jitter = jitter
        self._version = link.version
        self._filters: list[str] = []
        self._fresh: set[str] = set()
        self._subscribing: dict[int, asyncio.Future[bytes]] = {}
        self._opened: Connection | None = None
        self._connection: Connection | None = None
        self._last_id = 0
        self._failure: Stop | None = None
        self.connects = 0

    async def __aenter__(self) -> Self:
        link = self._link
        self._failure, self.connects = None, 0
        self._inflow = Inflow(link.receive_maximum, link.receive_bytes, persistent=link.session > 0)
        self._outflow = Outflow(link.send_maximum)
        self._changed = asyncio.Event()
        self._life = asyncio.create_task(self._live(), name=f"mqtt {link.client_id}")
        try:
            async with asyncio.timeout(self._patience):
                await self.changed(0)
        except TimeoutError:
            await self.__aexit__()
            raise RetryLater(f"broker {link.name} does not answer") from None
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._life.cancel()
        await asyncio.wait([self._life])
        self._outflow.fail(None)
        self._end(Stop(f"client {self._link.client_id!r} was closed"))
        if not self._life.cancelled():
            self._life.result()

    async def changed(self, seen: int | None = None) -> int:
        """Waits until `connects` is no longer `seen` (by default what it is now), and answers it."""
        seen = self.connects if seen is None else seen
        while self.connects == seen:
            self._check()
            await self._changed.wait()
        return self.connects

    async def subscribe(self, filters: Iterable[str], *, retained: bool = True) -> None:
        """Subscribe at QoS 1, now and in every later session; Stop when the broker does not allow it.

        Without `retained` only what is published from now on comes (in version 5): a value without a time stamp that
        the broker has kept would look like a new one.
        """
        wanted = list(filters)
        self._fresh.update(() if retained else wanted)
        self._check()
        while self._connection is None or not await self._subscribe(self._connection, wanted):
            await self.changed()
        self._filters += [text for text in wanted if text not in self._filters]

    async def unsubscribe(self, filters: Iterable[str]) -> None:
        """End subscriptions, also those that the session has from an earlier run; what is queued still comes."""
        gone = list(filters)
        self._filters = [text for text in self._filters if text not in gone]
        self._check()
        while self._connection is None or await self._ask(self._connection, packets.unsubscribe, gone) is None:
            await self.changed()

    async def receive(self, limit: int = 20_000, limit_bytes: int = 64 << 20) -> Inbox:
        """Waits for messages, takes at most `limit` or `limit_bytes` of them; each Inbox is to be acknowledged once."""
        while (inbox := self._inflow.take(limit, limit_bytes)) is None:
            self._check()
            await self._inflow.arrived.wait()
        return inbox

    @property
    def waiting(self) -> int:
        """How many messages `receive` would find."""
        return self._inflow.waiting

    @property
    def waiting_bytes(self) -> int:
        """How many bytes of payload these are."""
        return self._inflow.waiting_bytes

    def acknowledge(self, inbox: Inbox) -> None:
        """PUBACK all of it; nothing happens where the connection it came by is gone: the broker sends it again."""
        self._inflow.acknowledge(inbox)

    async def publish(
        self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False, expiry: float | None = None
    ) -> None:
        """Returns on the broker's PUBACK, however many connections that takes (QoS 0: when handed to the socket).

        Reject: the broker refuses the message, or was not there within `expiry` s, after which (in version 5) it does
        not deliver it either. RetryLater: the broker is over its quota.
        """
        await self.publish_soon(topic, payload, qos=qos, retain=retain, expiry=expiry)

    def publish_soon(
        self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False, expiry: float | None = None
    ) -> asyncio.Future[None]:
        """As `publish`, without waiting; messages leave in the order of the calls, whose number the caller bounds."""
        self._check()
        return self._outflow.put(topic, payload, qos, expiry, retain=retain)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _end(self, why: Stop) -> None:
        self._failure = self._failure or why
        self._inflow.arrived.set()
        self._changed.set()

    async def _live(self) -> None:
        """Connect, again and again, until cancelled or refused for good."""
        loop, failures, since = asyncio.get_running_loop(), 0, None
        try:
            while True:
                try:
                    connection = await self._connect()
                    begin = loop.time()
                    if since is not None:
                        log.warning("broker %s is back after %.1f s", self._link.name, begin - since)
                        since = None
                    reason = await connection.lost
                    # One that ends at once, again and again, earns no quick return.
                    failures = 0 if loop.time() - begin > _STABLE else failures
                except (OSError, TimeoutError, RetryLater, packets.ProtocolError) as error:
                    reason = str(error) or "no answer"
                self._detach()
                failures += 1
                if since is None:
                    since = loop.time()
                    log.warning("broker %s: %s; trying until it is back", self._link.name, reason)
                longest = min(self._link.longest_backoff, 0.1 * 2 ** min(failures, 16))
                await asyncio.sleep(longest * (0.5 + 0.5 * self._jitter()))
        except Stop as stop:
            self._outflow.fail(stop)
            self._end(stop)
        finally:
            await self._leave()

    async def _connect(self) -> Connection:
        """A connection the broker has accepted, subscriptions standing, everything attached to it."""
        link = self._link
        async with asyncio.timeout(link.connect_timeout):
            connection, connack = await self._open()
            if refuses_version(self._version, connack.code) and self._version == 5:
                log.info("broker %s does not speak MQTT 5, going on with 3.1.1", link.name)
                self._version = 4
                connection, connack = await self._open()
            if connack.code:
                raise refusal(link, connack.code, connack.reason)
            if self._filters and not connack.session_present:
                await self._subscribe(connection, self._filters)
        connection.keep_alive(link.keepalive if connack.keepalive is None else connack.keepalive)
        self._connection = connection
        self._outflow.attach(connection, connack)
        self.connects += 1
        self._changed.set()
        self._changed = asyncio.Event()
        return connection

    async def _open(self) -> tuple[Connection, Connack]:
        """A new socket to the broker, and its answer to our CONNECT."""
        link = self._link
        host, port, context = link.address()
        user, password = link.credentials()
        self._abandon()
        connection = self._opened = Connection(self._version, self._on_parsed, self._outflow.pump)
        self._inflow.attach(connection)
        try:
            await asyncio.get_running_loop().create_connection(lambda: connection, host, port, ssl=context)
        except ssl.SSLCertVerificationError as error:
            raise Stop(f"broker {link.name}: {error}; name its CA file or correct its certificate") from error
        connection.send(
            packets.connect(
                self._version,
                link.client_id,
                clean_start=link.session == 0,
                keepalive=link.keepalive,
                session_expiry=link.session,
                receive_maximum=min(link.receive_maximum, 65_535),
                user=user,
                password=password,
                will=self._will,
            )
        )
        return connection, await connection.connack

    def _detach(self) -> None:
        connection = self._opened
        self._abandon()
        if connection is not None and connection.code == _SESSION_TAKEN_OVER:
            raise Stop(f"another client connected as {self._link.client_id!r}: end one of the two, or rename it")

    def _abandon(self) -> None:
        """Leave whatever connection there is, at once."""
        if self._opened is not None:
            self._opened.abort("given up")
        self._opened = self._connection = None
        self._inflow.detach()
        self._outflow.detach()

    async def _leave(self) -> None:
        """Say goodbye, where there is somebody to say it to."""
        if self._connection is not None:
            self._connection.close()
            await asyncio.wait([self._connection.lost], timeout=_FAREWELL)
        self._abandon()

    async def _subscribe(self, connection: Connection, wanted: Sequence[str]) -> bool:
        """Whether the broker answered before the connection was lost; Stop where it refuses a filter."""
        codes = await self._ask(connection, partial(packets.subscribe, fresh=self._fresh), wanted)
        if codes is None:
            return False
        refused = [text for text, code in zip(wanted, codes, strict=False) if code >= 0x80]
        if refused:
            raise Stop(f"broker {self._link.name} refuses to subscribe {refused}: allow it in its access list")
        return True

    async def _ask(
        self, connection: Connection, packet: Callable[[int, int, Sequence[str]], bytes], filters: Sequence[str]
    ) -> bytes | None:
        """The reason codes of the broker's answer; None where the connection was lost before."""
        self._last_id = packet_id = LAST_ID + 1 + (self._last_id + 1) % 5_000
        answer = self._subscribing[packet_id] = asyncio.get_running_loop().create_future()
        connection.send(packet(self._version, packet_id, filters))
        try:
            await asyncio.wait((answer, connection.lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._subscribing[packet_id]
        return answer.result() if answer.done() else None

    def _on_parsed(self, connection: Connection, parsed: Parsed) -> None:
        if connection is not self._opened:
            return
        for head, body in parsed.packets:
            if head & 0xF0 == packets.PUBACK:
                self._outflow.confirm(*packets.parse_puback(body))
            elif head & 0xF0 == packets.SUBACK:
                self._answered(*packets.parse_suback(self._version, body))
            elif head & 0xF0 == packets.UNSUBACK:
                self._answered(packets.parse_unsuback(body), b"")
        if parsed.packets:
            self._outflow.pump()
        if parsed.ids:
            self._inflow.add(parsed)

    def _answered(self, packet_id: int, codes: bytes) -> None:
        waiting = self._subscribing.get(packet_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(codes)
