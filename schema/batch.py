"""Readings in bulk: the columnar currency of the pipe, from the decoder to the store and the detectors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schema.series import SeriesKey


@dataclass(frozen=True, slots=True)
class Batch:
    """Struct of arrays of n readings; row i is a value of series `keys[code[i]]` at instant `time[i]`.

    code int32, time int64 (microseconds UTC), value float64, quality uint8 (schema.series.Quality).

    With a `rank` (int64, Position.rank) rows are words, of which for one instant the highest counts, and of equal ones
    that of the larger value; without one they are what is to be held from now on.
    """

    keys: tuple[SeriesKey, ...]
    code: NDArray[np.int32]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    rank: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.code)

    @classmethod
    def of(
        cls,
        keys: Sequence[SeriesKey],
        code: Sequence[int] | NDArray[np.integer],
        time: Sequence[int] | NDArray[np.integer],
        value: Sequence[float] | NDArray[np.floating],
        quality: Sequence[int] | NDArray[np.integer] | None = None,
        rank: Sequence[int] | NDArray[np.integer] | None = None,
    ) -> Self:
        """A batch from any sequences; quality is MEASURED unless given."""
        codes = np.asarray(code, dtype=np.int32)
        marks = np.zeros(len(codes), np.uint8) if quality is None else np.asarray(quality, dtype=np.uint8)
        ranks = None if rank is None else np.asarray(rank, np.int64)
        return cls(tuple(keys), codes, np.asarray(time, np.int64), np.asarray(value, np.float64), marks, ranks)

    @classmethod
    def empty(cls) -> Self:
        """No readings."""
        return cls.of((), (), (), ())

    @classmethod
    def concat(cls, batches: Iterable["Batch"]) -> Self:
        """All rows of several batches in order, under one dictionary of keys; ranks where all of them have."""
        position: dict[SeriesKey, int] = {}
        parts = [batch for batch in batches if len(batch)]
        if not parts:
            return cls.empty()
        codes = []
        for batch in parts:
            remap = np.array([position.setdefault(key, len(position)) for key in batch.keys], np.int32)
            codes.append(remap[batch.code])
        ranks = [batch.rank for batch in parts if batch.rank is not None]
        return cls(
            tuple(position),
            np.concatenate(codes),
            np.concatenate([batch.time for batch in parts]),
            np.concatenate([batch.value for batch in parts]),
            np.concatenate([batch.quality for batch in parts]),
            np.concatenate(ranks) if len(ranks) == len(parts) else None,
        )

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Batch":
        """The chosen rows (indices or mask) under the same keys."""
        rank = None if self.rank is None else self.rank[rows]
        return Batch(self.keys, self.code[rows], self.time[rows], self.value[rows], self.quality[rows], rank)

    def of_series(self, key: SeriesKey) -> "Batch":
        """The rows of one series, in time order; empty where the batch does not know it."""
        if key not in self.keys:
            return Batch.empty()
        rows = np.flatnonzero(self.code == self.keys.index(key))
        return self.take(rows[np.argsort(self.time[rows], kind="stable")])
