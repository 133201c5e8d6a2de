"""Dialects: what foreign devices say on topics of their own, retold as messages of native places."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sqlalchemy.orm import Session

from bus.messages import Birth, Death
from bus.senml import Pack
from bus.topics import Topic


class Told(NamedTuple):
    """A message as if it had come on `topic`; readings that are `historical` are stored and not shown as live.

    Of readings of one instant those of the highest `rank` count: it is the instant of publication where one is told.
    """

    topic: Topic
    message: Pack | Birth | Death
    historical: bool = False
    rank: int = 0


@dataclass(slots=True)
class Columns:
    """Readings of one device as they are found."""

    points: list[str] = field(default_factory=list)
    units: list[str | None] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, point: str, unit: str | None, time: int, value: float) -> None:
        """Put in one reading."""
        self.points.append(point)
        self.units.append(unit)
        self.times.append(time)
        self.values.append(value)

    def pack(self) -> Pack:
        """The readings as a pack without a place in any stream."""
        return Pack(None, self.points, self.units, self.times, self.values, [])


class Fault(NamedTuple):
    """Something of a message that cannot be accepted; `payload` is what to park, on the message's own topic."""

    reason: str
    detail: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message comes to; `again` are topics (or their beginnings) whose waiting letters may now be read."""

    told: list[Told] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    again: list[str] = field(default_factory=list)


class Reply(NamedTuple):
    """A message to publish in answer; QoS 0, not retained, unless it is a state."""

    topic: str
    payload: bytes
    retain: bool = False


class Dialect(Protocol):
    """One dialect. What it learns in a turn of ingest counts when the turn is on disk (`save`, then `commit`)."""

    @property
    def filters(self) -> Sequence[str]:
        """The topics to subscribe to."""

    @property
    def waiting(self) -> frozenset[str]:
        """Reasons of letters that a later message may do away with."""

    def takes(self, path: str) -> bool:
        """Whether a topic is of this dialect."""

    def read(self, path: str, payload: bytes, now: int, *, again: bool = False) -> Heard:
        """What a message says; `again` marks a letter that waited. Reject where nothing of it can be accepted."""

    def replies(self, now: int) -> list[Reply]:
        """What is to be answered by now; each is told once."""

    def connected(self) -> None:
        """The broker may have forgotten us."""

    def begin(self) -> None:
        """A turn begins: whatever an unfinished one left is forgotten."""

    def save(self, session: Session, now: int) -> None:
        """Write, in the turn's transaction, what a restart must find."""

    def commit(self) -> None:
        """The turn is on disk."""


class Presence(Protocol):
    """Who tells the broker whether we are there."""

    @property
    def state_topic(self) -> str:
        """Where that is told, retained."""

    def state(self, *, online: bool) -> bytes:
        """What is told; offline is our last will."""


class Dialects:
    """All dialects of an ingest; most have none. `presence` is one that has to say whether we are there."""

    def __init__(self, dialects: Sequence[Dialect] = (), presence: Presence | None = None) -> None:
        self._dialects = tuple(dialects)
        self.presence = presence
        self.filters = [text for dialect in dialects for text in dialect.filters]

    def of(self, path: str) -> Dialect | None:
        """The dialect of a topic."""
        return next((dialect for dialect in self._dialects if dialect.takes(path)), None)

    def connected(self) -> None:
        """A new connection to the broker is made."""
        for dialect in self._dialects:
            dialect.connected()

    def begin(self) -> None:
        """A turn begins."""
        for dialect in self._dialects:
            dialect.begin()

    def save(self, session: Session, now: int) -> None:
        """Write what a restart must find."""
        for dialect in self._dialects:
            dialect.save(session, now)

    def commit(self) -> None:
        """The turn is on disk."""
        for dialect in self._dialects:
            dialect.commit()

    def replies(self, now: int) -> list[Reply]:
        """What is to be answered by now."""
        return [reply for dialect in self._dialects for reply in dialect.replies(now)]
