"""The outbox: every message of the agent on disk first, and there until the platform has it on its own disk.

A retained message says what stands now, so all that wait of one topic say the newest: they may leave in any order.
One stream (agent, epoch, seq). The epoch is the life of the file; seq runs 1, 2, 3, ... and is never used twice in it.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from bus import senml_cbor
from edge.durable import open_durable, room, transaction
from schema.errors import RetryLater
from schema.instant import DAY, Clock, running
from schema.stream import Acknowledged, Position, new_epoch

log = logging.getLogger(__name__)

_TABLES = (
    """message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, stored INTEGER NOT NULL,
        topic TEXT NOT NULL, retain INTEGER NOT NULL, body BLOB NOT NULL, crc INTEGER)""",
    "life (epoch TEXT NOT NULL, dropped INTEGER NOT NULL)",
    "age (waited INTEGER PRIMARY KEY, seq INTEGER NOT NULL)",
)
_RESERVE = 16_000_000
"""Bytes of the disk that are left alone: on a full one even what is acknowledged could not be deleted."""
_OVERHEAD, _SLACK = 1.5, 200_000
_INSERT = "INSERT INTO message (stored, topic, retain, body, crc) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept while the platform is away: bytes of payload, microseconds of age; beyond, the oldest goes.

    Age is the time that agents ran since: what is there must not go because a wall clock leapt.
    """

    size: int = 2_000_000_000
    age: int = 90 * DAY

    @property
    def step(self) -> int:
        """How often it is noted how old what is there has become."""
        return max(self.age // 1000, 1)


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
    """The outbox in the SQLite file `path`; `entropy(n)` gives n random bytes (os.urandom), `steady` never leaps.

    A damaged file is moved aside and a new epoch begun with what can still be read of it; Stop when another process has
    it open.
    """

    def __init__(
        self,
        path: Path,
        agent: str,
        clock: Clock,
        entropy: Callable[[int], bytes],
        limits: Limits | None = None,
        steady: Clock = running,
    ) -> None:
        self._path = path
        self._agent = agent
        self._clock = clock
        self._steady = steady
        self._entropy = entropy
        self._limits = limits or Limits()
        self._db = open_durable(path, _TABLES, clock(), _check, _rescue)
        self._db.execute("CREATE INDEX IF NOT EXISTS standing ON message (topic) WHERE retain")
        life = self._db.execute("SELECT epoch, dropped FROM life").fetchone()
        if life is None:
            life = (new_epoch(clock(), entropy(8)), 0)
            self._db.execute("INSERT INTO life VALUES (?, ?)", life)
        self.epoch: str = life[0]
        self.dropped: int = life[1]
        self._loud = self.dropped + 1
        self._noted: int = self._db.execute("SELECT IFNULL(MAX(waited), 0) FROM age").fetchone()[0]
        self._began = steady() - self._noted
        self._appended = self._noted
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
        now, waited = self._clock(), self._steady() - self._began
        added = sum(len(message.body) for message in messages)
        free, within = room(self._db, self._path)
        if free < _RESERVE and within < _OVERHEAD * added + _SLACK:
            raise RetryLater(f"disk: only {free / 1e6:.1f} MB are free; make room on it", after=10)
        with transaction(self._db):
            grown = self.size + added
            for message in messages:
                if message.retain:
                    grown += self._restate(message)
            rows = [(now, one.topic, one.retain, one.body, _crc(one.topic, one.body)) for one in messages]
            self._db.executemany(_INSERT, rows)
            noted = self._note(waited)
            floor, freed = self._beyond(grown - self._limits.size, self._aged(waited))
            dropped = floor - self.floor
            if dropped:
                self._db.execute("DELETE FROM message WHERE seq < ?", (floor,))
                self._db.execute("UPDATE life SET dropped = dropped + ?", (dropped,))
        self._noted, self._appended = noted, waited
        self.last += len(messages)
        self.size = grown - freed
        if dropped:
            self.floor = floor
            self.dropped += dropped
            if self.dropped >= self._loud:
                log.warning("outbox over its limit: its oldest messages are dropped, %d so far", self.dropped)
                self._loud = 2 * self.dropped

    def unsent(self, after: int, limit: int) -> list[Entry]:
        """The messages above sequence number `after`, in order."""
        return self.between(after + 1, self.last, limit)

    def stored(self, seq: int) -> int | None:
        """When a message was stored; None where it is not here."""
        row = self._db.execute("SELECT stored FROM message WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else int(row[0])

    def since(self, instant: int) -> int:
        """The first number of the newest messages, those stored at `instant` and later."""
        query = "SELECT seq FROM message WHERE stored < ? ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(query, (instant,)).fetchone()
        return self.floor if row is None else int(row[0]) + 1

    def standing(self, last: int) -> list[int]:
        """The retained messages up to number `last`, in order."""
        return [seq for (seq,) in self._db.execute("SELECT seq FROM message WHERE retain AND seq <= ?", (last,))]

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
        if max(ack.seq, ack.top) > self.last:
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

    def _note(self, waited: int) -> int:
        """Note once in a while how long what is here has been here, and how long we wait; when that was noted last."""
        if waited - self._noted < self._limits.step:
            return self._noted
        notes = [(self._appended, self.last), (waited, self.last)]
        self._db.executemany("INSERT OR REPLACE INTO age VALUES (?, ?)", notes)
        # One of those that are old enough is kept: the newest, which says what they all do.
        old = "SELECT MAX(waited) FROM age WHERE waited < ?"
        self._db.execute(f"DELETE FROM age WHERE waited < ({old})", (waited - self._limits.age,))  # noqa: S608
        return waited

    def _aged(self, waited: int) -> int:
        """The last number that has been here longer than the limit."""
        query = "SELECT seq FROM age WHERE waited < ? ORDER BY waited DESC LIMIT 1"
        row = self._db.execute(query, (waited - self._limits.age,)).fetchone()
        return 0 if row is None else int(row[0])

    def _beyond(self, surplus: int, aged: int) -> tuple[int, int]:
        """The floor that frees `surplus` bytes and leaves nothing up to number `aged`, and the bytes it frees."""
        floor, freed = self.floor, 0
        for seq, size in self._db.execute("SELECT seq, LENGTH(body) FROM message ORDER BY seq"):
            if freed >= surplus and seq > aged:
                break
            floor, freed = seq + 1, freed + size
        return floor, freed

    def _restate(self, message: Message) -> int:
        """Let what waits of a retained topic say this; the bytes it grows by."""
        where = (message.topic,)
        count, size = self._db.execute(
            "SELECT COUNT(*), TOTAL(LENGTH(body)) FROM message WHERE retain AND topic = ?", where
        ).fetchone()
        if count:
            told = (message.body, _crc(message.topic, message.body), *where)
            self._db.execute("UPDATE message SET body = ?, crc = ? WHERE retain AND topic = ?", told)
        return int(count) * len(message.body) - int(size)

    def _renew(self) -> None:
        """Begin a new epoch, numbering what is here from 1."""
        log.critical(
            "the platform knows more of epoch %s than this outbox: restored from a copy? New epoch", self.epoch
        )
        epoch = new_epoch(self._clock(), self._entropy(8))
        with transaction(self._db):
            self._db.execute("CREATE TEMP TABLE kept AS SELECT * FROM message")
            self._db.execute("DELETE FROM message")
            self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'message'")
            self._db.execute("UPDATE age SET seq = 0")
            _take(self._db, "kept")
            self._db.execute("UPDATE life SET epoch = ?", (epoch,))
        self.epoch = epoch
        self._count()

    def _placed(self, body: bytes, seq: int) -> bytes:
        """The body with its position as first labels of its first object: a pack's first record, or the message."""
        position = Position(self._agent, self.epoch, seq, self.floor)
        if senml_cbor.placeable(body):
            return senml_cbor.place(body, position)
        labels = msgspec.json.encode(position)
        head, brace, rest = body.partition(b"{")
        return b"".join((head, labels[:-1], b"," if brace else b"}", rest))


def _crc(topic: str, body: bytes) -> int:
    return crc32(body, crc32(topic.encode()))


def _check(db: sqlite3.Connection) -> None:
    """DatabaseError for a message that is not as it was stored, or is not there; older files get their checksums."""
    db.create_function("crc32", 2, _crc, deterministic=True)
    if not db.execute("SELECT 1 FROM pragma_table_info('message') WHERE name = 'crc'").fetchone():
        db.execute("ALTER TABLE message ADD COLUMN crc INTEGER")
        db.execute("UPDATE message SET crc = crc32(topic, body)")
    count, span, bad = db.execute(
        "SELECT COUNT(*), MAX(seq) - MIN(seq) + 1, TOTAL(crc IS NOT crc32(topic, body)) FROM message"
    ).fetchone()
    if bad or (count and count != span):
        raise sqlite3.DatabaseError(f"of {span} messages {span - count} are missing and {int(bad)} are changed")


def _rescue(damaged: sqlite3.Connection, fresh: sqlite3.Connection) -> None:
    """Take what is whole in a damaged outbox, read from both of its ends towards the damage."""
    fresh.execute("CREATE TEMP TABLE rescued AS SELECT * FROM message")
    for way in ("ASC", "DESC"):
        with suppress(sqlite3.DatabaseError, OverflowError):
            query = f"SELECT seq, stored, topic, retain, body, crc FROM message ORDER BY seq {way}"  # noqa: S608
            for row in damaged.execute(query):
                _, _, topic, _, body, crc = row
                if isinstance(topic, str) and isinstance(body, bytes) and crc == _crc(topic, body):
                    fresh.execute("INSERT INTO rescued VALUES (?, ?, ?, ?, ?, ?)", row)
    with transaction(fresh):
        fresh.execute("DELETE FROM rescued WHERE rowid NOT IN (SELECT MIN(rowid) FROM rescued GROUP BY seq)")
        taken = _take(fresh, "rescued")
    log.critical("%d messages of the damaged outbox can still be read and are kept", taken)


def _take(db: sqlite3.Connection, table: str) -> int:
    """Move the messages of a temporary table into the stream, numbered anew in their order; how many."""
    moved = db.execute(
        f"INSERT INTO message (stored, topic, retain, body, crc) SELECT stored, topic, retain, body, crc FROM {table} "  # noqa: S608
        "ORDER BY seq"
    ).rowcount
    db.execute(f"DROP TABLE {table}")
    return moved
