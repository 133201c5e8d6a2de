"""The books: consumption by hour, day, month and year in the site's time zone, added up from settled intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.books.ledger import INTERVAL, ceil
from analytics.books.rules import quality_of
from schema.instant import HOUR, to_datetime, to_micros
from schema.series import Quality, SeriesKey
from store.series.port import SeriesStore

Period = Literal["15min", "hour", "day", "month", "year"]


@dataclass(frozen=True, slots=True)
class Books:
    """One row a series and period that something is known of: consumption of series `keys[code[i]]` in [start, end).

    `covered` is the share of the period that readings speak of, `estimated` the share of `value` that is estimated;
    quality is the worst of the intervals, and PARTIAL where some of the period is not covered.
    """

    keys: tuple[SeriesKey, ...]
    code: NDArray[np.int32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    covered: NDArray[np.float64]
    estimated: NDArray[np.float64]


def consumption(
    store: SeriesStore, registers: Sequence[SeriesKey], start: int, end: int, period: Period, zone: ZoneInfo
) -> Books:
    """Consumption of counters, by period of local time, for the periods that begin in [start, end)."""
    edges = boundaries(start, end, period, zone)
    keys = tuple(registers)
    empty = Books(keys, *(np.empty(0, kind) for kind in (np.int32, np.int64, np.int64, float, np.uint8, float, float)))
    if len(edges) < 2 or not keys:
        return empty
    batch = store.read([key.intervals() for key in keys], int(edges[0]), int(edges[-1]))
    if not len(batch):
        return empty
    sort = quality_of(batch.quality)
    order = {key.intervals(): position for position, key in enumerate(keys)}
    series = np.array([order[key] for key in batch.keys], np.int64)[batch.code]
    periods = len(edges) - 1
    slot = series * periods + np.searchsorted(edges, batch.time, side="right") - 1
    size = len(keys) * periods
    value: NDArray[np.float64] = np.bincount(slot, batch.value, size).astype(np.float64)
    known = np.bincount(slot, minlength=size)
    guess = np.bincount(slot, np.where(sort == Quality.ESTIMATED, batch.value, 0.0), size)
    quality = np.zeros(size, np.uint8)
    np.maximum.at(quality, slot, sort)
    rows = np.flatnonzero(known)
    length = np.diff(edges)[rows % periods]
    covered = np.minimum(known[rows] * INTERVAL / length, 1.0)
    worst = np.where((covered < 1.0) & (quality[rows] == Quality.MEASURED), Quality.PARTIAL, quality[rows])
    share = np.divide(guess[rows], value[rows], out=np.zeros(len(rows)), where=value[rows] != 0)
    return Books(
        keys,
        (rows // periods).astype(np.int32),
        edges[:-1][rows % periods],
        edges[1:][rows % periods],
        value[rows],
        worst.astype(np.uint8),
        covered,
        share,
    )


def boundaries(start: int, end: int, period: Period, zone: ZoneInfo) -> NDArray[np.int64]:
    """The instants at which periods begin, in [start, end), and the end of the last one."""
    if period == "15min":
        return _fixed(start, end, INTERVAL)
    if period == "hour":
        # Local hours begin at whole UTC hours but for zones such as +05:45.
        offset = to_datetime(start).astimezone(zone).utcoffset() or timedelta()
        shift = int(offset.total_seconds() * 1e6) % HOUR
        return _fixed(start + shift, end + shift, HOUR) - shift
    first = floor_local(start, period, zone)
    edges = [first if first == start else next_local(first, period, zone)]
    while edges[-1] < end:
        edges.append(next_local(edges[-1], period, zone))
    return np.array(edges, np.int64)


def floor_local(time: int, period: Literal["day", "month", "year"], zone: ZoneInfo) -> int:
    """The start of the local day, month or year an instant lies in."""
    local = to_datetime(time).astimezone(zone)
    day = 1 if period != "day" else local.day
    month = 1 if period == "year" else local.month
    return to_micros(datetime(local.year, month, day, tzinfo=zone))


def next_local(start: int, period: Literal["day", "month", "year"], zone: ZoneInfo) -> int:
    """The start of the next local day, month or year."""
    local = to_datetime(start).astimezone(zone)
    if period == "day":
        following = datetime(local.year, local.month, local.day, tzinfo=zone) + timedelta(days=1)
    elif period == "month":
        following = datetime(local.year + local.month // 12, local.month % 12 + 1, 1, tzinfo=zone)
    else:
        following = datetime(local.year + 1, 1, 1, tzinfo=zone)
    return to_micros(following)


def _fixed(start: int, end: int, step: int) -> NDArray[np.int64]:
    first = ceil(start) if step == INTERVAL else -(-start // step) * step
    count = max(0, -(-(end - first) // step))
    return first + step * np.arange(count + 1 if count else 0, dtype=np.int64)
