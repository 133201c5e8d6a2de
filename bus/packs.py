"""Many SenML packs at once, as columns: the quick way for packs as our agents make them (see bus.senml for all others).

Plain is a pack whose first record alone sets a base, of name and time, whose records are numbers with a name, and whose
words are all known; its text is plain as bus.plain has it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bus.decimal_float import doubles
from bus.lexicon import Lexicon
from bus.payload import MAX_PAYLOAD
from bus.plain import AGENT, BN, BT, BT_SCALE, CELLS, EPOCH, FLOOR, SEQ, T_SCALE, V_SCALE, N, T, U, V, scan
from bus.senml import LATEST, RELATIVE


class Packs(NamedTuple):
    """Plain packs; a message that is none has no rows.

    By message: `plain`, and the labels of its place in the stream, of words their codes (0: not told). By reading:
    `message` being the index of the message it came in, `word` what `Reader.word` makes of its name and unit, times in
    us UTC.
    """

    plain: NDArray[np.bool_]
    agent: NDArray[np.int64]
    epoch: NDArray[np.int64]
    seq: NDArray[np.int64]
    floor: NDArray[np.int64]
    message: NDArray[np.int64]
    word: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]


_HORIZON = 1e12
_SHORTEST = len('{"n":"","v":0}')


class Reader:
    """Reads plain packs of these names and units; bases, agents and epochs are to be made known."""

    def __init__(self, names: Iterable[str], units: Iterable[str]) -> None:
        self._lexicon = Lexicon()
        self._names, self._units = frozenset(names), frozenset(units)
        for word in sorted(self._names | self._units):
            self._lexicon.code(word)
        self._spoken = len(self._lexicon.words)
        self.words = self._spoken * self._spoken

    def __len__(self) -> int:
        return len(self._lexicon.words)

    def word(self, name: str, unit: str | None) -> int | None:
        """The number in [0, words) of a name and unit; None for one that it does not read."""
        if name not in self._names or not (unit is None or unit in self._units):
            return None
        return self._lexicon.code(name) * self._spoken + (0 if unit is None else self._lexicon.code(unit))

    def know(self, word: str) -> int:
        """The code of a base, agent or epoch, which is read from now on."""
        return self._lexicon.code(word)

    def said(self, code: int) -> str:
        """The word of a code; of 0 the empty one."""
        return self._lexicon.words[code]

    def read(self, payloads: Sequence[bytes], bases: NDArray[np.int64]) -> Packs:
        """The columns of all that is plain, and has the base of this code; nothing is raised."""
        text = bytearray(b"\0").join((*payloads, b""))  # one that numpy may write to
        sizes = np.fromiter(map(len, payloads), np.int64, len(payloads))
        starts = np.zeros(len(payloads) + 1, np.int64)
        np.cumsum(sizes + 1, out=starts[1:])
        most = len(text) // _SHORTEST
        plain, message = np.zeros(len(payloads), np.bool_), np.empty(most, np.int64)
        firsts, rows = np.zeros((len(payloads), CELLS), np.int64), np.empty((T_SCALE + 1, most), np.int64)
        begins, letters = self._lexicon.texts()
        heads = self._lexicon.heads
        count = scan(
            np.frombuffer(text, np.uint8),
            starts,
            heads,
            begins,
            letters,
            plain,
            firsts,
            message,
            rows,
            np.zeros(CELLS, np.int64),
        )
        message = message[:count]
        plain &= (firsts[:, BN] == bases) & (sizes <= MAX_PAYLOAD)
        good = np.ones(count, np.bool_)
        values = _doubles(rows[V, :count], rows[V_SCALE, :count], good)
        times = _micros(_doubles(rows[T, :count], rows[T_SCALE, :count], good), good)
        times += _micros(_doubles(firsts[:, BT].copy(), firsts[:, BT_SCALE].copy(), plain), plain)[message]
        good &= (times >= RELATIVE) & (times < LATEST)
        names, units = rows[N, :count], rows[U, :count]
        good &= (names < self._spoken) & (units < self._spoken)
        word = names * self._spoken + units
        if not good.all():
            plain[message[~good]] = False
        if not plain.all():
            kept = plain[message]
            message, word, times, values = message[kept], word[kept], times[kept], values[kept]
        return Packs(
            plain, firsts[:, AGENT], firsts[:, EPOCH], firsts[:, SEQ], firsts[:, FLOOR], message, word, times, values
        )


def _doubles(digits: NDArray[np.int64], scale: NDArray[np.int64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    values = np.empty(len(digits))
    doubles(digits, scale, values, good)
    return values


def _micros(seconds: NDArray[np.float64], good: NDArray[np.bool_]) -> NDArray[np.int64]:
    """To whole us, as `round` has it; 0 for what is beyond all bounds, and not good."""
    near = np.abs(seconds) < _HORIZON
    good &= near
    return np.rint(np.where(near, seconds, 0.0) * 1e6).astype(np.int64)
