"""Typical days: 15-minute books laid out by local day and time of day, and what such a type of day usually takes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.books.consumption import Books
from analytics.books.ledger import INTERVAL
from schema.instant import DAY, to_micros
from schema.series import Quality, SeriesKey
from schema.text import Text

TypeOfDay = Callable[[date], str]
"""The type of a local day, as analytics.calendar.Calendar.day_type answers it."""

DAY_TYPES: dict[str, Text] = {
    "workday": Text("工作日", "workday"),
    "weekend": Text("周末", "weekend day"),
    "holiday": Text("节假日", "holiday"),
}

SLOTS = DAY // INTERVAL
WEEKS = 4
NEAREST = {"holiday": "weekend", "weekend": "holiday"}
"""The type that stands in for one that had no day in those weeks; after that the mean of all days does."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The quarter hours of local days in order: row i begins at `start[i]`, lies in `dates[day[i]]`, at `slot[i]`.

    A slot is a quarter hour by the wall clock, 0 to 95; a day of a clock change has fewer or some twice.
    """

    start: NDArray[np.int64]
    day: NDArray[np.int64]
    slot: NDArray[np.int64]
    dates: tuple[date, ...]

    @classmethod
    def of(cls, first: date, last: date, zone: ZoneInfo) -> "Grid":
        """The days from `first` to `last`, exclusive."""
        dates = tuple(first + timedelta(days) for days in range((last - first).days))
        starts, days, slots = [], [], []
        for position, day in enumerate(dates):
            start, end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
            times = np.arange(start, end, INTERVAL, dtype=np.int64)
            starts.append(times)
            days.append(np.full(len(times), position))
            slots.append(_slots(times, zone))
        if not dates:
            nothing = np.empty(0, np.int64)
            return cls(nothing, nothing, nothing, dates)
        return cls(np.concatenate(starts), np.concatenate(days), np.concatenate(slots), dates)


@dataclass(frozen=True, slots=True)
class Total:
    """What was used, None when nothing is known; the estimated share of it, and the share of the time that is known."""

    value: float | None
    estimated_share: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class Load:
    """Consumption of meters on a grid: `value[m, i]` is NaN where nothing is known, `estimated` where it is a guess."""

    keys: tuple[SeriesKey, ...]
    grid: Grid
    value: NDArray[np.float64]
    estimated: NDArray[np.bool_]
    partial: NDArray[np.bool_]

    @classmethod
    def of(cls, books: Books, grid: Grid) -> "Load":
        """The 15-minute books of meters, laid out."""
        shape = (len(books.keys), len(grid.start))
        value = np.full(shape, np.nan)
        quality = np.zeros(shape, np.uint8)
        column = np.searchsorted(grid.start, books.start)
        inside = (column < len(grid.start)) & (books.start >= (grid.start[0] if len(grid.start) else 0))
        value[books.code[inside], column[inside]] = books.value[inside]
        quality[books.code[inside], column[inside]] = books.quality[inside]
        return cls(books.keys, grid, value, quality == Quality.ESTIMATED, quality == Quality.PARTIAL)

    def rows(self, meters: Sequence[int]) -> "Load":
        """Some of the meters."""
        chosen = list(meters)
        keys = tuple(self.keys[row] for row in chosen)
        return Load(keys, self.grid, self.value[chosen], self.estimated[chosen], self.partial[chosen])

    def of_devices(self, names: Collection[str]) -> "Load":
        """The meters of these devices."""
        return self.rows([row for row, key in enumerate(self.keys) if key.device in names])

    def total(self, start: int, end: int) -> "Total":
        """What all meters took in [start, end); a quarter hour that is cut counts in proportion, if it has ended."""
        share = np.clip((end - self.grid.start) / INTERVAL, 0.0, 1.0) * (self.grid.start >= start)
        inside = share > 0
        value, known = self.value[:, inside], ~np.isnan(self.value[:, inside])
        # The running quarter hour holds only what has been counted so far.
        weight = np.where(self.partial[:, inside], 1.0, share[inside])
        used = float(np.nansum(value * weight))
        guessed = float(np.nansum(value * weight * self.estimated[:, inside]))
        asked = float(share.sum()) * len(self.keys)
        if not known.any():
            return Total(None, None, 0.0)
        return Total(used, guessed / used if used else 0.0, float((known * share[inside]).sum()) / asked)

    def whole(self) -> NDArray[np.float64]:
        """Quarter hours of all meters that speak, NaN where one of them does not know the whole of it."""
        own = np.where(self.partial, np.nan, self.value)[self.spoken()]
        return own.sum(axis=0) if len(own) else np.full(len(self.grid.start), np.nan)

    def spoken(self) -> NDArray[np.bool_]:
        """Which meters ever said anything on the grid."""
        return np.asarray(~np.isnan(self.value).all(axis=1))


@dataclass(frozen=True, slots=True)
class Profile:
    """What meters take by the habit of the last 4 weeks: `expected[m, i]` on the grid, NaN where no day tells.

    `types[d]` is each date's type, `taught[m, d]` whether the meter's habit was learnt from that date.
    """

    expected: NDArray[np.float64]
    types: tuple[str, ...]
    taught: NDArray[np.bool_]

    @classmethod
    def of(cls, load: Load, day_type: TypeOfDay, today: date) -> "Profile":
        """Means per meter, day type and time of day over the days of the last 4 weeks before today."""
        grid = load.grid
        types = tuple(day_type(day) for day in grid.dates)
        names = sorted(set(types))
        kind = np.array([names.index(name) for name in types], np.int64)[grid.day]
        others = [NEAREST.get(name, name) for name in names]
        stand_in = np.array(
            [names.index(other) if other in names else row for row, other in enumerate(others)], np.int64
        )
        since = today - timedelta(weeks=WEEKS)
        recent = np.array([since <= day < today for day in grid.dates], bool)
        learn = recent[grid.day] & ~np.isnan(load.value) & ~load.partial
        cell, near_cell = kind * SLOTS + grid.slot, stand_in[kind] * SLOTS + grid.slot
        expected = np.full(load.value.shape, np.nan)
        taught = np.zeros((len(load.keys), len(grid.dates)), bool)
        for meter, mask in enumerate(learn):
            value = load.value[meter, mask]
            own = _means(cell[mask], value, len(names) * SLOTS)
            every = _means(grid.slot[mask], value, SLOTS)
            near = np.where(np.isnan(own[near_cell]), every[grid.slot], own[near_cell])
            expected[meter] = np.where(np.isnan(own[cell]), near, own[cell])
            taught[meter, grid.day[mask]] = True
        return cls(expected, types, taught)

    def rows(self, meters: Sequence[int]) -> "Profile":
        """The habits of some of the meters."""
        chosen = list(meters)
        return Profile(self.expected[chosen], self.types, self.taught[chosen])

    @property
    def history(self) -> list[int]:
        """The dates every meter taught something."""
        return np.flatnonzero(self.taught.all(axis=0)).tolist() if len(self.taught) else []

    @property
    def borrowed(self) -> frozenset[str]:
        """The day types without a day of their own in those weeks: they use another's."""
        return frozenset(self.types) - {self.types[row] for row in self.history}


def midnight(day: date, zone: ZoneInfo) -> int:
    """The instant a local day begins."""
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=zone))


def alike(dates: Sequence[date], day_type: TypeOfDay, today: date, like: date) -> list[date]:
    """The days of the last 4 weeks before today that are of the type of another day."""
    since, wanted = today - timedelta(weeks=WEEKS), day_type(like)
    return [day for day in dates if since <= day < today and day_type(day) == wanted]


def _means(cell: NDArray[np.int64], value: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    count = np.bincount(cell, minlength=size)
    total = np.bincount(cell, value, size)
    return np.asarray(np.divide(total, count, out=np.full(size, np.nan), where=count > 0))


def _slots(times: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    offsets = [_offset(int(time), zone) for time in (times[0], times[-1])]
    if offsets[0] == offsets[1]:
        shift = np.full(len(times), offsets[0])
    else:
        shift = np.array([_offset(int(time), zone) for time in times])
    return np.asarray((times + shift) % DAY // INTERVAL)


def _offset(time: int, zone: ZoneInfo) -> int:
    moved = datetime.fromtimestamp(time / 1e6, zone).utcoffset() or timedelta()
    return int(moved.total_seconds() * 1_000_000)
