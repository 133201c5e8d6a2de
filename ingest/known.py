"""What the careful way has accepted of each topic, in columns: base, site, and slots of its points by unit."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bus.packs import Packs, Reader
from bus.payload import position
from devices import kinds
from schema.quantity import UNITS
from schema.stream import Position, born

_MOST_WORDS = 1 << 18
_AGENT, _EPOCH = 40, 20
"""Bits that a site and a word are moved by in the number of a stream: a code of a word has fewer than 20."""


class Found(NamedTuple):
    """Readings of plain messages in columns, `message` being the place among all; which messages are plain; streams.

    A reading has the rank of its message, 0 for one without a place.
    """

    plain: NDArray[np.bool_]
    slot: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    message: NDArray[np.int64]
    rank: NDArray[np.int64]
    streams: list["Heard"]


class Heard(NamedTuple):
    """What was heard of one stream: messages, their sequence numbers, and the highest floor."""

    site: str
    agent: str
    epoch: str
    messages: NDArray[np.int64]
    seqs: NDArray[np.int64]
    floor: int


class Known:
    """Rows are topics, columns are words (points in units) that any of them has used."""

    def __init__(self) -> None:
        names = {point.name for kind in kinds().values() for point in kind.points}
        self._reader = Reader(names, UNITS)
        self._rows: dict[str, int] = {}
        self._sites: list[str] = []
        self._site_codes: dict[str, int] = {}
        self._of_row: NDArray[np.int64] = np.zeros((1, 2), np.int64)
        self._columns = np.full(self._reader.words, -1, np.int64)
        self._slots = np.full((1, 1), -1, np.int64)

    @property
    def full(self) -> bool:
        """Whether it is time to begin anew."""
        return len(self._reader) > _MOST_WORDS

    def learn(self, path: str, base: str, point: str, unit: str | None, slot: int) -> bool:
        """A reading was accepted; whether that says anything new."""
        word = self._reader.word(point, unit)
        if word is None:
            return False
        row = self._rows.setdefault(path, len(self._rows))
        if self._columns[word] < 0:
            self._columns[word] = self._columns.max() + 1
        column = int(self._columns[word])
        self._slots = _grown(self._slots, row, column)
        if self._slots[row, column] == slot:
            return False
        self._slots[row, column] = slot
        self._of_row = _grown(self._of_row, row, 1)
        self._of_row[row] = self._reader.know(base), self._site(base.partition("/")[0])
        return True

    def hear(self, place: Position) -> bool:
        """A message said where it stands in its stream; whether that says anything new."""
        before = len(self._reader)
        self._reader.know(place.agent)
        self._reader.know(place.epoch)
        return len(self._reader) > before

    def read(self, paths: Sequence[str], payloads: Sequence[bytes]) -> Found:
        """All that is plain of messages on topics, and has only what is known."""
        rows = np.fromiter(map(self._rows.get, paths, repeat(-1)), np.int64, len(paths))
        base, site = self._of_row[rows].T
        packs = self._reader.read(payloads, np.where(rows < 0, -1, base))
        column = self._columns[packs.word]
        slot = self._slots[rows[packs.message], column]
        slot[column < 0] = -1
        plain, message, times, values = packs.plain, packs.message, packs.times, packs.values
        if (slot < 0).any():
            plain[message[slot < 0]] = False
            kept = plain[message]
            slot, message, times, values = slot[kept], message[kept], times[kept], values[kept]
        rank, streams = np.zeros(len(paths), np.int64), list(self._streams(packs, site))
        for one in streams:
            rank[one.messages] = born(one.epoch) + one.seqs
        return Found(plain, slot, times, values, message, rank[message], streams)

    def _streams(self, packs: Packs, site: NDArray[np.int64]) -> Iterator[Heard]:
        placed = np.flatnonzero(packs.plain & (packs.agent > 0) & (packs.floor >= 1) & (packs.floor <= packs.seq))
        number = site[placed] << _AGENT | packs.agent[placed] << _EPOCH | packs.epoch[placed]
        order = np.argsort(number, kind="stable")
        firsts = np.flatnonzero(np.diff(number[order], prepend=-1))
        for members in np.split(placed[order], firsts[1:]):
            if len(members):
                one = members[0]
                agent, epoch = self._reader.said(packs.agent[one]), self._reader.said(packs.epoch[one])
                if position(agent, epoch, 1, 1) is not None:
                    floor = int(packs.floor[members].max())
                    yield Heard(self._sites[site[one]], agent, epoch, members, packs.seq[members], floor)

    def _site(self, name: str) -> int:
        code = self._site_codes.setdefault(name, len(self._sites))
        if code == len(self._sites):
            self._sites.append(name)
        return code


def _grown(table: NDArray[np.int64], row: int, column: int) -> NDArray[np.int64]:
    """The table with room for a row and a column, by doubling."""
    more = tuple(
        size if at < size else max(2 * size, at + 1) for at, size in zip((row, column), table.shape, strict=True)
    )
    if more == table.shape:
        return table
    grown = np.full(more, -1, np.int64)
    grown[: table.shape[0], : table.shape[1]] = table
    return grown
