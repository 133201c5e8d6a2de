"""The quick way of readings: plain packs on topics that are known, straight into columns.

What the careful way has once accepted of a topic is remembered: its base name, the slot of each point in each unit, and
the streams that were heard. A message in which anything else stands is left to the careful way, so that the two cannot
differ.
"""

import atexit
import gc
import logging
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from ingest.catalog import Catalog
from ingest.turn import Rows, Turn
from schema.stream import Position

if TYPE_CHECKING:
    from ingest.known import Known

log = logging.getLogger(__name__)

MANY, LARGE = 256, 64 << 10
"""So many messages or bytes at once are worth the compiler, which takes 120 MB, and some seconds at the very first."""


class Quick:
    """What is remembered of topics, and the columns made by it; until a turn is large all go the careful way."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._version = catalog.version
        self._paths: set[str] = set()
        self._known: Known | None = None
        self._taught: set[str] = set()

    def knows(self, paths: Sequence[str]) -> bool:
        """Whether all these topics are known to bring readings."""
        return self._paths >= set(paths)

    def learn(self, path: str, base: str, point: str, unit: str | None, slot: int) -> None:
        """A reading was accepted."""
        self._current()
        self._paths.add(path)
        if self._known is not None and self._known.learn(path, base, point, unit, slot):
            self._taught.add(path)

    def hear(self, path: str, place: Position) -> None:
        """A message said where it stands in its stream."""
        if self._known is not None and self._known.hear(place):
            self._taught.add(path)

    def take(self, turn: Turn, first: int, payloads: Sequence[bytes]) -> Iterator[int]:
        """Take in the messages that begin at `first` of the turn; the others, one by one, are for the careful way.

        What that learns from one of them is known for the next of its topic.
        """
        if self._known is None and len(payloads) < MANY and sum(map(len, payloads)) < LARGE:
            yield from range(first, first + len(payloads))
            return
        places: Sequence[int] = range(first, first + len(payloads))
        while places:
            left, again = self._some(turn, places, payloads), []
            self._taught.clear()
            for at in left:
                if turn.paths[places[at]] in self._taught:
                    again.append(at)
                else:
                    yield places[at]
            places, payloads = [places[at] for at in again], [payloads[at] for at in again]

    def _some(self, turn: Turn, places: Sequence[int], payloads: Sequence[bytes]) -> list[int]:
        """Take in what is plain; which of these messages are not."""
        self._current()
        if self._known is None:
            self._known = _first()
        elif self._known.full:
            self._known = _nothing()
        found = self._known.read([turn.paths[at] for at in places], payloads)
        message = np.array(places, np.int64)[found.message]
        turn.rows.append(Rows(found.slot, found.times, found.values, message, found.rank))
        for one in found.streams:
            turn.stream(one.site, one.agent, one.epoch).extend(one.seqs, one.floor)
        left: list[int] = np.flatnonzero(~found.plain).tolist()
        return left

    def _current(self) -> None:
        if self._version != self._catalog.version:
            self._version = self._catalog.version
            self._paths.clear()
            if self._known is not None:
                self._known = _nothing()


def _nothing() -> "Known":
    from ingest.known import Known  # noqa: PLC0415 - small sites and tests do not pay for the compiler

    return Known()


def _first() -> "Known":
    begin = monotonic()
    known = _nothing()
    log.info("the quick way of readings is there, compiled in %.1f s", monotonic() - begin)
    # The compiler has so many objects that the collector's going through them would cost as much as decoding.
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)
    return known
