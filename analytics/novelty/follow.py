"""One series that is followed reading by reading, by the same algorithm that watches all of the platform's at once."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from analytics.novelty.calculus import FLOATS
from analytics.novelty.surprise import FLAG, advance, alone
from analytics.novelty.trace import Row
from schema.instant import HOUR

MONDAY = 3 * 24
"""Hours of the week that had passed when instants begin: 1970 began on a Thursday."""


class Followed(NamedTuple):
    """A row with its score in [0, 1], and whether that is an anomaly; not `judged` if it holds no usable number."""

    row: Row
    score: float
    anomaly: bool
    judged: bool


class Follower:
    """The state of one series; its hours are those of its own stamps."""

    def __init__(self) -> None:
        self._cells = alone()
        self._time: int | None = None

    def score(self, row: Row) -> float | None:
        """How unlike all before it a row is, in [0, 1]; None where it holds no usable number.

        A row whose clock stands still, jumps back or cannot be read counts as come right after the one before it.
        """
        if row.value is None:
            return None
        known = self._time
        time = row.time if row.time is not None else known or 0
        self._time = time
        gap = 0 if known is None else max(time - known, 0)
        hours, rest = divmod(time, HOUR)
        score: float = advance(
            self._cells, row.value, gap, hours % 24 * 2 + (2 * rest >= HOUR), (hours + MONDAY) % 168, FLOATS
        )
        return score


def follow(rows: Iterable[Row]) -> Iterator[Followed]:
    """Every row as it comes, scored by what came before it."""
    follower = Follower()
    for row in rows:
        score = follower.score(row)
        told = round(score or 0.0, 6)
        yield Followed(row, told, told >= FLAG, score is not None)


def scores(rows: Iterable[Row]) -> list[float]:
    """The scores of rows alone."""
    return [followed.score for followed in follow(rows)]
