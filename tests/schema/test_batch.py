"""Batches keep every row, whatever is done to them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.batch import Batch
from schema.series import Quality, SeriesKey

KEYS = [SeriesKey("demo", "hq", "electricity_meter", f"m{number}", "energy") for number in range(4)]
Row = tuple[SeriesKey, int, float, int]

rows = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.integers(-(2**62), 2**62),
        st.floats(allow_nan=False),
        st.sampled_from([int(quality) for quality in Quality]),
    ),
    max_size=20,
)


def batch(given_rows: list[Row]) -> Batch:
    keys = list(dict.fromkeys(row[0] for row in given_rows))
    codes = [keys.index(row[0]) for row in given_rows]
    _, times, values, qualities = zip(*given_rows, strict=True) if given_rows else ((), (), (), ())
    return Batch.of(keys, codes, times, values, qualities)


def listed(found: Batch) -> list[Row]:
    columns = zip(found.code.tolist(), found.time.tolist(), found.value.tolist(), found.quality.tolist(), strict=True)
    return [(found.keys[code], time, value, quality) for code, time, value, quality in columns]


@given(rows)
def test_a_batch_holds_the_rows_it_was_made_of(given_rows: list[Row]) -> None:
    made = batch(given_rows)
    assert listed(made) == given_rows
    assert len(made) == len(given_rows)
    types = [column.dtype for column in (made.code, made.time, made.value, made.quality)]
    assert types == [np.int32, np.int64, np.float64, np.uint8]


@given(st.lists(rows, max_size=5))
def test_concat_keeps_all_rows_in_order_under_one_dictionary(parts: list[list[Row]]) -> None:
    joined = Batch.concat(batch(part) for part in parts)
    assert listed(joined) == [row for part in parts for row in part]
    assert len(set(joined.keys)) == len(joined.keys)


@given(rows, st.data())
def test_take_chooses_by_index_and_by_mask(given_rows: list[Row], data: st.DataObject) -> None:
    made = batch(given_rows)
    mask = data.draw(st.lists(st.booleans(), min_size=len(made), max_size=len(made)))
    chosen = [row for row, wanted in zip(given_rows, mask, strict=True) if wanted]
    assert listed(made.take(np.array(mask, bool))) == chosen
    assert listed(made.take(np.flatnonzero(mask))) == chosen


@given(rows)
def test_of_series_is_one_series_in_time_order_the_later_row_last(given_rows: list[Row]) -> None:
    made = batch(given_rows)
    for key in KEYS:
        expected = sorted((row for row in given_rows if row[0] == key), key=lambda row: row[1])
        assert listed(made.of_series(key)) == expected


def test_quality_is_measured_unless_given() -> None:
    assert Batch.of(KEYS[:1], [0, 0], [1, 2], [1.0, 2.0]).quality.tolist() == [Quality.MEASURED] * 2


def test_the_empty_batch_is_empty() -> None:
    assert len(Batch.empty()) == len(Batch.concat([])) == len(Batch.concat([Batch.empty()])) == 0
    assert Batch.empty().of_series(KEYS[0]).keys == ()


def test_the_worst_quality_is_the_greatest() -> None:
    assert Quality.MEASURED < Quality.PARTIAL < Quality.ESTIMATED < Quality.EDITED


def test_a_key_of_intervals_differs_in_its_kind_only() -> None:
    assert KEYS[0].intervals() == ("demo", "hq", "electricity_meter_15min", "m0", "energy")


def test_a_batch_does_not_change() -> None:
    with pytest.raises(AttributeError):
        Batch.empty().keys = ()  # type: ignore[misc]
