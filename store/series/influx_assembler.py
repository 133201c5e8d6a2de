"""Lines put together from their pieces: compiled, since in Python it was most of the work of writing to InfluxDB."""

import numpy as np
from numpy.typing import NDArray

from schema.compiled import compiled, part
from store.series.influx_lines import PIECES

_LINE, _SPACE, _COMMA, _MINUS, _ZERO, _CLOSE = b"\n ,-0]"


@part
def _number(out: NDArray[np.uint8], at: int, number: int) -> int:
    """Write it in decimal; where it ends."""
    if number < 0:
        out[at] = _MINUS
        at, number = at + 1, -number
    end, rest = at + 1, number // 10
    while rest:
        end, rest = end + 1, rest // 10
    for place in range(end - 1, at - 1, -1):
        out[place] = _ZERO + number % 10
        number //= 10
    return end


@part
def _copy(out: NDArray[np.uint8], at: int, source: NDArray[np.uint8], begin: int, end: int) -> int:
    for place in range(begin, end):
        out[at + place - begin] = source[place]
    return at + end - begin


@compiled(
    "int64(int32[::1], int64[::1], boolean[::1], boolean[::1], uint8[::1], Array(uint8, 1, 'C', readonly=True), "
    "int64[::1], Array(uint8, 1, 'C', readonly=True), uint8[::1])"
)
def assemble(
    series: NDArray[np.int32],
    time: NDArray[np.int64],
    first: NDArray[np.bool_],
    marked: NDArray[np.bool_],
    quality: NDArray[np.uint8],
    pieces: NDArray[np.uint8],
    ends: NDArray[np.int64],
    values: NDArray[np.uint8],
    out: NDArray[np.uint8],
) -> int:
    """Write the lines of rows into `out`; where they end.

    A row that is `first` of a line begins one, rows that are `marked` say their quality, and `values` are a JSON array.
    Piece p of series s is `pieces[ends[PIECES * s + p] : ends[PIECES * s + p + 1]]`.
    """
    at, value = 0, 1
    for row in range(len(series)):
        piece = PIECES * series[row]
        if first[row]:
            if row:
                out[at] = _SPACE
                at = _number(out, at + 1, time[row - 1])
                out[at] = _LINE
                at += 1
            at = _copy(out, at, pieces, ends[piece], ends[piece + 1])
        out[at] = _SPACE if first[row] else _COMMA
        at = _copy(out, at + 1, pieces, ends[piece + 1], ends[piece + 2])
        while values[value] != _COMMA and values[value] != _CLOSE:
            out[at] = values[value]
            at, value = at + 1, value + 1
        value += 1
        if marked[row]:
            out[at] = _COMMA
            at = _copy(out, at + 1, pieces, ends[piece + 2], ends[piece + 3])
            at = _number(out, at, quality[row])
    if len(series):
        out[at] = _SPACE
        at = _number(out, at + 1, time[-1])
    return at
