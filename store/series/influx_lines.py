"""Line protocol: a batch as lines, one for the points of a device at one instant."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
import orjson
from numpy.typing import NDArray

from schema.batch import Batch
from schema.series import SeriesKey
from store.series.rows import surviving

QUALITY_SUFFIX = ".q"
"""The quality of point `p` is the field `p.q`; without it the value is MEASURED."""

PIECES = 3
"""What is written of a series: the head of a line, `point=`, and `point.q=`."""

# Bytes of the longest instant or quality.
_NUMBER = 20
_IN_NAME = str.maketrans({",": r"\,", " ": r"\ "})
_IN_TAG = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
# InfluxDB keeps nanoseconds in 64 bits.
_TIMES = (-9_223_372_036_854_775, 9_223_372_036_854_775)


@dataclass(frozen=True, slots=True)
class Wording:
    """How the rows of batches under the same keys are written.

    `series` is the number of each key; by that number go the rest: whether line protocol can say the series, the number
    of its device, and where its pieces end (see `assemble`).
    """

    series: NDArray[np.int32]
    sayable: NDArray[np.bool_]
    device: NDArray[np.int32]
    pieces: NDArray[np.uint8]
    ends: NDArray[np.int64]

    def storable(self, batch: Batch) -> NDArray[np.bool_]:
        """Mask of the rows line protocol can say."""
        held = (batch.time >= _TIMES[0]) & (batch.time <= _TIMES[1])
        return np.asarray(np.isfinite(batch.value) & held & self.sayable[self.series][batch.code])

    def in_order(self, batch: Batch, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The rows by device and instant, of equal (series, time) only the last."""
        return rows[surviving(batch.take(rows), self.device[self.series])]

    def lines(self, batch: Batch, marked: NDArray[np.bool_]) -> tuple[bytes, int]:
        """Rows that are in order as lines in us, and how many lines; rows in `marked` say their quality too."""
        if not len(batch):
            return b"", 0
        # A process that only reads does without the compiler: 60 MB.
        from store.series.influx_assembler import assemble  # noqa: PLC0415

        series = self.series[batch.code]
        device = self.device[series]
        first = np.ones(len(batch), np.bool_)
        first[1:] = (device[1:] != device[:-1]) | (batch.time[1:] != batch.time[:-1])
        values = orjson.dumps(batch.value, option=orjson.OPT_SERIALIZE_NUMPY)
        head, point, mark = np.diff(self.ends).reshape(-1, PIECES).T
        room = len(values) + len(batch) + int(point[series].sum())
        room += int((head[series[first]] + 2 + _NUMBER).sum()) + int((mark[series[marked]] + 1 + _NUMBER).sum())
        out = np.empty(room, np.uint8)
        texts = np.frombuffer(values, np.uint8)
        end = assemble(series, batch.time, first, marked, batch.quality, self.pieces, self.ends, texts, out)
        return out[:end].tobytes(), int(first.sum())


class Vocabulary:
    """Remembers how series are written; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[SeriesKey, int] = {}
        self._devices: dict[bytes, int] = {}
        none = np.zeros(0, np.int32)
        self._known = Wording(none, none.astype(bool), none, np.zeros(0, np.uint8), np.zeros(1, np.int64))

    def wording(self, keys: Sequence[SeriesKey]) -> Wording:
        """How series are written, numbered as they first came."""
        with self._lock:
            series = self._series(keys)
            if (series < 0).any():
                self._learn([key for key in dict.fromkeys(keys) if key not in self._numbers])
                series = self._series(keys)
            return replace(self._known, series=series)

    def _series(self, keys: Sequence[SeriesKey]) -> NDArray[np.int32]:
        return np.fromiter(map(self._numbers.get, keys, repeat(-1)), np.int32, len(keys))

    def _learn(self, fresh: list[SeriesKey]) -> None:
        sayable = [_sayable(key) for key in fresh]
        pieces = [piece for key, good in zip(fresh, sayable, strict=True) for piece in _pieces(key, good=good)]
        device = [self._devices.setdefault(head, len(self._devices)) for head in pieces[::PIECES]]
        known = self._known
        self._known = Wording(
            known.series,
            np.append(known.sayable, sayable),
            np.append(known.device, np.array(device, np.int32)),
            np.append(known.pieces, np.frombuffer(b"".join(pieces), np.uint8)),
            np.append(known.ends, known.ends[-1] + np.cumsum([len(piece) for piece in pieces])),
        )
        self._numbers |= {key: number for number, key in enumerate(fresh, len(self._numbers))}


def _sayable(key: SeriesKey) -> bool:
    """Whether line protocol can say this key: it has no escape for a backslash or a line end, and no empty tag."""
    return all(part and part.isprintable() and "\\" not in part for part in key) and not (
        key.kind.startswith("#") or key.point == "time" or key.point.endswith(QUALITY_SUFFIX)
    )


def _pieces(key: SeriesKey, *, good: bool) -> tuple[bytes, bytes, bytes]:
    if not good:
        return b"", b"", b""
    site, building, _, device, point = (part.translate(_IN_TAG) for part in key)
    head = f"{key.kind.translate(_IN_NAME)},building={building},device={device},site={site}"
    return head.encode(), f"{point}=".encode(), f"{point}{QUALITY_SUFFIX}=".encode()
