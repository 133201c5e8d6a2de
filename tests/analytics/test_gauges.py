"""Time-weighted means: how often a value was sent does not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.books.gauges import Means, weighted
from schema.instant import HOUR, MINUTE

START = 1_789_948_800_000_000


def means(rows: list[tuple[float, float]], end: int = 60) -> Means:
    time = np.array([START + round(minute * MINUTE) for minute, _ in rows], np.int64)
    return weighted(time, np.array([value for _, value in rows]), START, START + end * MINUTE, 15 * MINUTE)


def test_many_readings_of_a_short_peak_weigh_as_little_as_it_lasted() -> None:
    peak = [(3 + second / 60, 100.0) for second in range(60)]
    found = means([(0, 10), (2.999, 10), *peak, (4, 10), (15, 10), (30, 20)], 30)
    assert found.mean.tolist() == pytest.approx([10 + 90 / 15, 15], rel=0.01)
    assert found.covered.tolist() == [1, 1]


def test_what_lies_between_distant_readings_is_not_known() -> None:
    found = means([(0, 1), (5, 1), (130, 1), (135, 1)], 150)
    assert ((found.start - START) // (15 * MINUTE)).tolist() == [0, 8]
    assert found.covered.tolist() == pytest.approx([1 / 3, 1 / 3])


def test_a_reading_beyond_either_end_tells_of_the_edges() -> None:
    assert means([(-10, 0), (20, 30)], 15).mean.tolist() == pytest.approx([17.5])
    assert len(means([(0, 1)]).mean) == len(means([(70, 1), (80, 2)]).mean) == 0


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(-50, 50)), min_size=2, max_size=30))
def test_means_add_up_to_the_whole(steps: list[tuple[int, float]]) -> None:
    time = START + np.cumsum([minutes for minutes, _ in steps]) * MINUTE
    value = np.array([number for _, number in steps])
    found = weighted(time, value, START, START + 24 * HOUR, 15 * MINUTE)
    area = float((found.mean * found.covered).sum()) * 15
    assert area == pytest.approx(float(np.trapezoid(value, (time - START) / MINUTE)), abs=1e-6)
    assert float(found.covered.sum()) * 15 * MINUTE == pytest.approx(int(time[-1] - time[0]))
