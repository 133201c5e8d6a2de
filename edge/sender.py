"""The sender: brings an outbox to the platform, again as often as it takes, never more than a window ahead.

Two lanes share the window: what is recorded now goes first, what piled up goes in order as fast as answers stay quick.
"""

import asyncio
import logging
from typing import NamedTuple

from bus.client import Client
from bus.messages import decode_ack
from edge.outbox import Entry, Outbox
from schema.errors import Reject, RetryLater
from schema.instant import SECOND, Clock
from schema.spans import Span, count, minus, union
from schema.stream import Acknowledged

log = logging.getLogger(__name__)

_CHUNK = 200
_PAUSE = 5.0
"""Seconds before the next try after the broker refused."""
_CLOSE = 0.05
"""Seconds between acknowledgements that are settled each by itself: every one costs the disk a write."""
_OVERDUE = 1.0
"""Seconds after which a message is sent again when later ones were answered and it was not."""
_STALE, _FRESH = 5 * SECOND, SECOND
"""What has waited that long leaves the live lane, which goes on with what is that new."""
_HOLES = 16
_SLOWEST = 100
_QUICK, _SLOW = 0.75, 1.0
"""Seconds to an answer below which back-fill may have twice as many under way, above which half."""


class _Sent(NamedTuple):
    """Messages under way since loop time `at`; `overtaken` when one sent after them was answered."""

    first: int
    last: int
    at: float
    overtaken: bool = False


class Sender:
    """Sends at most `window` messages ahead of the acknowledgement; after `patience` silent seconds it probes.

    With `trusting` the broker's PUBACK counts as the acknowledgement, for platforms that give no other.
    """

    def __init__(self, outbox: Outbox, window: int, patience: float, clock: Clock, *, trusting: bool) -> None:
        self._outbox = outbox
        self._window = window
        self._patience = patience
        self._clock = clock
        self._trusting = trusting
        self._head = outbox.last
        self._there: list[Span] = []
        self._flight: list[_Sent] = []
        self._again: list[Span] = []
        self._pace = min(_CHUNK, window)
        self._mark: tuple[int, float] | None = None
        self._probing = False
        self._moved = 0.0
        self._told: Acknowledged | None = None
        self._settled_at = 0.0
        self._stuck = False
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self.sent = 0
        self.acknowledged = 0

    def wake(self) -> None:
        """There is something new in the outbox."""
        self._wake.set()

    def rewind(self) -> None:
        """Send everything unacknowledged again: after a new connection nobody knows what became of it.

        First what readings need to be understood, then what was under way; the rest is back-fill.
        """
        standing = minus(self._standing(), self._there)
        self._again = standing + minus(union((sent.first, sent.last) for sent in self._flight), standing)
        self._flight.clear()
        self._mark = None
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
                self.settle(self._confirmed(entries))

    async def watch(self) -> None:
        """Send again what was overtaken, and probe a silent platform for as long as it stays silent.

        A probe is the first message it owes an answer to: sending everything again instead would fill the broker's
        queue for as long as the platform is away.
        """
        while True:
            await asyncio.sleep(min(self._patience, _OVERDUE) / 4)
            self._settle_told()
            now = _now()
            lost = [sent for sent in self._flight if sent.overtaken and now - sent.at >= _OVERDUE]
            if lost:
                self._flight = [sent for sent in self._flight if sent not in lost]
                self._again += [(sent.first, sent.last) for sent in lost]
                self.wake()
            if self._flight and now - self._moved >= self._patience:
                self._probing = True
                self._moved = now
                self._again = union([*self._again, (self._outbox.floor, self._outbox.floor)])
                self.wake()

    def take(self, payload: bytes) -> None:
        """Take an acknowledgement of the platform, as it came; those that come close together are settled as one."""
        try:
            ack = decode_ack(payload)
        except Reject as error:
            log.warning("acknowledgement not taken: %s", error)
            return
        if ack.epoch == self._outbox.epoch:
            self._told = ack
            if _now() - self._settled_at >= _CLOSE:
                self._settle_told()

    def _settle_told(self) -> None:
        told, self._told = self._told, None
        if told is None:
            return
        self._settled_at = _now()
        try:
            self.settle(told)
        except RetryLater as error:
            if not self._stuck:
                log.warning("acknowledgements cannot be taken: %s", error)
            self._stuck = True
        else:
            if self._stuck:
                log.info("acknowledgements are taken again")
            self._stuck = False

    def settle(self, ack: Acknowledged) -> None:
        """Act on what the platform has: delete that, and note what it misses."""
        epoch = self._outbox.epoch
        deleted = self._outbox.acknowledge(ack)
        if ack.epoch != self._outbox.epoch:
            if epoch != self._outbox.epoch:
                self._head, self._there = self._outbox.last, []
                self._flight.clear()
                self.rewind()
            return
        self.acknowledged += deleted
        self._there = _beyond(ack)
        durable = union([(0, self._outbox.floor - 1), *self._there])
        self._again = minus(self._again, durable)
        self._adapt(durable)
        if self._land(durable):
            self._moved = _now()
        if self._probing:
            # It answers again, but what was sent while it was silent may have reached nobody.
            self._probing = False
            self.rewind()
        if deleted:
            self._settled.set()
            self._settled.clear()
        self.wake()

    async def drained(self, left: int) -> None:
        """Wait until at most `left` messages are in the outbox."""
        while self._outbox.pending > left:
            await self._settled.wait()

    def _next(self) -> list[Entry]:
        """What to send now: again what was lost, then what is new, then what piled up, as far as the window allows."""
        self._keep_up()
        entries = self._lost() or self._live() or self._fill()
        if entries:
            if not self._flight:
                self._moved = _now()
            self._flight.append(_Sent(entries[0].seq, entries[-1].seq, _now()))
        return entries

    def _keep_up(self) -> None:
        """Leave to back-fill what has waited too long: nobody should wait for it to see what is now."""
        now = self._clock()
        stored = self._outbox.stored(self._head + 1)
        if stored is None or stored >= now - _STALE or len(self._there) >= _HOLES or self._room(self._window) <= 0:
            return
        self._head = max(self._head, self._outbox.since(now - _FRESH) - 1)
        self._again = union([*self._again, *minus(self._standing(), self._known())])

    def _lost(self) -> list[Entry]:
        while self._again:
            first, last = self._again.pop(0)
            if entries := self._outbox.between(first, last, _CHUNK):
                if entries[-1].seq < last:
                    self._again.insert(0, (entries[-1].seq + 1, last))
                return entries
        return []

    def _live(self) -> list[Entry]:
        room = self._room(self._window)
        entries = self._outbox.between(self._head + 1, self._outbox.last, min(room, _CHUNK)) if room > 0 else []
        if entries:
            self._head = entries[-1].seq
        return entries

    def _fill(self) -> list[Entry]:
        room = self._room(self._pace)
        holes = minus([(self._outbox.floor, self._head)], self._known()) if room > 0 else []
        if not holes:
            return []
        first, last = holes[0]
        entries = self._outbox.between(first, last, min(room, _CHUNK))
        if entries and self._mark is None:
            self._mark = (entries[-1].seq, _now())
        return entries

    def _room(self, most: int) -> int:
        return most - count((sent.first, sent.last) for sent in self._flight)

    def _known(self) -> list[Span]:
        """What is not to be back-filled: it is there, or on its way, or goes before."""
        return union([*self._there, *self._again, *((sent.first, sent.last) for sent in self._flight)])

    def _standing(self) -> list[Span]:
        """The states left to back-fill: what follows is not understood without them."""
        return union((seq, seq) for seq in self._outbox.standing(self._head))

    def _land(self, durable: list[Span]) -> bool:
        """Take what the platform has off what is under way; whether that was anything."""
        flight: list[_Sent] = []
        overtaken = False
        for sent in reversed(self._flight):
            left = minus([(sent.first, sent.last)], durable)
            for first, last in reversed(left):
                late = overtaken or sent.overtaken or last < sent.last
                flight.append(sent._replace(first=first, last=last, overtaken=late))
            overtaken = overtaken or left != [(sent.first, sent.last)]
        self._flight = flight[::-1]
        return overtaken

    def _adapt(self, durable: list[Span]) -> None:
        """Widen or narrow back-fill by how quickly the platform has what was marked."""
        if self._mark is None or minus([(self._mark[0], self._mark[0])], durable):
            return
        took = _now() - self._mark[1]
        self._mark = None
        if took > _SLOW:
            self._pace = max(self._pace // 2, min(_SLOWEST, self._window))
        elif took < _QUICK:
            self._pace = min(self._pace * 2, self._window)

    def _confirmed(self, entries: list[Entry]) -> Acknowledged:
        """What the platform would say if it had all that the broker has confirmed."""
        floor = self._outbox.floor
        have = union([(floor - 1, floor - 1), *self._there, (entries[0].seq, entries[-1].seq)])
        missing = minus([(have[0][1] + 1, have[-1][1])], have)
        return Acknowledged(self._outbox.epoch, have[0][1], tuple(missing), have[-1][1] if missing else 0)


def _beyond(ack: Acknowledged) -> list[Span]:
    """What the platform has beyond its first gap."""
    if not ack.missing:
        return []
    return minus([(ack.seq + 1, max(ack.top, ack.missing[-1][1] + 1))], ack.missing)


async def _publish(client: Client, entries: list[Entry]) -> None:
    """Publish all, in order; the first failure is raised after every one has ended."""
    publishing = [client.publish_soon(entry.topic, entry.body, retain=entry.retain) for entry in entries]
    for result in await asyncio.gather(*publishing, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _now() -> float:
    return asyncio.get_running_loop().time()
