"""The quick way of readings: plain packs on topics that are known, straight into columns.

What the careful way has once accepted of a topic is remembered: its base name, and the slot of each point in each unit.
A message in which anything else stands is left to the careful way, so that the two cannot differ.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from bus import packs
from bus.payload import position
from devices import kinds
from ingest.catalog import Catalog
from ingest.turn import Rows, Turn
from schema.quantity import UNITS

# What is decoded stays in the processor's cache until it is in columns: twice as fast as a whole turn at once.
_BYTES = 50_000
_MESSAGES = 256


class Quick:
    """What is remembered of topics, and the columns made by it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._version = catalog.version
        names = {point.name for kind in kinds().values() for point in kind.points}
        self._reader = packs.Reader(names, UNITS)
        self._bases: dict[str, str] = {}
        self._sites: dict[str, str] = {}
        self._rows: dict[str, int] = {}
        self._columns = np.full(self._reader.words, -1, np.int64)
        self._slots = np.full((1, 1), -1, np.int64)

    def knows(self, paths: Sequence[str]) -> bool:
        """Whether all these topics are known to bring readings."""
        return self._bases.keys() >= set(paths)

    def learn(self, path: str, base: str, point: str, unit: str | None, slot: int) -> None:
        """A reading was accepted."""
        self._current()
        self._bases[path] = base
        self._sites[path] = base.partition("/")[0]
        row, word = self._rows.setdefault(path, len(self._rows)), self._reader.word(point, unit)
        if word is None:
            self._grow(row, 0)
            return
        if self._columns[word] < 0:
            self._columns[word] = self._columns.max() + 1
        self._grow(row, int(self._columns[word]))
        self._slots[row, self._columns[word]] = slot

    def _grow(self, row: int, column: int) -> None:
        """Make room in the table of slots, by doubling."""
        more = [size if at < size else 2 * at for at, size in zip((row, column), self._slots.shape, strict=True)]
        if tuple(more) != self._slots.shape:
            grown = np.full(more, -1, np.int64)
            grown[: self._slots.shape[0], : self._slots.shape[1]] = self._slots
            self._slots = grown

    def take(self, turn: Turn, first: int, payloads: Sequence[bytes]) -> Iterator[int]:
        """Take in the messages that begin at `first` of the turn; the others, piece by piece, are for the careful way.

        What that learns from one piece is known for the next.
        """
        size = max(1, sum(map(len, payloads)) // max(1, len(payloads)))
        step = max(1, min(_MESSAGES, _BYTES // size))
        for begin in range(0, len(payloads), step):
            self._current()
            yield from self._some(turn, first + begin, payloads[begin : begin + step])

    def _current(self) -> None:
        if self._version != self._catalog.version:
            self._version = self._catalog.version
            self._bases.clear()
            self._sites.clear()
            self._rows.clear()
            self._columns[:] = -1
            self._slots = np.full((1, 1), -1, np.int64)

    def _some(self, turn: Turn, first: int, payloads: Sequence[bytes]) -> list[int]:
        paths = turn.paths[first : first + len(payloads)]
        known = [at for at, path in enumerate(paths) if path in self._bases]
        left: list[int] = []
        if len(known) < len(paths):
            left = [first + at for at, path in enumerate(paths) if path not in self._bases]
            paths, payloads = [paths[at] for at in known], [payloads[at] for at in known]
        found = self._reader.decode(payloads)
        bases = [self._bases[path] for path in paths]
        row = np.fromiter(map(self._rows.__getitem__, paths), np.int64, len(paths))
        column = self._columns[found.word]
        slot = np.where(column < 0, -1, self._slots[row[found.message], column])
        plain = found.plain
        if found.bases != bases:
            plain &= np.array([told == base for told, base in zip(found.bases, bases, strict=True)], np.bool_)
        plain[found.message[slot < 0]] = False
        rows = Rows(slot, found.times, found.values, first + np.array(known, np.int64)[found.message])
        if not plain.all():
            left += [first + known[at] for at in np.flatnonzero(~plain).tolist()]
            rows = rows.take(plain[found.message])
        turn.rows.append(rows)
        self._place(turn, paths, found, plain.tolist())
        return sorted(left)

    def _place(self, turn: Turn, paths: Sequence[str], found: packs.Packs, plain: list[bool]) -> None:
        """Note the place in its stream of every message that tells one."""
        streams = zip(map(self._sites.__getitem__, paths), found.agents, found.epochs, strict=True)
        for stream, seq, floor, good in zip(streams, found.seqs, found.floors, plain, strict=True):
            if good and stream[1]:
                if stream in turn.streams and 1 <= floor <= seq < 1 << 63:
                    turn.streams[stream].add(seq, floor)
                elif (told := position(stream[1], stream[2], seq, floor)) is not None:
                    turn.place(stream[0], told)
