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
    """Readings: slots of the catalog, times in us UTC, values as sent, and the message of the turn each came in."""

    slot: NDArray[np.int64]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    message: NDArray[np.int64]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Rows":
        """The chosen rows, indices or mask."""
        return Rows(self.slot[rows], self.time[rows], self.value[rows], self.message[rows])


@dataclass(slots=True)
class Turn:
    """The messages' topics, and what they come to. `take` fills it, `commit` only reads it.

    Of foreign messages: letters to take in `again` (topics that begin so, for reasons), messages that are `historical`,
    and which rows of the batch are `live` (None: all).
    """

    now: int
    paths: list[str]
    rows: list[Rows] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    births: list[Device] = field(default_factory=list)
    deaths: list[Topic] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    streams: dict[tuple[str, str, str], Received] = field(default_factory=dict)
    batch: Batch = field(default_factory=Batch.empty)
    foreign: bool = False
    again: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    historical: list[int] = field(default_factory=list)
    live: NDArray[np.bool_] | None = None

    def place(self, site: str, position: Position) -> None:
        """Note where a message stands in its agent's stream."""
        self.streams.setdefault((site, position.agent, position.epoch), Received()).add(position.seq, position.floor)

    def all_rows(self) -> Rows:
        """The rows in the order of the messages."""
        if not self.rows:
            none = np.zeros(0, np.int64)
            return Rows(none, none, np.zeros(0), none)
        slots, times, values, messages = zip(*self.rows, strict=True)
        rows = Rows(np.concatenate(slots), np.concatenate(times), np.concatenate(values), np.concatenate(messages))
        if (rows.message[1:] >= rows.message[:-1]).all():
            return rows
        return rows.take(np.argsort(rows.message, kind="stable"))
