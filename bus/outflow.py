"""Messages to publish: in order, within the broker's window, sent again after a reconnect until they are confirmed."""

import asyncio
from collections import deque

import msgspec

from bus.connection import Connection
from bus.packets import Connack, publish
from schema.errors import Reject, RetryLater

LAST_ID = 60_000
"""Packet ids up to this one are for publishing, those above for subscribing."""

_QUOTA_EXCEEDED = 0x97


class _Outgoing(msgspec.Struct):
    topic: bytes
    payload: bytes
    qos: int
    retain: bool
    deadline: float | None
    done: asyncio.Future[None]
    packet_id: int = 0


class Outflow:
    """The publishing half of a client; at most `most` messages are in flight, fewer where the broker says so."""

    def __init__(self, most: int) -> None:
        self._most = min(most, LAST_ID)
        self._window = 0
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Outgoing] = deque()
        self._inflight: dict[int, _Outgoing] = {}
        self._connection: Connection | None = None
        self._resumed = False
        self._largest = 0
        self._last_id = 0

    def put(self, topic: str, payload: bytes, qos: int, expiry: float | None, *, retain: bool) -> asyncio.Future[None]:
        """Queue a message; the future ends with its PUBACK (QoS 0: with the socket)."""
        done = self._loop.create_future()
        deadline = None if expiry is None else self._loop.time() + expiry
        self._queue.append(_Outgoing(topic.encode(), payload, qos, retain, deadline, done))
        self.pump()
        return done

    def attach(self, connection: Connection, connack: Connack) -> None:
        """Publish by a new connection on the broker's terms, first what was in flight."""
        self._connection, self._resumed, self._largest = connection, connack.session_present, connack.max_packet
        self._window = min(connack.receive_maximum, self._most)
        self.pump()

    def detach(self) -> None:
        """The connection is gone; what was in flight leads the queue again."""
        self._connection = None
        self._queue.extendleft(reversed(self._inflight.values()))
        self._inflight.clear()

    def pump(self) -> None:
        """Send what the window and the socket have room for."""
        queue, inflight, connection = self._queue, self._inflight, self._connection
        while queue and connection is not None and connection.writable:
            outgoing = queue[0]
            if outgoing.qos and len(inflight) >= self._window:
                break
            queue.popleft()
            if outgoing.done.done():
                continue
            expiry = None
            if outgoing.deadline is not None:
                expiry = round(outgoing.deadline - self._loop.time())
                if expiry <= 0:
                    outgoing.done.set_exception(Reject("expired", outgoing.topic.decode()))
                    continue
            again = outgoing.packet_id > 0
            if outgoing.qos:
                outgoing.packet_id = outgoing.packet_id or self._next_id()
            packet = publish(
                connection.version,
                outgoing.topic,
                outgoing.payload,
                outgoing.packet_id,
                retain=outgoing.retain,
                dup=again and self._resumed,
                expiry=expiry,
            )
            if len(packet) > self._largest:
                outgoing.done.set_exception(
                    Reject("too_large", f"{len(packet)} bytes, the broker takes {self._largest}")
                )
                continue
            connection.send(packet)
            if outgoing.qos:
                inflight[outgoing.packet_id] = outgoing
            else:
                outgoing.done.set_result(None)

    def confirm(self, packet_id: int, code: int) -> None:
        """The broker's PUBACK; one for a message we do not know changes nothing."""
        outgoing = self._inflight.pop(packet_id, None)
        if outgoing is None or outgoing.done.done():
            return
        if code < 0x80:
            outgoing.done.set_result(None)
        elif code == _QUOTA_EXCEEDED:
            outgoing.done.set_exception(RetryLater(f"the broker is over its quota for {outgoing.topic.decode()}"))
        else:
            outgoing.done.set_exception(Reject("refused", f"{outgoing.topic.decode()}: code 0x{code:02x}"))

    def fail(self, error: Exception | None) -> None:
        """End everything that is still awaited, with the error or as cancelled."""
        for outgoing in (*self._inflight.values(), *self._queue):
            if outgoing.done.done():
                continue
            if error is None:
                outgoing.done.cancel()
            else:
                outgoing.done.set_exception(error)
                outgoing.done.exception()
        self._inflight.clear()
        self._queue.clear()

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % LAST_ID + 1
            if self._last_id not in self._inflight:
                return self._last_id
