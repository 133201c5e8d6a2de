"""Surprise on the columns of many series: `analytics.novelty.surprise.advance` with arrays for its numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.detect.core import Column, Columns, Floats, Layout
from analytics.novelty.calculus import Calculus
from analytics.novelty.surprise import CONTEXT_SPANS, HALF, KEPT, STATE, advance
from schema.instant import HOUR

LAYOUT: Layout = {name: Column(*column) for name, column in STATE.items()}
_BY_HOUR = ("day", "days", "week", "weeks")
_OWN = tuple(name for name in LAYOUT if name not in _BY_HOUR)


def _least_array(numbers: Any) -> tuple[NDArray[Any], NDArray[np.intp]]:
    least, place = numbers[0].copy(), np.zeros(len(numbers[0]), np.intp)
    for i, line in enumerate(numbers):
        np.copyto(place, i, where=line < least)
        np.minimum(least, line, out=least)
    return least, place


def _spread_array(chosen: NDArray[np.bool_], new: NDArray[Any], old: NDArray[Any]) -> NDArray[Any]:
    spread = old.copy()
    spread[chosen] = new
    return spread


ARRAYS = Calculus(
    maximum=np.maximum,
    minimum=np.minimum,
    where=np.where,
    any=np.any,
    all=np.all,
    log=np.log,
    log1p=np.log1p,
    exp=np.exp,
    single=np.float32,
    picked=lambda chosen, number: number[chosen],
    spread=_spread_array,
    scaled=lambda numbers, by: np.multiply(numbers, by, out=numbers),
    least=_least_array,
    cell=lambda line: (line, np.arange(len(line))),
)


def advance_rows(
    columns: Columns,
    row: NDArray[np.intp],
    time: NDArray[np.int64],
    value: Floats,
    hour: NDArray[np.integer],
    gap: NDArray[np.int64],
) -> Floats:
    """`advance` on columns of LAYOUT: one reading each of some rows; `hour` is the hour of the week."""
    whole = len(row) == len(columns["count"]) and bool((row[1:] > row[:-1]).all())
    mine = dict(columns) if whole else {name: columns[name][..., row] for name in _OWN}
    for name in _BY_HOUR:
        mine[name] = columns[name]
    mine["kept"] = mine["kept"].reshape(len(CONTEXT_SPANS), KEPT, len(row))
    half = hour % 24 * 2 + (time % HOUR >= HALF)
    at = [_line(bins, row, whole=whole) for bins in (half, hour)]
    score: Floats = advance(mine, value, _one(np.maximum(gap, 0)), at[0], at[1], ARRAYS)
    for name in _OWN:
        cells = columns[name]
        if not whole:
            cells[..., row] = mine[name].reshape(*cells.shape[:-1], len(row))
        elif cells.ndim == 1:
            cells[:] = mine[name]
    return score


def _one(gaps: NDArray[np.int64]) -> NDArray[np.int64]:
    """A single gap where all are the same, so that what follows from it is worked out once."""
    return gaps[:1] if bool((gaps == gaps[0]).all()) else gaps


def _line(bins: NDArray[np.integer], row: NDArray[np.intp], *, whole: bool) -> Any:
    """Where the cells of each series' bin are: one line of the profile where it is the same for all."""
    if whole and bool((bins == bins[0]).all()):
        return int(bins[0])
    return bins, row
