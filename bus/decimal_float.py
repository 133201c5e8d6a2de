"""Decimal numbers to the nearest double, as Python's `float` has it (Clinger 1990, Lemire 2021, Mushtak, Lemire 2023).

A number is `digits` * 10**power; its `scale` is twice the power, plus one for a negative one. What is nearer to zero or
farther from it than any normal double is not decided.
"""

import numpy as np
from numpy.typing import NDArray

from schema.compiled import compiled, part

_LEAST, _MOST = -342, 308
_EXACT = 22
"""Powers of ten up to here are doubles, and so is any whole number up to 2**53."""
_LEAST_TIE, _MOST_TIE = -4, 23
"""Only with these powers can 64 bits of digits lie just between two doubles."""
_TENS = np.array([10.0**power for power in range(_EXACT + 1)])


def _fives() -> NDArray[np.uint64]:
    """The 128 leading bits of 5**power as upper and lower half, rounded down, but up where the power is negative."""
    halves = []
    for power in range(_LEAST, _MOST + 1):
        if power >= 0:
            shift = (5**power).bit_length() - 128
            top = 5**power >> shift if shift > 0 else 5**power << -shift
        else:
            top = (1 << (5**-power).bit_length() + 127) // 5**-power + 1
        halves.append((top >> 64, top & (1 << 64) - 1))
    return np.array(halves, np.uint64)


_FIVES = _fives()
_32, _LOW = np.uint64(32), np.uint64(0xFFFF_FFFF)
_NONE, _ONE, _THREE = np.uint64(0), np.uint64(1), np.uint64(3)
_CUT = np.uint64(0x1FF)
"""Of a 64-bit product these bits are below the half of the last place of a double."""
_FRACTION = np.uint64((1 << 52) - 1)


@part
def _leading_zeros(whole: np.uint64) -> int:
    count = 0
    while not whole >> np.uint64(63):
        whole <<= _ONE
        count += 1
    return count


@part
def _product(one: np.uint64, other: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Upper and lower half of the product of two 64-bit numbers."""
    low = (one & _LOW) * (other & _LOW)
    cross = (one >> _32) * (other & _LOW) + (low >> _32)
    middle = (one & _LOW) * (other >> _32) + (cross & _LOW)
    return (one >> _32) * (other >> _32) + (cross >> _32) + (middle >> _32), one * other


@part
def _nearest(whole: np.uint64, power: int) -> np.uint64:
    """The bits of the double nearest to whole * 10**power; 0 where that is not decided."""
    if power < _LEAST or power > _MOST:
        return _NONE
    empty = _leading_zeros(whole)
    whole <<= np.uint64(empty)
    high, low = _product(whole, _FIVES[power - _LEAST, 0])
    if high & _CUT == _CUT:
        more, _ = _product(whole, _FIVES[power - _LEAST, 1])
        low += more
        if low < more:
            high += _ONE
    top = high >> np.uint64(63)
    fraction = high >> (top + np.uint64(9))
    if low <= _ONE and _LEAST_TIE <= power <= _MOST_TIE and fraction & _THREE == _ONE:
        # Just between two doubles: the even one.
        fraction ^= np.uint64(fraction << (top + np.uint64(9)) == high)
    fraction = fraction + _ONE >> _ONE
    # 217706 / 2**16 is log2(10), near enough to be right for every power there is.
    exponent = (217706 * power >> 16) + 1086 - empty + np.int64(top)
    if fraction >> np.uint64(53):
        fraction >>= _ONE
        exponent += 1
    if exponent < 1 or exponent > 2046:
        return _NONE
    return np.uint64(exponent) << np.uint64(52) | fraction & _FRACTION


@compiled("void(int64[::1], int64[::1], float64[::1], boolean[::1])")
def doubles(
    digits: NDArray[np.int64], scale: NDArray[np.int64], value: NDArray[np.float64], decided: NDArray[np.bool_]
) -> None:
    """Fill in `value`, and clear `decided` of those that are not."""
    bits = value.view(np.uint64)
    for at in range(len(digits)):
        whole, power = digits[at], scale[at] >> 1
        if whole <= 1 << 53 and -_EXACT <= power <= _EXACT:
            # Both are exact, so that the one operation rounds once.
            value[at] = whole * _TENS[power] if power >= 0 else whole / _TENS[-power]
        elif whole:
            bits[at] = _nearest(np.uint64(whole), power)
            decided[at] &= bits[at] != _NONE
        else:
            value[at] = 0.0
        if scale[at] & 1:
            value[at] = -value[at]
