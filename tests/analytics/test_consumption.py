"""The books: local days, months and years out of 15-minute intervals."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.books.consumption import Period, boundaries, consumption
from schema.batch import Batch
from schema.instant import DAY, HOUR, MINUTE, to_datetime, to_micros
from schema.series import Quality, SeriesKey
from store.series.duckdb import DuckStore

SHANGHAI, LONDON, KATHMANDU = (ZoneInfo(name) for name in ("Asia/Shanghai", "Europe/London", "Asia/Kathmandu"))
METER = SeriesKey("demo", "hall", "electricity_meter", "m1", "energy")
OTHER = METER._replace(device="m2")


def at(zone: ZoneInfo, year: int, month: int, day: int) -> int:
    return to_micros(datetime(year, month, day, tzinfo=zone))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    store = DuckStore(tmp_path / "readings.duckdb")
    yield store
    store.close()


def fill(store: DuckStore, key: SeriesKey, start: int, end: int, value: float, quality: int = 0) -> None:
    """The same consumption in every interval of [start, end)."""
    time = np.arange(start, end, 15 * MINUTE)
    count = len(time)
    store.write(Batch.of([key.intervals()], [0] * count, time, [value] * count, [quality] * count))


def test_days_and_months_are_local(store: DuckStore) -> None:
    fill(store, METER, at(SHANGHAI, 2026, 1, 31), at(SHANGHAI, 2026, 2, 2), 0.25)
    days = consumption(store, [METER], at(SHANGHAI, 2026, 1, 1), at(SHANGHAI, 2026, 3, 1), "day", SHANGHAI)
    assert [to_datetime(time).astimezone(SHANGHAI).day for time in days.start.tolist()] == [31, 1]
    assert days.value.tolist() == [24.0, 24.0]
    assert days.covered.tolist() == [1.0, 1.0]
    months = consumption(store, [METER], at(SHANGHAI, 2026, 1, 1), at(SHANGHAI, 2026, 3, 1), "month", SHANGHAI)
    assert months.value.tolist() == [24.0, 24.0]
    assert months.quality.tolist() == [Quality.PARTIAL, Quality.PARTIAL]
    assert months.covered.tolist() == pytest.approx([1 / 31, 1 / 28])


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (6, 1, 24)])
def test_a_day_with_a_clock_change_has_its_own_length(store: DuckStore, month: int, day: int, hours: int) -> None:
    start = at(LONDON, 2026, month, day)
    fill(store, METER, start - DAY, start + 3 * DAY, 0.25)
    [value] = consumption(store, [METER], start, start + HOUR, "day", LONDON).value.tolist()
    assert value == hours


def test_missing_is_not_zero(store: DuckStore) -> None:
    start = at(SHANGHAI, 2026, 5, 1)
    fill(store, METER, start, start + HOUR, 1.0)
    hours = consumption(store, [METER, OTHER], start, start + 3 * HOUR, "hour", SHANGHAI)
    assert hours.value.tolist() == [4.0]
    assert [hours.keys[code] for code in hours.code] == [METER]


def test_the_estimated_share_and_the_worst_quality_are_told(store: DuckStore) -> None:
    start = at(SHANGHAI, 2026, 5, 1)
    fill(store, METER, start, start + HOUR, 1.0)
    fill(store, METER, start + HOUR, start + 2 * HOUR, 3.0, Quality.ESTIMATED)
    day = consumption(store, [METER], start, start + DAY, "day", SHANGHAI)
    assert day.estimated.tolist() == [0.75]
    assert day.quality.tolist() == [Quality.ESTIMATED]


def test_several_registers_are_kept_apart(store: DuckStore) -> None:
    start = at(SHANGHAI, 2026, 5, 1)
    fill(store, METER, start, start + DAY, 1.0)
    fill(store, OTHER, start, start + DAY, 2.0)
    day = consumption(store, [OTHER, METER], start, start + DAY, "day", SHANGHAI)
    assert {day.keys[code]: value for code, value in zip(day.code, day.value.tolist(), strict=True)} == {
        OTHER: 192.0,
        METER: 96.0,
    }


@given(
    st.integers(at(SHANGHAI, 2010, 1, 1) // MINUTE, at(SHANGHAI, 2035, 1, 1) // MINUTE),
    st.integers(0, 400 * 24 * 60),
    st.sampled_from(["15min", "hour", "day", "month", "year"]),
    st.sampled_from([SHANGHAI, LONDON, KATHMANDU]),
)
def test_periods_begin_in_the_span_and_follow_one_another(
    begin: int, minutes: int, period: Period, zone: ZoneInfo
) -> None:
    start = begin * MINUTE
    end = start + min(minutes * MINUTE, 3 * DAY if period == "15min" else 400 * DAY)
    edges = boundaries(start, end, period, zone)
    assert (np.diff(edges) > 0).all()
    if len(edges) > 1:
        assert edges[0] >= start
        assert edges[-2] < end <= edges[-1]
    for edge in edges[:50].tolist():
        local = to_datetime(edge).astimezone(zone)
        if period == "hour":
            assert local.minute == 0
        elif period != "15min":
            assert (local.hour, local.minute) == (0, 0)
