"""The outbox: every message of the agent on disk first, and there until the platform has it on its own disk.

One stream (agent, epoch, seq). The epoch is the life of the file; seq runs 1, 2, 3, ... and is never used twice in it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.durable import open_durable, transaction
from schema.instant import DAY, Clock
from schema.stream import Acknowledged, Position

log = logging.getLogger(__name__)

_TABLES = (
    """message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, stored INTEGER NOT NULL,
        topic TEXT NOT NULL, retain INTEGER NOT NULL, body BLOB NOT NULL)""",
    "life (epoch TEXT NOT NULL, dropped INTEGER NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept while the platform is away: bytes of payload, microseconds of age; beyond, the oldest goes."""

    size: int = 2_000_000_000
    age: int = 90 * DAY


class Message(NamedTuple):
    """What to publish: `body` is a JSON payload without the position, which is added when it is sent."""

    topic: str
    body: bytes
    retain: bool = False


class Entry(NamedTuple):
    """A stored message, ready to send: its body carries its position with the floor of this moment."""

    seq: int
    topic: str
    body: bytes
    retain: bool


class Outbox:
    """The outbox in the SQLite file `path`; `entropy(n)` gives n random bytes (os.urandom).

    A damaged file is moved aside and a new epoch begun; Stop when another process has it open.
    """

    def __init__(
        self, path: Path, agent: str, clock: Clock, entropy: Callable[[int], bytes], limits: Limits | None = None
    ) -> None:
        self._agent = agent
        self._clock = clock
        self._entropy = entropy
        self._limits = limits or Limits()
        self._db = open_durable(path, _TABLES, clock())
        life = self._db.execute("SELECT epoch, dropped FROM life").fetchone()
        if life is None:
            life = (entropy(8).hex(), 0)
            self._db.execute("INSERT INTO life VALUES (?, ?)", life)
        self.epoch: str = life[0]
        self.dropped: int = life[1]
        self._count()

    @property
    def pending(self) -> int:
        """How many messages are here; they are always the numbers from `floor` to `last`."""
        return self.last - self.floor + 1

    def _count(self) -> None:
        """Read from disk what is otherwise kept in step in memory."""
        first, size = self._db.execute("SELECT MIN(seq), TOTAL(LENGTH(body)) FROM message").fetchone()
        last = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'message'").fetchone()
        self.last: int = last[0] if last else 0
        self.floor: int = self.last + 1 if first is None else first
        self.size = int(size)

    def append(self, messages: Sequence[Message]) -> None:
        """Store messages in order; on disk when this returns, all or none. RetryLater when the disk takes no more."""
        if not messages:
            return
        now = self._clock()
        with transaction(self._db):
            self._db.executemany(
                "INSERT INTO message (stored, topic, retain, body) VALUES (?, ?, ?, ?)",
                [(now, message.topic, message.retain, message.body) for message in messages],
            )
            grown = self.size + sum(len(message.body) for message in messages)
            floor, freed = self._beyond(grown - self._limits.size, now - self._limits.age)
            dropped = floor - self.floor
            if dropped:
                self._db.execute("DELETE FROM message WHERE seq < ?", (floor,))
                self._db.execute("UPDATE life SET dropped = dropped + ?", (dropped,))
        self.last += len(messages)
        self.size = grown - freed
        if dropped:
            self.floor = floor
            self.dropped += dropped
            log.warning("outbox over its limit: the %d oldest messages dropped, %d so far", dropped, self.dropped)

    def unsent(self, after: int, limit: int) -> list[Entry]:
        """The messages above sequence number `after`, in order."""
        return self.between(after + 1, self.last, limit)

    def between(self, first: int, last: int, limit: int) -> list[Entry]:
        """The messages in [first, last] that are still here, in order."""
        rows = self._db.execute(
            "SELECT seq, topic, body, retain FROM message WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
            (first, last, limit),
        )
        return [Entry(seq, topic, self._placed(body, seq), bool(retain)) for seq, topic, body, retain in rows]

    def acknowledge(self, ack: Acknowledged) -> int:
        """Delete what the platform has on disk and say how many; another epoch's word changes nothing."""
        if ack.epoch != self.epoch:
            return 0
        if ack.seq > self.last:
            self._renew()
            return 0
        if ack.seq < self.floor:
            return 0
        deleted = ack.seq + 1 - self.floor
        with transaction(self._db):
            (freed,) = self._db.execute("SELECT SUM(LENGTH(body)) FROM message WHERE seq <= ?", (ack.seq,)).fetchone()
            self._db.execute("DELETE FROM message WHERE seq <= ?", (ack.seq,))
        self.floor = ack.seq + 1
        self.size -= freed
        return deleted

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _beyond(self, surplus: int, oldest: int) -> tuple[int, int]:
        """The floor that frees `surplus` bytes and leaves nothing from before `oldest`, and the bytes it frees."""
        floor, freed = self.floor, 0
        for seq, stored, size in self._db.execute("SELECT seq, stored, LENGTH(body) FROM message ORDER BY seq"):
            if freed >= surplus and stored >= oldest:
                break
            floor, freed = seq + 1, freed + size
        return floor, freed

    def _renew(self) -> None:
        """Begin a new epoch, numbering what is here from 1."""
        log.critical(
            "the platform knows more of epoch %s than this outbox: restored from a copy? New epoch", self.epoch
        )
        epoch = self._entropy(8).hex()
        with transaction(self._db):
            rows = self._db.execute("SELECT stored, topic, retain, body FROM message ORDER BY seq").fetchall()
            self._db.execute("DELETE FROM message")
            self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'message'")
            self._db.executemany("INSERT INTO message (stored, topic, retain, body) VALUES (?, ?, ?, ?)", rows)
            self._db.execute("UPDATE life SET epoch = ?", (epoch,))
        self.epoch = epoch
        self._count()

    def _placed(self, body: bytes, seq: int) -> bytes:
        """The body with its position as first labels of its first object: a pack's first record, or the message."""
        labels = msgspec.json.encode(Position(self._agent, self.epoch, seq, self.floor))
        head, brace, rest = body.partition(b"{")
        return b"".join((head, labels[:-1], b"," if brace else b"}", rest))
