"""Messages that arrived: handed out in columns, bounded by what waits for its acknowledgement."""

import asyncio
from bisect import bisect_right
from itertools import accumulate

import msgspec

from bus.connection import Connection
from bus.packets import Parsed, pubacks


class Inbox(msgspec.Struct, frozen=True):
    """Messages in the order they came, as columns; an id of 0 is QoS 0. `generation` is the connection they came by."""

    topics: list[str]
    payloads: list[bytes]
    ids: list[int]
    generation: int


class Inflow:
    """The receiving half of a client; stops reading the socket beyond `most` messages or `most_bytes` unacknowledged.

    Brokers do not all keep the receive maximum (mosquitto 2.0.11 does not), so the socket is the bound.
    """

    def __init__(self, most: int, most_bytes: int, *, persistent: bool) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._persistent = persistent
        self._connection: Connection | None = None
        self._waiting = Inbox([], [], [], 0)
        self._held = 0
        self._held_bytes = 0
        self.arrived = asyncio.Event()

    def attach(self, connection: Connection) -> None:
        """Take from a new connection; the broker of a persistent session sends again what was not acknowledged."""
        old = self._waiting
        kept = [row for row, label in enumerate(old.ids) if not (label and self._persistent)]
        payloads = [old.payloads[row] for row in kept]
        self._waiting = Inbox([old.topics[row] for row in kept], payloads, [0] * len(kept), old.generation + 1)
        self._held, self._held_bytes = len(kept), sum(map(len, payloads))
        self._connection = connection

    @property
    def waiting(self) -> int:
        """How many messages have come and are not yet taken."""
        return len(self._waiting.ids)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes of payload these are."""
        return sum(map(len, self._waiting.payloads))

    def detach(self) -> None:
        """The connection is gone, and with it the right to acknowledge."""
        self._connection = None

    def add(self, parsed: Parsed) -> None:
        """Queue what came."""
        self._waiting.topics.extend(parsed.topics)
        self._waiting.payloads.extend(parsed.payloads)
        self._waiting.ids.extend(parsed.ids)
        self._held += len(parsed.ids)
        self._held_bytes += sum(map(len, parsed.payloads))
        self.arrived.set()
        if (self._held > self._most or self._held_bytes > self._most_bytes) and self._connection is not None:
            self._connection.read(on=False)

    def take(self, limit: int, limit_bytes: int) -> Inbox | None:
        """At most `limit` of the waiting messages, and `limit_bytes` of them or the first; None where none waits."""
        inbox = self._waiting
        if not inbox.ids:
            self.arrived.clear()
            return None
        topics, payloads, ids, generation = msgspec.structs.astuple(inbox)
        if self._held_bytes > limit_bytes:
            limit = min(limit, max(1, bisect_right(list(accumulate(map(len, payloads))), limit_bytes)))
        self._waiting = Inbox(topics[limit:], payloads[limit:], ids[limit:], generation)
        if len(ids) > limit:
            inbox = Inbox(topics[:limit], payloads[:limit], ids[:limit], generation)
        if 0 in inbox.ids:
            self._release([payload for payload, label in zip(inbox.payloads, inbox.ids, strict=True) if not label])
        return inbox

    def acknowledge(self, inbox: Inbox) -> None:
        """PUBACK the inbox, unless the connection it came by is gone."""
        if self._connection is None or inbox.generation != self._waiting.generation:
            return
        ids, payloads = inbox.ids, inbox.payloads
        if 0 in ids:
            payloads = [payload for payload, label in zip(payloads, ids, strict=True) if label]
            ids = [label for label in ids if label]
        if ids:
            self._connection.send(pubacks(ids))
            self._release(payloads)

    def _release(self, payloads: list[bytes]) -> None:
        self._held -= len(payloads)
        self._held_bytes -= sum(map(len, payloads))
        if self._held <= self._most // 2 and self._held_bytes <= self._most_bytes // 2 and self._connection is not None:
            self._connection.read(on=True)
