"""Gaps in what a chart draws: no line across missing readings."""

from typing import NamedTuple

import numpy as np

from api.routes.series import Samples
from schema.instant import SECOND


class Columns(NamedTuple):
    """The rows of a chart; None where nothing is drawn."""

    time: list[int]
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]

    def add(self, time: int, mean: float | None, low: float | None, high: float | None) -> None:
        """One more row."""
        self.time.append(time)
        self.mean.append(mean)
        self.low.append(low)
        self.high.append(high)


def with_gaps(found: Samples, interval: float) -> Columns:
    """The rows with an empty one where readings are missing, so that no line is drawn across a gap.

    Missing means well beyond the usual step, and beyond the steps before and after: a device may have changed its pace.
    """
    step = max(found.every or 0, int(interval * SECOND))
    steps = [step, *np.diff(found.time).tolist(), step]
    columns = Columns([], [], [], [])
    for row, (at, mean, low, high) in enumerate(zip(found.time, found.mean, found.low, found.high, strict=True)):
        usual = max(step, steps[row - 1], steps[row + 1]) if row else step
        if row and steps[row] > 2.5 * usual:
            columns.add(found.time[row - 1] + step, None, None, None)
        columns.add(at, mean, low, high)
    return columns
