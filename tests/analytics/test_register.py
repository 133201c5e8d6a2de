"""Registers: single readings that do not count, exchanges, resets, ratios, what cannot be; sums exact to the bit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.books import habit, ledger, rules
from analytics.books.ledger import Intervals
from analytics.books.register import GAP, INTERVAL, Change, Register, on_grid, segments, standing
from analytics.calendar import Calendar
from schema.instant import DAY, HOUR, MINUTE
from schema.series import Quality

START = 1_789_948_800_000_000
"""2026-09-21 00:00 UTC, a Monday."""
SHANGHAI = Calendar("Asia/Shanghai")


def settle(rows: list[tuple[float, float]], register: Register, shape: ledger.Shape | None = None) -> Intervals:
    """The books of readings (minute, register)."""
    time = np.array([START + round(minute * MINUTE) for minute, _ in rows], np.int64)
    value = np.array([value for _, value in rows], np.float64)
    return ledger.settle(time, value, register, int(time[0]), ledger.ceil(int(time[-1])), shape)


def at(minute: int, **known: float | None) -> Change:
    told: dict[str, float | None] = {"closing": None, "opening": None, "factor": 1.0, "width": None, **known}
    return Change(START + minute * MINUTE, **told)  # type: ignore[arg-type]


def test_a_reading_that_falls_and_is_taken_back_counts_nothing_twice() -> None:
    books = settle([(0, 1000), (15, 0), (30, 1001), (45, 1002)], Register(1e6))
    assert books.value.tolist() == [0.5, 0.5, 1]
    assert books.rule.tolist() == [rules.LEFT_OUT, rules.LEFT_OUT, rules.NONE]
    assert set(books.quality.tolist()) == {Quality.MEASURED}


def test_a_reading_that_jumps_and_is_taken_back_counts_nothing() -> None:
    books = settle([(0, 5), (15, 999_999), (30, 7), (45, 8)], Register(1e6))
    assert books.value.tolist() == [1, 1, 1]


def test_a_drop_to_nought_close_to_the_end_of_a_register_is_no_rollover() -> None:
    assert settle([(0, 950_000), (15, 0), (30, 950_001)], Register(1e6)).value.tolist() == [0.5, 0.5]


def test_what_no_such_meter_can_count_is_not_believed() -> None:
    books = settle([(0, 100), (15, 900_000), (30, 900_001)], Register(1e6, most=20_000))
    assert books.value.tolist() == [0, 1]
    assert books.quality.tolist() == [Quality.ESTIMATED, Quality.MEASURED]
    assert books.rule.tolist() == [rules.HIGH, rules.NONE]


def test_an_exchange_counts_the_old_meter_to_its_closing_and_the_new_one_from_its_opening() -> None:
    register = Register(1e6, changes=(at(20, closing=5004, opening=3),))
    books = settle([(0, 5000), (15, 5003), (30, 5), (45, 6)], register)
    assert books.value.tolist() == [3, 3, 1]
    assert set(books.quality.tolist()) == {Quality.MEASURED}


@pytest.mark.parametrize("read", [5003, 3])
def test_a_reading_of_the_very_instant_of_an_exchange_is_of_the_meter_it_fits(read: float) -> None:
    register = Register(1e6, changes=(at(15, closing=5003, opening=3),))
    books = settle([(0, 5000), (15, read), (30, 5), (45, 6)], register)
    assert books.value.tolist() == [3, 2, 1]
    assert set(books.rule.tolist()) == {rules.NONE}


def test_two_exchanges_between_two_readings_count_the_meter_nobody_else_read() -> None:
    register = Register(changes=(at(20, closing=104, opening=0), at(25, closing=7, opening=50)))
    assert settle([(15, 103), (30, 51)], register).value.tolist() == [1 + 7 + 1]


def test_a_declared_reset_without_a_closing_register_says_what_it_cannot_know() -> None:
    books = settle([(0, 500), (15, 501), (30, 2), (45, 3)], Register(changes=(at(20, opening=0),)))
    assert books.value.tolist() == [1, 2, 1]
    assert books.quality.tolist() == [Quality.MEASURED, Quality.ESTIMATED, Quality.MEASURED]


def test_a_new_ratio_multiplies_from_its_day_on() -> None:
    known = Register(changes=(at(15, closing=12, opening=12, factor=40.0),))
    assert settle([(0, 10), (15, 12), (30, 13)], known).value.tolist() == [2, 40]
    guessed = settle([(0, 10), (30, 14), (45, 15)], Register(changes=(at(15, factor=40.0),)))
    assert guessed.value.tolist() == [2, 80, 40]
    assert guessed.rule.tolist() == [rules.RATIO, rules.RATIO, rules.NONE]


def test_a_change_after_the_last_reading_says_nothing_yet() -> None:
    rows = [(0.0, 10.0), (15.0, 11.0)]
    assert settle(rows, Register(changes=(at(40, closing=12, opening=0),))).value.tolist() == [1]


def test_a_long_gap_is_filled_like_the_same_type_of_day_and_meets_the_register_to_the_last_bit() -> None:
    """Two workdays without readings, after four weeks of days that use 1 by day and 0.25 by night."""
    first, gap = START - 28 * DAY, START
    start = np.arange(first, gap, INTERVAL)
    local = (start + 8 * HOUR) % DAY // HOUR
    value = np.where((local >= 8) & (local < 18), 1.0, 0.25)
    register = np.append(0.0, np.cumsum(value))
    day, total = (10 * 4 * 1.0 + 14 * 4 * 0.25), 2 * 54.123456789
    time = np.append(np.append(start, gap), gap + 2 * DAY)
    shape: ledger.Shape = lambda begin, end: habit.shares(start, value, begin, end, SHANGHAI)  # noqa: E731
    books = ledger.settle(time, np.append(register, register[-1] + total), Register(), gap, gap + 2 * DAY, shape)
    assert set(books.rule.tolist()) == {rules.PROFILE}
    assert set(books.quality.tolist()) == {Quality.ESTIMATED}
    whole = on_grid(np.array([register[-1] + total]))[0] - register[-1]
    assert books.value.sum() == math.fsum(books.value) == whole
    noon, night = books.value[16], books.value[64]
    assert noon / night == pytest.approx(4, rel=1e-5)
    assert noon == pytest.approx(total / (2 * day))


def test_a_gap_without_history_is_spread_evenly() -> None:
    assert habit.shares(np.arange(3) * INTERVAL, np.ones(3), 10 * HOUR, 30 * HOUR, SHANGHAI) is None
    books = settle([(0, 0), (180, 12)], Register(), lambda *_: None)
    assert books.value.tolist() == [1] * 12
    assert set(books.rule.tolist()) == {rules.FLAT}


registers = st.lists(st.tuples(st.integers(1, 3 * 60 * 60), st.integers(0, 10**8)), min_size=2, max_size=40)


@given(registers, st.floats(0, 9e5), st.sampled_from([1.0, 0.1, 40.0]))
def test_intervals_add_up_to_the_register_to_the_last_bit(
    steps: list[tuple[int, int]], first: float, factor: float
) -> None:
    """Whatever the readings and the gaps between them: the sum is the difference of the registers on the grid."""
    time = START + np.cumsum([seconds for seconds, _ in steps]) * 1_000_000
    value = first + np.cumsum([step for _, step in steps]) / 1e4
    declared = Register(changes=(Change(int(time[0]) - 1, None, None, factor, None),))
    books = ledger.settle(time, value, declared, 0, int(time[-1]) + DAY)
    scaled = on_grid(value * factor)
    backwards = np.cumsum(books.value[::-1])
    assert books.value.sum() == scaled[-1] - scaled[0]
    assert backwards[-1] == scaled[-1] - scaled[0]
    assert (books.value >= 0).all()


@given(st.lists(st.integers(0, 6), min_size=2, max_size=30), st.integers(0, 29), st.integers(0, 6))
def test_a_reading_is_judged_by_its_neighbours_alone(values: list[int], place: int, other: int) -> None:
    """What settling relies on: two neighbours judge, and at most two readings in a row are left out."""
    value = np.array(values, float)
    kept = standing(value)
    assert kept[0]
    assert kept[-1]
    assert "000" not in "".join("1" if one else "0" for one in kept)
    place %= len(values)
    changed = value.copy()
    changed[place] = other
    now = standing(changed)
    far = np.abs(np.arange(len(values)) - place) > 2
    assert (now[far] == kept[far]).all()


@given(
    st.lists(st.tuples(st.integers(1, 200), st.integers(0, 9)), min_size=3, max_size=40),
    st.integers(0, 39),
    st.integers(0, 30),
)
def test_a_window_with_its_margin_settles_the_same_bits_as_the_whole(
    rows: list[tuple[int, int]], first: int, length: int
) -> None:
    """Falls, dips and gaps included: eight readings beyond either end are enough."""
    time = START + np.cumsum([minutes for minutes, _ in rows]) * MINUTE
    value = np.array([register for _, register in rows], float)
    begin = int(time[min(first, len(rows) - 1)])
    start, end = ledger.floor(begin), ledger.ceil(begin + length * MINUTE)
    near = slice(max(0, int(np.searchsorted(time, start)) - 8), int(np.searchsorted(time, end)) + 8)
    register = Register(10.0, changes=(at(300, closing=5, opening=2, factor=3.0),))
    whole = ledger.settle(time, value, register, int(time[0]), int(time[-1]) + DAY)
    window = ledger.settle(time[near], value[near], register, start, end)
    inside = (whole.start >= start) & (whole.start < end)
    assert window.start.tolist() == whole.start[inside].tolist()
    assert window.value.tobytes() == whole.value[inside].tobytes()
    assert window.rule.tolist() == whole.rule[inside].tolist()
    assert window.quality.tolist() == whole.quality[inside].tolist()


def test_segments_follow_one_another_without_a_hole() -> None:
    register = Register(changes=(at(20, opening=0), at(300, closing=9, opening=1)))
    time = START + np.array([0, 15, 200, 400]) * MINUTE
    counted = segments(time, np.array([5.0, 6, 8, 2]), register)
    assert counted.begin[1:].tolist() == counted.end[:-1].tolist()
    assert (counted.begin[0], counted.end[-1]) == (time[0], time[-1])
    assert (np.diff(counted.begin) > 0).all()
    assert GAP == 2 * HOUR
