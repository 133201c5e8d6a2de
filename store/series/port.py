"""The port every time-series store answers to; tests/store holds the contract all adapters pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schema.batch import Batch
from schema.errors import Reject
from schema.series import SeriesKey


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Struct of arrays, one row a bucket that holds readings: series `keys[code[i]]`, bucket start `time[i]`."""

    keys: tuple[SeriesKey, ...]
    code: NDArray[np.int32]
    time: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.int64]


class PartialWrite(Reject):
    """All rows but `rows` are durable; those will never be accepted, for the stated reason."""

    def __init__(self, rows: NDArray[np.integer], detail: str) -> None:
        super().__init__("store_refused", detail)
        self.rows = rows


class SeriesStore(Protocol):
    """Readings at rest, thread-safe; calls block, so async callers use a thread.

    One value per (series, time): a batch without ranks replaces it, so redelivery changes nothing. Of words, which have
    ranks, the highest of a batch counts; and of all that ever came, where the store keeps ranks.
    Any call raises RetryLater while the store cannot be reached.
    """

    @property
    def keeps_ranks(self) -> bool:
        """Whether ranks are kept; else the highest word of the newest batch counts."""

    def write(self, batch: Batch) -> Batch:
        """Durable when it returns; PartialWrite names rows that can never be stored, the others are.

        The answer is what words replaced, of another value, as far as the store can tell.
        """

    def series(self, site: str | None = None) -> list[SeriesKey]:
        """Every series that holds a value, of one site or of all, sorted."""

    def latest(self, keys: Sequence[SeriesKey]) -> Batch:
        """The newest reading of each series; a series without any is left out."""

    def read(self, keys: Sequence[SeriesKey], start: int, end: int, *, margin: int = 0) -> Batch:
        """Readings with start <= time < end, ordered by series (as asked) and time.

        With `margin`, also the last so many readings before `start` and the first at or after `end` of each series.
        """

    def aggregate(self, keys: Sequence[SeriesKey], start: int, end: int, every: int) -> Aggregate:
        """Mean, minimum, maximum and count of start <= time < end in buckets of `every` us, aligned to 1970 UTC."""

    def close(self) -> None:
        """Release files and connections."""
