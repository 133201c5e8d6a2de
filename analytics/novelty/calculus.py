"""What differs between arithmetic on floats and on arrays, so that an algorithm is written once for both.

A number stands for one series where it is a float, and for each series of a wave where it is an array. State is then a
mapping of columns: a number each, or a sequence of numbers.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

Number = Any
Cells = dict[str, Any]


class Calculus(NamedTuple):
    """What differs between floats and arrays.

    `least` is the smallest of some numbers, and which it is; `picked` are those of some series, to be `spread` over
    those of all; `cell` finds each series' number in a line that is chosen for it.
    """

    maximum: Callable[[Number, Number], Number]
    minimum: Callable[[Number, Number], Number]
    where: Callable[[Any, Number, Number], Number]
    any: Callable[[Any], Any]
    all: Callable[[Any], Any]
    log: Callable[[Number], Number]
    log1p: Callable[[Number], Number]
    exp: Callable[[Number], Number]
    single: Callable[[Number], Number]
    picked: Callable[[Any, Number], Number]
    spread: Callable[[Any, Number, Number], Number]
    scaled: Callable[[Any, float], Any]
    least: Callable[[Any], tuple[Number, Any]]
    cell: Callable[[Any], Any]


def _least_float(numbers: list[float]) -> tuple[float, int]:
    least = min(numbers)
    return least, numbers.index(least)


FLOATS = Calculus(
    maximum=max,
    minimum=min,
    where=lambda chosen, one, other: one if chosen else other,
    any=bool,
    all=bool,
    log=math.log,
    log1p=math.log1p,
    exp=math.exp,
    single=float,
    picked=lambda _, number: number,
    spread=lambda chosen, new, old: new if chosen else old,
    scaled=lambda numbers, by: [number * by for number in numbers],
    least=_least_float,
    cell=lambda line: line,
)
