"""Plain packs out of their text: the few labels our agents write, once a record, in any order; all else is not plain.

The texts of many messages stand in one buffer, each with a zero after it. No plain text holds a zero, and nothing is
read beyond a byte that does not fit, so nothing is read beyond the end. Cells of a record are numbers: of a word its
code in the lexicon (0: not told), of a decimal its digits and its scale (see bus.decimal_float).
"""

import numpy as np
from numpy.typing import NDArray

from schema.compiled import compiled, part

N, U, V, V_SCALE, T, T_SCALE, BN, BT, BT_SCALE, AGENT, EPOCH, SEQ, FLOOR = range(13)
CELLS = 13

_LABELS = {b"n": N, b"u": U, b"v": V, b"t": T, b"bn": BN, b"bt": BT, b"agent": AGENT, b"epoch": EPOCH, b"seq": SEQ}
_SPELT = np.full(CELLS, -1)
for _text, _cell in {**_LABELS, b"floor": FLOOR}.items():
    _SPELT[_cell] = int.from_bytes(_text)
_LONGEST = 6

_SPACE, _QUOTE, _PLUS, _COMMA, _MINUS, _POINT, _ZERO, _NINE, _COLON = b' "+,-.09:'
_OPEN, _ESCAPE, _CLOSE, _BEGIN, _END, _EXPONENT = b"[\\]{}e"
_BLANKS = 1 << 9 | 1 << 10 | 1 << 13 | 1 << 32
SPREAD = 0x9E3779B97F4A7C15
"""Spreads what is hashed over the upper half of 64 bits (2**64 by the golden ratio)."""
_FIVE, _REST, _HALF, _SPREAD = np.uint64(5), np.uint64(59), np.uint64(32), np.uint64(SPREAD)
_DIGITS = 18
"""So many digits always fit in 64 bits."""
_LABELS_OF_ALL = 1 << N | 1 << U | 1 << V | 1 << T
_NEEDED = 1 << N | 1 << V


@part
def _blank(text: NDArray[np.uint8], at: int) -> int:
    """Past white space."""
    while text[at] <= _SPACE and _BLANKS >> np.int64(text[at]) & 1:
        at += 1
    return at


@part
def _then(text: NDArray[np.uint8], at: int, sign: int) -> int:
    """Past white space and one sign; -1 where another stands."""
    at = _blank(text, at)
    return at + 1 if text[at] == sign else -1


@part
def _label(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """The position after a label, and which it is; -1 for one that is not ours."""
    spelt, end = np.int64(0), at + _LONGEST
    while text[at] != _QUOTE and text[at] and at < end:
        spelt = spelt << 8 | np.int64(text[at])
        at += 1
    for label in range(CELLS):
        if _SPELT[label] == spelt:
            return at, label
    return at, -1


@part
def _word(
    text: NDArray[np.uint8], at: int, heads: NDArray[np.int64], begins: NDArray[np.int64], letters: NDArray[np.uint8]
) -> tuple[int, int]:
    """The position after a quoted word, and its code; -1 for one that is not in the lexicon."""
    if text[at] != _QUOTE:
        return at, -1
    at += 1
    begin, hashed = at, np.uint64(0)
    while text[at] != _QUOTE:
        if text[at] == 0 or text[at] == _ESCAPE:
            return at, -1
        hashed = (hashed << _FIVE | hashed >> _REST) ^ np.uint64(text[at])
        at += 1
    length, mask = at - begin, len(heads) - 1
    place = np.int64(hashed * _SPREAD >> _HALF) & mask
    while heads[place]:
        code = heads[place]
        held = begins[code]
        if begins[code + 1] - held == length:
            same = 0
            while same < length and letters[held + same] == text[begin + same]:
                same += 1
            if same == length:
                return at + 1, code
        place = (place + 1) & mask
    return at, -1


@part
def _decimal(text: NDArray[np.uint8], at: int) -> tuple[int, np.int64, np.int64]:
    """The position after a number (-1: it is none, or too long), its digits and its scale."""
    negative = text[at] == _MINUS
    if negative:
        at += 1
    begin, digits, power, leading = at, np.int64(0), np.int64(0), 0
    while _ZERO <= text[at] <= _NINE:
        digits = 10 * digits + (np.int64(text[at]) - _ZERO)
        at += 1
    if at == begin or (text[begin] == _ZERO and at > begin + 1):
        return -1, digits, digits
    count = at - begin
    if text[at] == _POINT:
        at += 1
        point = at
        while _ZERO <= text[at] <= _NINE:
            if digits == 0 and text[at] == _ZERO:
                leading += 1
            digits = 10 * digits + (np.int64(text[at]) - _ZERO)
            at += 1
        if at == point:
            return -1, digits, digits
        power -= at - point
        count += at - point - leading
    if count > _DIGITS:
        return -1, digits, digits
    if text[at] | 0x20 == _EXPONENT:
        at, more = _exponent(text, at + 1)
        power += more
    return at, digits, 2 * power + negative


@part
def _exponent(text: NDArray[np.uint8], at: int) -> tuple[int, np.int64]:
    down = text[at] == _MINUS
    if down or text[at] == _PLUS:
        at += 1
    begin, power = at, np.int64(0)
    while _ZERO <= text[at] <= _NINE and at < begin + 4:
        power = 10 * power + (np.int64(text[at]) - _ZERO)
        at += 1
    return -1 if at == begin or at == begin + 4 else at, -power if down else power


@part
def _whole(text: NDArray[np.uint8], at: int) -> tuple[int, np.int64]:
    """The position after a number without sign, point and exponent (-1: it is none, or too long), and the number."""
    begin, number = at, np.int64(0)
    while _ZERO <= text[at] <= _NINE:
        number = 10 * number + (np.int64(text[at]) - _ZERO)
        at += 1
    good = 0 < at - begin <= _DIGITS and (text[begin] != _ZERO or at == begin + 1)
    return at if good else -1, number


@part
def _value(
    text: NDArray[np.uint8],
    at: int,
    label: int,
    cells: NDArray[np.int64],
    heads: NDArray[np.int64],
    begins: NDArray[np.int64],
    letters: NDArray[np.uint8],
) -> int:
    """The position after the value of a label, whose cells are filled in; -1: it is not plain."""
    if label in (V, T, BT):
        at, cells[label], cells[label + 1] = _decimal(text, at)
    elif label in (SEQ, FLOOR):
        at, cells[label] = _whole(text, at)
    else:
        at, cells[label] = _word(text, at, heads, begins, letters)
        at = at if cells[label] >= 0 else -1
    return at


@part
def _record(
    text: NDArray[np.uint8],
    at: int,
    cells: NDArray[np.int64],
    heads: NDArray[np.int64],
    begins: NDArray[np.int64],
    letters: NDArray[np.uint8],
) -> tuple[int, int]:
    """The position after a record, whose cells are filled in, and a bit for each label it has; -1: it is not plain."""
    seen = 0
    at = _then(text, at, _BEGIN)
    while at >= 0:
        at = _then(text, at, _QUOTE)
        if at < 0:
            break
        at, label = _label(text, at)
        if label < 0 or text[at] != _QUOTE or seen >> label & 1:
            break
        seen |= 1 << label
        at = _then(text, at + 1, _COLON)
        if at < 0:
            break
        at = _value(text, _blank(text, at), label, cells, heads, begins, letters)
        if at < 0:
            break
        at = _blank(text, at)
        if text[at] == _END:
            return at + 1, seen
        at = at + 1 if text[at] == _COMMA else -1
    return -1, 0


@compiled(
    "int64(uint8[::1], int64[::1], int64[::1], int64[::1], uint8[::1], "
    "boolean[::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[::1])"
)
def scan(
    text: NDArray[np.uint8],
    starts: NDArray[np.int64],
    heads: NDArray[np.int64],
    begins: NDArray[np.int64],
    letters: NDArray[np.uint8],
    plain: NDArray[np.bool_],
    firsts: NDArray[np.int64],
    message: NDArray[np.int64],
    rows: NDArray[np.int64],
    cells: NDArray[np.int64],
) -> int:
    """Fill in which messages are plain, the cells of their first records, and message and cells of every record.

    The number of records is the answer. Message i begins at starts[i] and its zero is before starts[i + 1]; `rows`
    holds the cells N to T_SCALE, a row each.
    """
    count = 0
    for which in range(len(plain)):
        begin, first = count, True
        at = _then(text, starts[which], _OPEN)
        while at >= 0:
            for cell in range(CELLS):
                cells[cell] = 0
            at, seen = _record(text, at, cells, heads, begins, letters)
            if at < 0 or seen & _NEEDED != _NEEDED or not (first or seen | _LABELS_OF_ALL == _LABELS_OF_ALL):
                break
            if first:
                cells[FLOOR] = cells[FLOOR] if seen >> FLOOR & 1 else 1
                for cell in range(CELLS):
                    firsts[which, cell] = cells[cell]
                first = False
            message[count] = which
            for cell in range(T_SCALE + 1):
                rows[cell, count] = cells[cell]
            count += 1
            at = _blank(text, at)
            if text[at] == _CLOSE:
                at = _blank(text, at + 1)
                plain[which] = text[at] == 0 and at + 1 == starts[which + 1]
                break
            at = _then(text, at, _COMMA)
        if not plain[which]:
            count = begin
    return count
