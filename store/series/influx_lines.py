"""Line protocol: a batch as lines, one for the points of a device at one instant."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from schema.batch import Batch
from schema.series import SeriesKey
from store.series.rows import surviving

QUALITY_SUFFIX = ".q"
"""The quality of point `p` is the field `p.q`; without it the value is MEASURED."""

_IN_NAME = str.maketrans({",": r"\,", " ": r"\ "})
_IN_TAG = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
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


def lines(batch: Batch, marked: NDArray[np.bool_]) -> list[str]:
    """The rows as lines in us, of equal (series, time) only the last; rows in `marked` say their quality too."""
    places: dict[str, int] = {}
    group = np.array([places.setdefault(_head(key), len(places)) for key in batch.keys], np.int32)
    heads = list(places)
    rows = surviving(batch, group)
    device, times = group[batch.code[rows]], batch.time[rows]
    joined = np.append(False, (device[1:] == device[:-1]) & (times[1:] == times[:-1]))
    fields = _fields(batch, rows, marked)
    if not joined.any():
        devices = [heads[place] for place in device.tolist()]
        return [f"{head} {field} {time}" for head, field, time in zip(devices, fields, times.tolist(), strict=True)]
    first = np.flatnonzero(~joined)
    ends = np.append(first[1:], len(rows)).tolist()
    return [
        f"{heads[place]} {','.join(fields[begin:end])} {time}"
        for place, begin, end, time in zip(
            device[first].tolist(), first.tolist(), ends, times[first].tolist(), strict=True
        )
    ]


@lru_cache(100_000)
def _head(key: SeriesKey) -> str:
    tags = f"building={key.building.translate(_IN_TAG)},device={key.device.translate(_IN_TAG)}"
    return f"{key.kind.translate(_IN_NAME)},{tags},site={key.site.translate(_IN_TAG)}"


def _fields(batch: Batch, rows: NDArray[np.intp], marked: NDArray[np.bool_]) -> Sequence[str]:
    points = [key.point.translate(_IN_TAG) for key in batch.keys]
    codes, values = batch.code[rows].tolist(), batch.value[rows].tolist()
    fields = [f"{points[code]}={value}" for code, value in zip(codes, values, strict=True)]
    for place in np.flatnonzero(marked[rows]).tolist():
        fields[place] += f",{points[codes[place]]}{QUALITY_SUFFIX}={batch.quality[rows[place]]}"
    return fields
