"""Novelty: one algorithm for floats and arrays, no look-ahead, one finding an event, and no false certainty."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics.detect.arrays import LAYOUT, advance_rows
from analytics.detect.core import State, admitted
from analytics.novelty.follow import Follower, follow
from analytics.novelty.follow import scores as listed
from analytics.novelty.surprise import FLAG, GRACE
from analytics.novelty.trace import Row, instant, number, rows
from analytics.score.nab import load, profiles
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey
from tests.real_data import real

START = 1_396_310_400_000_000
FIVE = 5 * MINUTE


def read(values: NDArray[np.float64], every: int = FIVE) -> list[Row]:
    return [Row("", "", START + i * every, float(value)) for i, value in enumerate(values)]


def scores(rows_: list[Row]) -> NDArray[np.float64]:
    return np.array(listed(rows_))


def noise(n: int, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(20.0, 1.0, n)


def daily(n: int, seed: int = 1) -> NDArray[np.float64]:
    """A working day of twelve hours, with noise, every five minutes."""
    return noise(n, seed) + 40 * (np.arange(n) % 288 >= 144)


def wide(values: NDArray[np.float64], order: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
    """Scores of the columns of values, as series of the live core; rows of a wave in any order."""
    n = values.shape[1]
    keys = [SeriesKey("demo", "b1", "room_sensor", str(i), "temperature") for i in range(n)]
    columns = admitted(State(), LAYOUT, keys).columns
    row = np.arange(n) if order is None else order
    found = np.empty_like(values)
    for i, line in enumerate(values):
        time = np.full(n, START + i * FIVE)
        hour = (time // HOUR + 72) % 168
        found[i, row] = advance_rows(columns, row, time, line[row], hour, np.full(n, FIVE if i else 0))
    return found


def test_many_series_at_once_score_as_each_by_itself() -> None:
    values = np.stack([noise(700), daily(700), np.full(700, 3.0), np.where(np.arange(700) < 500, noise(700), 90)], 1)
    alone = np.stack([scores(read(column)) for column in values.T], 1)
    assert alone.max() > FLAG
    np.testing.assert_allclose(wide(values), alone, atol=1e-4)
    np.testing.assert_allclose(wide(values, np.array([2, 0, 3, 1])), alone, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_what_comes_later_changes_no_score(data: st.DataObject) -> None:
    values = data.draw(st.lists(st.floats(-1e6, 1e6) | st.just(0.0), min_size=2, max_size=400))
    cut = data.draw(st.integers(1, len(values)))
    whole = [followed.score for followed in follow(read(np.array(values)))]
    assert [followed.score for followed in follow(read(np.array(values[:cut])))] == whole[:cut]


@pytest.mark.parametrize("shape", ["spike", "drop", "shift", "noisier", "flat", "missing_day"])
def test_an_event_is_told_early_and_few_times(shape: str) -> None:
    values, begin = daily(288 * 12), 288 * 10 + 200
    if shape in ("spike", "drop"):
        values[begin] += 60 if shape == "spike" else -60
    elif shape == "shift":
        values[begin:] += 25
    elif shape == "noisier":
        values[begin : begin + 60] += 6 * (noise(60, 2) - 20)
    elif shape == "flat":
        values[begin : begin + 150] = 45.0
    else:
        begin = 288 * 10
        values[begin : begin + 288] = noise(288, 3)
    told = np.flatnonzero(scores(read(values)) >= FLAG)
    after = told[(told >= begin) & (told < begin + 288)]
    assert len(after) >= 1
    assert len(after) <= 4
    assert len(told[told < begin]) <= 3


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_neither_unit_nor_offset_matters(scale: float) -> None:
    values = daily(1500)
    values[1300] += 50
    np.testing.assert_allclose(scores(read(values * scale + 7 * scale)), scores(read(values)), atol=1e-3)


@pytest.mark.parametrize("every", [MINUTE, HOUR, DAY])
def test_cadence_is_inferred(every: int) -> None:
    values = noise(1500)
    values[1200:] += 15
    found = scores(read(values, every))
    assert found[1200:1230].max() >= FLAG
    assert (found[:1200] >= FLAG).sum() <= 6


def test_nothing_is_said_in_the_grace_period_of_a_constant_or_of_three_points() -> None:
    values = noise(GRACE)
    values[-1] = 1e6
    assert not scores(read(values)).any()
    assert not scores(read(np.full(2000, 45.0))).any()
    assert not scores(read(np.array([1.0, 1e14, -1e14]))).any()


RUBBISH = """\ufefftimestamp,value
2014-04-01 00:00:00,1
2014-04-01 00:05:00,

2014-04-01 00:10:00,NaN
2014-04-01 00:15:00,1e308
2014-04-01 00:20:00,-inf
2014-04-01 00:25:00,what
2014-04-01 00:25:00,2
2014-04-01 00:25:00,2
2013-04-01 00:00:00,3
yesterday,4
99999-99-99,5
2014-04-01 00:30:00
,
"a ""quoted"" stamp",6,7
2014-04-01T00:35:00+08:00,7
"""


def test_every_row_of_rubbish_gets_a_score_and_none_an_alarm() -> None:
    found = list(follow(rows(RUBBISH.lstrip("\ufeff").splitlines(keepends=True))))
    assert len(found) == 15
    assert [followed.judged for followed in found].count(False) == 7
    assert not any(followed.anomaly for followed in found)
    assert all(0 <= followed.score <= 1 for followed in found)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.none() | st.integers(0, 2**60), st.none() | st.floats(-1e15, 1e15)), max_size=300))
def test_any_clock_and_any_number_score_between_0_and_1(pairs: list[tuple[int | None, float | None]]) -> None:
    follower = Follower()
    for time, value in pairs:
        score = follower.score(Row("", "", time, value))
        assert (score is None) == (value is None)
        assert score is None or 0 <= score <= 1


def test_a_clock_that_jumps_back_for_good_does_not_end_the_watch() -> None:
    values = noise(1500)
    values[1200:] += 15
    read_ = [row._replace(time=(row.time or 0) - (300 * DAY if i >= 800 else 0)) for i, row in enumerate(read(values))]
    assert scores(read_)[1200:1230].max() >= FLAG


def test_stamps_and_numbers_of_many_spellings() -> None:
    for text in ("2014-04-01 00:00:00", "2014/04/01 00:00", "2014-04-01T08:00:00+08:00", "1396310400", "1396310400000"):
        assert instant(text) == START, text
    assert [instant(text) for text in ("", "soon", "nan", "-5", "1e300")] == [None] * 5
    assert [number(text) for text in ("1e3", " 2 ", "", "x", "nan", "inf", "1e308")] == [1000.0, 2.0] + [None] * 5


def test_a_header_may_name_the_columns() -> None:
    assert [(row.time, row.value) for row in rows(["id,value,timestamp\n", "7,1.5,2014-04-01\n"])] == [(START, 1.5)]
    assert [row.value for row in rows(["2014-04-01,1.5\n"])] == [1.5]
    assert list(rows([])) == []


def test_real_series_score_well_on_the_benchmark() -> None:
    """A floor, on a part of the files: what was measured on all of them is in docs/detection.md."""
    folder = real("nab")
    part = load(folder).of("artificialWithAnomaly", "artificialNoAnomaly")
    found = {file.name: scores(list(file.rows)) for file in part.files}
    assert part.at(found, profiles(folder)[0], FLAG) > 60
    assert not any(math.isnan(value) for file in found.values() for value in file)
