"""A register and what it counted: readings, one by one, as a gapless chain of segments with their amounts.

Everything is counted on a grid of 2**-23 units (0.0001 Wh for kWh): below 2**30 units every difference and every sum is
then exact in a float, whatever its order, so that parts always meet the whole to the last bit.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from analytics.books import rules
from schema.instant import HOUR, MINUTE

INTERVAL = 15 * MINUTE
GAP = 2 * HOUR
"""Readings further apart than this give estimates: how it was spread between them is then our guess."""

_GRID = 2.0**23
CREDIBLE = 1.2

REACH = 6
"""A reading changes nothing beyond so many neighbours: 2 of them judge it, and at most 2 in a row are left out."""


class Change(NamedTuple):
    """At `time` the register read `closing`, and `opening` from then on (None: not known); `factor` and `width` follow.

    With neither register known only the factor changes, at an interpolated register.
    """

    time: int
    closing: float | None
    opening: float | None
    factor: float
    width: float | None


@dataclass(frozen=True, slots=True)
class Register:
    """What a register rolls over at, the most it can count an hour, and its declared changes in order of time."""

    width: float | None = None
    most: float | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Segments:
    """Between two readings that count: [begin, end), the amount on the grid, the rule (books.rules) that applied.

    Struct of arrays; each segment begins where the one before it ends.
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    amount: NDArray[np.float64]
    rule: NDArray[np.uint8]

    @classmethod
    def of(cls, rows: list[tuple[int, int, float, int]]) -> Self:
        """From rows (begin, end, amount, rule)."""
        begin, end, amount, rule = zip(*rows, strict=True) if rows else ((), (), (), ())
        return cls(
            np.array(begin, np.int64), np.array(end, np.int64), np.array(amount, float), np.array(rule, np.uint8)
        )

    @classmethod
    def concat(cls, parts: list["Segments"]) -> Self:
        """Parts in order of time."""
        names = ("begin", "end", "amount", "rule")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def long(self) -> NDArray[np.bool_]:
        """Which of them were spread by a guess."""
        return np.asarray((self.rule == rules.FLAT) | (self.rule == rules.PROFILE))


def on_grid(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest amounts on the grid."""
    return np.asarray(np.rint(value * _GRID) / _GRID)


def rolled(value: NDArray[np.float64], width: float | None) -> NDArray[np.bool_]:
    """Where a register fell from the last tenth of its width to the first: it rolled over."""
    if width is None:
        return np.zeros(max(0, len(value) - 1), np.bool_)
    before, after = value[:-1], value[1:]
    return np.asarray((after < before) & (before > 0.9 * width) & (before <= width) & (after < 0.1 * width))


def standing(value: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which readings count: not one that fell below its neighbours, nor one that rose above them, alone.

    A register that rolls over is neither: it would have to count most of its width between two readings.
    """
    kept = np.ones(len(value), np.bool_)
    fell = np.flatnonzero(np.diff(value) < 0)
    last = len(value) - 1
    dip = (fell + 2 <= last) & (value[np.minimum(fell + 2, last)] >= value[fell])
    kept[fell[dip] + 1] = False
    fell = fell[~dip]
    spike = (fell >= 1) & (value[np.maximum(fell - 1, 0)] <= value[np.minimum(fell + 1, last)])
    kept[fell[spike]] = False
    return kept


def segments(time: NDArray[np.int64], value: NDArray[np.float64], register: Register) -> Segments:
    """What the register counted between its readings (ascending times); changes beyond the readings say nothing yet."""
    if len(time) < 2:
        return Segments.of([])
    changes = register.changes
    era = _eras(time, value, changes)
    first, last = int(era[0]), int(era[-1])
    stretches = [
        _Stretch.of(time[era == number], value[era == number], register, number) for number in range(first, last + 1)
    ]
    for number in range(first, last):
        _join(stretches, number - first, changes[number])
    parts: list[Segments] = []
    reached = int(time[0])
    for stretch in stretches:
        counted = stretch.count(register.most)
        if len(counted.begin):
            if int(counted.begin[0]) > reached:
                parts.append(Segments.of([(reached, int(counted.begin[0]), 0.0, rules.RESET)]))
            parts.append(counted)
            reached = int(counted.end[-1])
    if reached < int(time[-1]):
        parts.append(Segments.of([(reached, int(time[-1]), 0.0, rules.RESET)]))
    return Segments.concat(parts)


def _eras(time: NDArray[np.int64], value: NDArray[np.float64], changes: tuple[Change, ...]) -> NDArray[np.intp]:
    """How many changes came before each reading; one of the very instant is of the register it is closer to."""
    era = np.searchsorted(np.array([change.time for change in changes], np.int64), time, side="right")
    for number, change in enumerate(changes):
        if change.closing is not None and change.opening is not None:
            old = np.abs(value - change.closing) < np.abs(value - change.opening)
            era[(time == change.time) & old] = number
    return era


@dataclass(slots=True)
class _Stretch:
    """The readings that count between two changes; `guessed` where a register at an end is interpolated."""

    time: NDArray[np.int64]
    value: NDArray[np.float64]
    bridged: NDArray[np.bool_]
    width: float | None
    factor: float
    guessed: list[int]

    @classmethod
    def of(cls, time: NDArray[np.int64], value: NDArray[np.float64], register: Register, number: int) -> Self:
        began = register.changes[number - 1] if number else None
        width = (began and began.width) or register.width
        places = np.flatnonzero(standing(value))
        return cls(
            time[places],
            value[places],
            np.diff(places) > 1,
            width,
            began.factor if began else 1.0,
            [],
        )

    def put(self, at: int, value: float, *, front: bool, guessed: bool) -> None:
        """A register nobody but a person read, at either end; a reading of that instant knows better."""
        if at in self.time:
            return
        place = 0 if front else len(self.time)
        if guessed:
            self.guessed.append(at)
        if len(self.time):
            self.bridged = np.insert(self.bridged, 0 if front else len(self.bridged), values=False)
        self.time = np.insert(self.time, place, at)
        self.value = np.insert(self.value, place, value)

    def count(self, most: float | None) -> Segments:
        """What was counted between these readings."""
        if len(self.time) < 2:
            return Segments.of([])
        span = np.diff(self.time)
        over = rolled(self.value, self.width)
        amount = np.diff(on_grid(self.value * self.factor))
        if self.width is not None:
            amount[over] += on_grid(np.array([self.width * self.factor]))[0]
        rule = np.where(self.bridged, rules.LEFT_OUT, rules.NONE).astype(np.uint8)
        rule[span > GAP] = rules.FLAT
        ends = np.array(self.guessed, np.int64)
        rule[np.isin(self.time[:-1], ends) | np.isin(self.time[1:], ends)] = rules.RATIO
        rule[amount < 0] = rules.RESET
        if most is not None:
            rule[amount > CREDIBLE * most * np.maximum(span, INTERVAL) / HOUR] = rules.HIGH
        amount[(rule == rules.RESET) | (rule == rules.HIGH)] = 0.0
        return Segments(self.time[:-1], self.time[1:], amount, rule)


def _join(stretches: list[_Stretch], number: int, change: Change) -> None:
    """Give the stretches before and after a change the registers at it."""
    before, after = stretches[number], stretches[number + 1]
    closing, opening = change.closing, change.opening
    guessed = closing is None and opening is None
    if guessed:
        following = next(stretch for stretch in stretches[number + 1 :] if len(stretch.time))
        closing = opening = _between(before, following, change.time)
    if closing is not None:
        before.put(change.time, closing, front=False, guessed=guessed)
    if opening is not None:
        after.put(change.time, opening, front=True, guessed=guessed)


def _between(before: _Stretch, after: _Stretch, at: int) -> float | None:
    """The register at an instant between two stretches, None where nothing was read before it."""
    if not len(before.time):
        return None
    low, high = float(before.value[-1]), float(after.value[0])
    begin, end = int(before.time[-1]), int(after.time[0])
    return low + max(0.0, high - low) * ((at - begin) / (end - begin))
