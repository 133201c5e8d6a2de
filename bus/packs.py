"""Many SenML packs at once, as columns: the quick way for packs as our agents make them (see bus.senml for all others).

Plain is a pack whose first record alone sets a base, of name and time, and whose records are numbers with a name.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bus.payload import MAX_PAYLOAD
from bus.senml import LATEST, RELATIVE


class Packs(NamedTuple):
    """Plain packs; a message that is none has no rows and an empty base.

    By message: `plain`, `counts` of readings, `bases`, and the labels of its place in the stream. By reading: the rest,
    `message` being the index of the message it came in, `word` what `Reader.word` makes of its name and unit, times in
    us UTC.
    """

    plain: NDArray[np.bool_]
    counts: NDArray[np.int64]
    bases: list[str]
    agents: list[str]
    epochs: list[str]
    seqs: list[int]
    floors: list[int]
    message: NDArray[np.int64]
    word: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]


_HORIZON = 1e12


class Reader:
    """Reads plain packs that say nothing but these names and units: words that are known cost no memory and no hash."""

    def __init__(self, names: Iterable[str], units: Iterable[str]) -> None:
        spoken = tuple(sorted(names)), tuple(sorted(units))
        name, unit = Literal[spoken[0]], Literal[spoken[1]]
        # In the order they are written: a decoder looks for the next label where it left off.
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
            ("n", name),
            ("u", unit | None, None),
            ("v", float),
            ("t", float, 0.0),
            ("bn", str, ""),
            ("bt", float, 0.0),
            ("agent", str, ""),
            ("epoch", str, ""),
            ("seq", int, 0),
            ("floor", int, 1),
        ]
        record = msgspec.defstruct("Record", fields, gc=False, kw_only=True, forbid_unknown_fields=True)
        self._blank: Any = record(n="", v=0.0)
        self._decode = msgspec.json.Decoder(list[record]).decode  # type: ignore[valid-type]
        self._units: dict[str | None, int] = {unit: code for code, unit in enumerate((None, *spoken[1]))}
        self._names = {name: code * len(self._units) for code, name in enumerate(spoken[0])}
        self.words = len(self._names) * len(self._units)

    def word(self, name: str, unit: str | None) -> int | None:
        """The number in [0, words) of a name and unit; None for one that it does not read."""
        if name not in self._names or unit not in self._units:
            return None
        return self._names[name] + self._units[unit]

    def decode(self, payloads: Sequence[bytes]) -> Packs:
        """The columns of all that is plain; nothing is raised."""
        return self._columns(payloads, self._packs(payloads))

    def _packs(self, payloads: Sequence[bytes]) -> list[list[Any]]:
        if max(map(len, payloads), default=0) <= MAX_PAYLOAD:
            try:
                return list(map(self._decode, payloads))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
        return [self._pack(payload) for payload in payloads]

    def _pack(self, payload: bytes) -> list[Any]:
        try:
            return self._decode(payload) if len(payload) <= MAX_PAYLOAD else []
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return []

    def _columns(self, payloads: Sequence[bytes], packs: list[list[Any]]) -> Packs:
        records = list(chain.from_iterable(packs))
        firsts = [pack[0] if pack else self._blank for pack in packs]
        counts = np.fromiter(map(len, packs), np.int64, len(packs))
        message = np.repeat(np.arange(len(packs)), counts)
        base = np.array([first.bt for first in firsts], np.float64)
        delta = np.array([record.t for record in records], np.float64)
        plain = (counts > 0) & (np.abs(base) < _HORIZON)
        if len(records) > len(packs):
            plain[_rebased(payloads, packs, firsts)] = False
        near = np.abs(delta) < _HORIZON
        times = np.rint(np.where(plain, base, 0.0) * 1e6).astype(np.int64)[message]
        times += np.rint(np.where(near, delta, 0.0) * 1e6).astype(np.int64)
        plain[message[~near | (times < RELATIVE) | (times >= LATEST)]] = False
        values = np.array([record.v for record in records], np.float64)
        if not plain.all():
            kept = plain[message]
            packs = [pack if whole else [] for pack, whole in zip(packs, plain.tolist(), strict=True)]
            records = list(chain.from_iterable(packs))
            counts[~plain] = 0
            message, times, values = message[kept], times[kept], values[kept]
        return Packs(
            plain,
            counts,
            [first.bn for first in firsts],
            [first.agent for first in firsts],
            [first.epoch for first in firsts],
            [first.seq for first in firsts],
            [first.floor for first in firsts],
            message,
            self._words(records),
            times,
            values,
        )

    def _words(self, records: list[Any]) -> NDArray[np.int64]:
        names = map(self._names.__getitem__, [record.n for record in records])
        units = map(self._units.__getitem__, [record.u for record in records])
        return np.fromiter(names, np.int64, len(records)) + np.fromiter(units, np.int64, len(records))


def _rebased(payloads: Sequence[bytes], packs: list[list[Any]], firsts: list[Any]) -> list[int]:
    """The messages in which a later record sets a base too."""
    # Counting in the text costs a tenth of looking at every record: `"bn`, `"bt` in each pack, and maybe its base.
    text = b"".join(payloads)
    expected = 2 * len(packs) + sum(first.bn.startswith("b") for first in firsts)
    if all(first.bn and first.bt for first in firsts) and text.count(b'"b') == expected and b"\\" not in text:
        return []
    return [at for at, pack in enumerate(packs) if any(record.bn or record.bt for record in pack[1:])]
