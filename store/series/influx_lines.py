"""Line protocol: a batch as lines, one for the points of a device at one instant."""

from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from schema.batch import Batch
from schema.series import SeriesKey
from store.series.rows import surviving

QUALITY_SUFFIX = ".q"
"""The quality of point `p` is the field `p.q`; without it the value is MEASURED."""

_IN_NAME = str.maketrans({",": r"\,", " ": r"\ "})
_IN_TAG = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
_encoder = msgspec.json.Encoder()
# InfluxDB keeps nanoseconds in 64 bits.
_TIMES = (-9_223_372_036_854_775, 9_223_372_036_854_775)


@lru_cache(100_000)
def storable(key: SeriesKey) -> bool:
    """Whether line protocol can say this key: it has no escape for a backslash or a line end, and no empty tag."""
    return all(part and part.isprintable() and "\\" not in part for part in key) and not (
        key.kind.startswith("#") or key.point == "time" or key.point.endswith(QUALITY_SUFFIX)
    )


def storable_rows(batch: Batch) -> NDArray[np.bool_]:
    """Mask of the rows line protocol can say."""
    keys = np.array([storable(key) for key in batch.keys], bool)
    held = (batch.time >= _TIMES[0]) & (batch.time <= _TIMES[1])
    return np.asarray(np.isfinite(batch.value) & held & keys[batch.code])


def in_order(batch: Batch, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows by device and instant, of equal (series, time) only the last."""
    places: dict[str, int] = {}
    group = np.array([places.setdefault(_head(key), len(places)) for key in batch.keys], np.int32)
    return rows[surviving(batch.take(rows), group)]


def lines(batch: Batch, marked: NDArray[np.bool_]) -> tuple[bytes, int]:
    """Rows that are in order as lines in us, and how many lines; rows in `marked` say their quality too."""
    if not len(batch):
        return b"", 0
    heads = [_head(key) for key in batch.keys]
    places: dict[str, int] = {}
    device = np.array([places.setdefault(head, len(places)) for head in heads], np.int32)[batch.code]
    joined = (device[1:] == device[:-1]) & (batch.time[1:] == batch.time[:-1])
    points = [key.point.translate(_IN_TAG) for key in batch.keys]
    values = _texts(batch.value.tolist())
    for row in np.flatnonzero(marked).tolist():
        values[row] += f",{points[batch.code[row]]}{QUALITY_SUFFIX}={batch.quality[row]}".encode()
    # One field more of the line before, but where a line begins, after the time of the line before.
    more = [f",{point}=".encode() for point in points]
    begin = [f"\n{head} {point}=".encode() for head, point in zip(heads, points, strict=True)]
    codes = batch.code.tolist()
    firsts = np.append(0, np.flatnonzero(~joined) + 1).tolist()
    times = _texts(batch.time[firsts].tolist())
    pieces = [b""] * (2 * len(batch))
    pieces[0::2] = map(more.__getitem__, codes)
    pieces[1::2] = values
    pieces[0] = begin[codes[0]][1:]
    for row, time in zip(firsts[1:], times, strict=False):
        pieces[2 * row] = b" " + time + begin[codes[row]]
    return b"".join(pieces) + b" " + times[-1], len(firsts)


def _texts(numbers: list[float] | list[int]) -> list[bytes]:
    """Each number as text that reads back as the same number: a JSON encoder is five times as fast as str."""
    return _encoder.encode(numbers)[1:-1].split(b",")


@lru_cache(100_000)
def _head(key: SeriesKey) -> str:
    tags = f"building={key.building.translate(_IN_TAG)},device={key.device.translate(_IN_TAG)}"
    return f"{key.kind.translate(_IN_NAME)},{tags},site={key.site.translate(_IN_TAG)}"
