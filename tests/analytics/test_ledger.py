"""The register ledger: what two registers say of the time between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.books import ledger, rules
from analytics.books.ledger import GAP, INTERVAL
from analytics.books.register import Register, segments
from schema.instant import HOUR, MINUTE
from schema.series import Quality

START = 1_514_764_800_000_000  # 2018-01-01, an interval boundary


def settle(minutes: list[float], registers: list[float], width: float | None = None) -> ledger.Intervals:
    time = np.array([START + round(minute * MINUTE) for minute in minutes], np.int64)
    end = ledger.ceil(int(time[-1])) if len(time) else START
    return ledger.settle(time, np.array(registers, np.float64), Register(width), START, end)


def test_readings_on_the_boundaries_give_their_differences() -> None:
    books = settle([0, 15, 30, 45], [100, 101.5, 101.5, 104])
    assert books.value.tolist() == [1.5, 0.0, 2.5]
    assert books.quality.tolist() == [Quality.MEASURED] * 3
    assert ((books.start - START) // INTERVAL).tolist() == [0, 1, 2]


def test_a_reading_inside_an_interval_splits_its_difference_by_time() -> None:
    books = settle([0, 20, 30], [0, 20, 50])
    assert books.value.tolist() == pytest.approx([15, 35])


def test_an_hour_between_readings_is_spread_and_still_measured() -> None:
    books = settle([0, 60], [0, 8])
    assert books.value.tolist() == pytest.approx([2, 2, 2, 2])
    assert set(books.quality.tolist()) == {Quality.MEASURED}


def test_a_gap_beyond_two_hours_is_estimated_and_scaled_to_the_register() -> None:
    books = settle([0, 15, 15 + GAP / MINUTE + 15, 180], [0, 1, 11, 12])
    assert books.quality[0] == Quality.MEASURED
    assert set(books.quality[1:10].tolist()) == {Quality.ESTIMATED}
    assert books.value.sum() == pytest.approx(12)


def test_what_is_not_covered_to_its_end_is_partial() -> None:
    books = settle([5, 22], [0, 17])
    assert books.quality.tolist() == [Quality.PARTIAL, Quality.PARTIAL]
    assert books.value.tolist() == pytest.approx([10, 7])


def test_a_rollover_counts_on() -> None:
    books = settle([0, 15, 30], [999_998.0, 999_999.5, 1.0], width=1e6)
    assert books.value.tolist() == pytest.approx([1.5, 1.5])


def test_a_reset_counts_nothing_and_is_not_called_measured() -> None:
    books = settle([0, 15, 30, 45], [500.0, 501.0, 0.0, 2.0], width=1e6)
    assert books.value.tolist() == pytest.approx([1, 0, 2])
    assert books.quality.tolist() == [Quality.MEASURED, Quality.ESTIMATED, Quality.MEASURED]


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=20), st.one_of(st.none(), st.floats(1, 1e8)))
def test_no_register_ever_counts_backwards(registers: list[float], width: float | None) -> None:
    time = START + np.arange(len(registers)) * INTERVAL
    counted = segments(time, np.array(registers), Register(width))
    assert (counted.amount >= 0).all()
    assert (counted.amount[counted.rule == rules.RESET] == 0).all()
    assert (counted.begin[1:] == counted.end[:-1]).all()


def test_one_reading_says_nothing() -> None:
    assert len(settle([3], [7]).start) == 0
    assert len(settle([], []).start) == 0


readings = st.lists(
    st.tuples(st.integers(0, 6 * 60 * 60), st.integers(0, 5_000)), min_size=2, max_size=60, unique_by=lambda row: row[0]
)


@given(readings)
def test_intervals_add_up_to_the_register(rows: list[tuple[int, int]]) -> None:
    rows.sort()
    registers = np.cumsum([step for _, step in rows]) / 1000
    books = settle([second / 60 for second, _ in rows], registers.tolist())
    assert books.value.sum() == pytest.approx(registers[-1] - registers[0], abs=1e-6)
    assert (books.value >= 0).all()


@given(readings, st.integers(0, 6 * 60), st.integers(1, 3 * 60))
def test_a_window_settles_the_same_bits_as_the_whole(rows: list[tuple[int, int]], first: int, length: int) -> None:
    rows.sort()
    time = np.array([START + second * 1_000_000 for second, _ in rows], np.int64)
    register = np.cumsum([step for _, step in rows]) / 1000
    whole = ledger.settle(time, register, Register(), START, START + 7 * HOUR)
    start = ledger.floor(START + first * MINUTE)
    end = ledger.ceil(start + length * MINUTE)
    near = slice(max(0, np.searchsorted(time, start) - 1), np.searchsorted(time, end) + 1)
    window = ledger.settle(time[near], register[near], Register(), start, end)
    inside = (whole.start >= start) & (whole.start < end)
    assert window.start.tolist() == whole.start[inside].tolist()
    assert window.value.tobytes() == whole.value[inside].tobytes()
    assert window.quality.tobytes() == whole.quality[inside].tobytes()
