"""Hours: readings of a series gathered into the hour they belong to, and which hours have been scored.

The watermark of a series is its newest reading. An hour is open until a reading of a later one comes, and is then
closed for good. Readings behind the watermark change nothing that was scored: those of an hour that had none are scored
aside, those of an hour that was scored with what there was are left out.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.detect.core import Column, Columns, Floats, Layout
from schema.instant import DAY, HOUR

MEMORY = 31
"""Days for which it is remembered which hours were scored; later than that nothing is scored any more."""
_DAYS = 32
_HOURS = 0xFFFFFF

LAYOUT: Layout = {
    "last": Column("i8", fleeting=True),
    "value": Column("f8", fleeting=True),
    "open": Column("i8", fleeting=True),
    "count": Column("i4", fleeting=True),
    "total": Column("f8", fleeting=True),
    "low": Column("f8", fleeting=True),
    "high": Column("f8", fleeting=True),
    "moved": Column("f8", fleeting=True),
    "scored": Column("u4", _DAYS),
}
"""The newest reading; the open hour (since 1970; 0: none) and what came in it; by day, which hours were scored."""


class Closed(NamedTuple):
    """Hours that are over, in the order of time: row, hour since 1970, and what was measured in it."""

    row: NDArray[np.intp]
    hour: NDArray[np.int64]
    number: NDArray[np.int32]
    mean: Floats
    low: Floats
    high: Floats
    moved: Floats

    def take(self, chosen: slice) -> "Closed":
        """A part of them."""
        cells: list[Any] = [column[chosen] for column in self]
        return Closed(*cells)


class _Sums(NamedTuple):
    row: NDArray[np.intp]
    hour: NDArray[np.int64]
    number: NDArray[np.int32]
    total: Floats
    low: Floats
    high: Floats
    moved: Floats

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "_Sums":
        cells: list[Any] = [column[chosen] for column in self]
        return _Sums(*cells)


def gather(columns: Columns, row: NDArray[np.intp], time: NDArray[np.int64], value: Floats) -> Closed:
    """Add readings, sorted by row and time and all behind nobody's watermark; the hours that are over by that."""
    hour = time // HOUR
    first = np.diff(row, prepend=-1) != 0
    begins = np.flatnonzero(first)
    before = np.empty_like(value)
    before[1:] = value[:-1]
    known = columns["last"][row[begins]] > 0
    before[begins] = np.where(known, columns["value"][row[begins]], value[begins])
    ends = np.append(begins[1:], len(row)) - 1
    columns["last"][row[ends]], columns["value"][row[ends]] = time[ends], value[ends]

    starts = np.flatnonzero(first | (np.diff(hour, prepend=-1) != 0))
    moved = np.abs(value - before)
    if len(starts) == len(row):
        sums = _Sums(row, hour, np.ones(len(row), np.int32), value.copy(), value.copy(), value.copy(), moved)
    else:
        sums = _Sums(
            row[starts],
            hour[starts],
            np.diff(starts, append=len(row)).astype(np.int32),
            np.add.reduceat(value, starts),
            np.minimum.reduceat(value, starts),
            np.maximum.reduceat(value, starts),
            np.add.reduceat(moved, starts),
        )
    fresh = sums.hour != columns["open"][sums.row]
    if fresh.any():
        mark(columns, sums.row[fresh], sums.hour[fresh])
    over = _joined(columns, sums, np.flatnonzero(first[starts]))
    if len(sums.row) == len(begins):
        _keep(columns, sums)
        return _closed(over)
    newest = np.append(np.diff(sums.row) != 0, True)
    _keep(columns, sums.take(newest))
    both: list[Any] = [np.concatenate([a, b]) for a, b in zip(over, sums.take(~newest), strict=True)]
    return _closed(_Sums(*both))


def flush(columns: Columns) -> Closed:
    """The open hours of all series, closed because nothing more comes."""
    row = np.flatnonzero(columns["open"] > 0)
    over = _open(columns, row)
    columns["open"][row] = 0
    return _closed(over)


def scored(columns: Columns, row: NDArray[np.intp], time: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the hours of readings behind the watermark were scored, or are too long ago to be."""
    day, hour = time // DAY, time % DAY // HOUR
    cell = columns["scored"][day % _DAYS, row]
    done: NDArray[np.bool_] = (cell >> 24 == (day & 0xFF)) & ((cell >> hour.astype(np.uint32)) & 1 == 1)
    done |= time < columns["last"][row] - MEMORY * DAY
    return done


def _open(columns: Columns, row: NDArray[np.intp]) -> _Sums:
    names = ("open", "count", "total", "low", "high", "moved")
    return _Sums(row, *(columns[name][row] for name in names))


def _joined(columns: Columns, sums: _Sums, heads: NDArray[np.intp]) -> _Sums:
    """Add what the open hours have to the first sums of their series; the open hours that are over instead."""
    before = _open(columns, sums.row[heads])
    same = before.hour == sums.hour[heads]
    if same.any():
        mine = heads[same]
        was = before.take(same)
        sums.number[mine] += was.number
        sums.total[mine] += was.total
        sums.low[mine] = np.minimum(sums.low[mine], was.low)
        sums.high[mine] = np.maximum(sums.high[mine], was.high)
        sums.moved[mine] += was.moved
    return before.take(~same & (before.hour > 0))


def _keep(columns: Columns, sums: _Sums) -> None:
    names = ("open", "count", "total", "low", "high", "moved")
    for name, cells in zip(names, sums[1:], strict=True):
        columns[name][sums.row] = cells


def _closed(sums: _Sums) -> Closed:
    if len(sums.row) > 1:
        sums = sums.take(np.lexsort((sums.row, sums.hour)))
    mean = np.clip(sums.total / sums.number, sums.low, sums.high)
    return Closed(sums.row, sums.hour, sums.number, mean, sums.low, sums.high, sums.moved)


def mark(columns: Columns, row: NDArray[np.intp], hour: NDArray[np.int64]) -> None:
    """Remember hours (sorted by row and time) as scored, a day's in a cell."""
    day = hour // 24
    starts = np.flatnonzero((np.diff(row, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0))
    bits = np.bitwise_or.reduceat(np.uint32(1) << (hour % 24).astype(np.uint32), starts)
    row, day = row[starts], day[starts]
    stamp = (day & 0xFF).astype(np.uint32)
    # Newest last: of two days that share a cell the later one stays.
    cell = columns["scored"][day % _DAYS, row]
    kept = np.where(cell >> 24 == stamp, cell & _HOURS, 0)
    columns["scored"][day % _DAYS, row] = (stamp << 24) | kept | bits
