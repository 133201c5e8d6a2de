"""The sender: brings an outbox to the platform, again as often as it takes, never more than a window ahead."""

import asyncio
import logging

from bus.client import Client
from bus.messages import decode_ack
from edge.outbox import Entry, Outbox
from schema.errors import Reject, RetryLater
from schema.stream import Acknowledged

log = logging.getLogger(__name__)

_CHUNK = 200
_PAUSE = 5.0
"""Seconds before the same message is sent again for being missed."""


class Sender:
    """Sends at most `window` messages ahead of the acknowledgement; after `patience` silent seconds it probes.

    With `trusting` the broker's PUBACK counts as the acknowledgement, for platforms that give no other.
    """

    def __init__(self, outbox: Outbox, window: int, patience: float, *, trusting: bool) -> None:
        self._outbox = outbox
        self._window = window
        self._patience = patience
        self._trusting = trusting
        self._cursor = 0
        self._again: list[tuple[int, int]] = []
        self._asked_to = 0
        self._asked_at = 0.0
        self._probing = False
        self._moved = 0.0
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self.sent = 0
        self.acknowledged = 0

    def wake(self) -> None:
        """There is something new in the outbox."""
        self._wake.set()

    def rewind(self) -> None:
        """Send everything unacknowledged again: after a new connection nobody knows what became of it."""
        self._asked_to, self._asked_at = self._cursor, _now()
        self._cursor = self._outbox.floor - 1
        self._again.clear()
        self._moved = _now()
        self.wake()

    async def run(self, client: Client) -> None:
        """Send for ever, with a client that reconnects by itself."""
        self.rewind()
        failing = False
        while True:
            entries = self._next()
            if not entries:
                await self._wake.wait()
                self._wake.clear()
                continue
            try:
                await _publish(client, entries)
            except (Reject, RetryLater) as error:
                if not failing:
                    log.warning("cannot send, %d messages wait: %s", self._outbox.pending, error)
                failing = True
                self.rewind()
                await asyncio.sleep(error.after if isinstance(error, RetryLater) else _PAUSE)
                continue
            if failing:
                log.info("sending again, %d messages wait", self._outbox.pending)
            failing = False
            self.sent += len(entries)
            if self._trusting:
                self.settle(Acknowledged(self._outbox.epoch, entries[-1].seq))

    async def watch(self) -> None:
        """Probe a silent platform with the first message it owes an answer to, for as long as it stays silent.

        Sending everything again instead would fill the broker's queue for as long as the platform is away.
        """
        while True:
            await asyncio.sleep(self._patience / 4)
            floor = self._outbox.floor
            if floor <= self._cursor and _now() - self._moved >= self._patience:
                self._probing = True
                self._moved = _now()
                self._again = [(floor, floor)]
                self.wake()

    async def listen(self, client: Client) -> None:
        """Take the platform's acknowledgements, from a client that subscribed to their topic."""
        while True:
            inbox = await client.receive(100)
            for payload in inbox.payloads:
                try:
                    self.settle(decode_ack(payload))
                except (Reject, RetryLater) as error:
                    log.warning("acknowledgement not taken: %s", error)
            client.acknowledge(inbox)

    def settle(self, ack: Acknowledged) -> None:
        """Act on what the platform has: delete that, and send again what it misses."""
        epoch = self._outbox.epoch
        deleted = self._outbox.acknowledge(ack)
        if ack.epoch != self._outbox.epoch:
            if epoch != self._outbox.epoch:
                self.rewind()
            return
        if deleted:
            self.acknowledged += deleted
            self._moved = _now()
            if self._probing:
                # It answers again, but what was sent while it was silent may have reached nobody.
                self._probing = False
                self.rewind()
            self._settled.set()
            self._settled.clear()
        self._ask_again(ack)
        self.wake()

    async def drained(self, left: int) -> None:
        """Wait until at most `left` messages are in the outbox."""
        while self._outbox.pending > left:
            await self._settled.wait()

    def _next(self) -> list[Entry]:
        """What to send now: gaps first, then what follows, as far as the window allows."""
        while self._again:
            first, last = self._again.pop(0)
            if entries := self._outbox.between(first, last, _CHUNK):
                if entries[-1].seq < last:
                    self._again.insert(0, (entries[-1].seq + 1, last))
                return entries
        self._cursor = max(self._cursor, self._outbox.floor - 1)
        room = self._outbox.floor - 1 + self._window - self._cursor
        entries = self._outbox.unsent(self._cursor, min(room, _CHUNK)) if room > 0 else []
        if entries:
            if self._cursor < self._outbox.floor:
                self._moved = _now()
            self._cursor = entries[-1].seq
        return entries

    def _ask_again(self, ack: Acknowledged) -> None:
        """Queue what the platform misses, each number once in a pause: it names a gap until the last of it came."""
        if not self._again and _now() - self._asked_at >= _PAUSE:
            self._asked_to, self._asked_at = 0, _now()
        for first, last in ack.missing:
            begin, end = max(first, self._outbox.floor, self._asked_to + 1), min(last, self._cursor)
            if begin <= end:
                self._again.append((begin, end))
                self._asked_to = end


async def _publish(client: Client, entries: list[Entry]) -> None:
    """Publish all, in order; the first failure is raised after every one has ended."""
    publishing = [client.publish_soon(entry.topic, entry.body, retain=entry.retain) for entry in entries]
    for result in await asyncio.gather(*publishing, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _now() -> float:
    return asyncio.get_running_loop().time()
