"""What the messages of one turn come to: rows of readings as columns, everything else is rare."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bus.topics import Topic
from schema.batch import Batch
from schema.stream import Position
from store.registry.deadletters import Parked
from store.registry.events import StoredEvent
from store.registry.places import Device
from store.registry.progress import Received


class Rows(NamedTuple):
    """Readings: slots of the catalog, times in us UTC, values as sent, the message of the turn each is of, and rank."""

    slot: NDArray[np.int64]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    message: NDArray[np.int64]
    rank: NDArray[np.int64]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Rows":
        """The chosen rows, indices or mask."""
        slot, time, value, message, rank = self
        return Rows(slot[rows], time[rows], value[rows], message[rows], rank[rows])


@dataclass(slots=True)
class Turn:
    """The messages' topics and payloads, and what they come to: taking fills it, writing adds what the store says.

    Of foreign messages: letters to take in `again` (topics that begin so, for reasons), messages that are `historical`,
    and which rows of the batch are `live` (None: all). Of values that gave way to new ones `replaced` tells the old.
    """

    now: int
    paths: list[str]
    payloads: list[bytes]
    rows: list[Rows] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    births: list[Device] = field(default_factory=list)
    deaths: list[Topic] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    streams: dict[tuple[str, str, str], Received] = field(default_factory=dict)
    batch: Batch = field(default_factory=Batch.empty)
    replaced: Batch = field(default_factory=Batch.empty)
    foreign: bool = False
    again: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    historical: list[int] = field(default_factory=list)
    live: NDArray[np.bool_] | None = None

    def place(self, site: str, position: Position) -> None:
        """Note where a message stands in its agent's stream."""
        self.stream(site, position.agent, position.epoch).add(position.seq, position.floor)

    def stream(self, site: str, agent: str, epoch: str) -> Received:
        """What came of one stream."""
        return self.streams.setdefault((site, agent, epoch), Received())

    def all_rows(self) -> Rows:
        """The rows in the order of the messages."""
        if not self.rows:
            none = np.zeros(0, np.int64)
            return Rows(none, none, np.zeros(0), none, none)
        if len(self.rows) == 1:
            return self.rows[0]
        rows = Rows(*map(np.concatenate, zip(*self.rows, strict=True)))
        if (rows.message[1:] >= rows.message[:-1]).all():
            return rows
        return rows.take(np.argsort(rows.message, kind="stable"))
