"""Instants are whole microseconds, exact both ways."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.instant import DAY, HOUR, MINUTE, SECOND, now, to_datetime, to_micros

ZONES = st.sampled_from([UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London"), timezone(timedelta(hours=-9.5))])


@given(st.datetimes(timezones=ZONES).filter(lambda moment: 2 < moment.year < 9999))
def test_a_moment_comes_back_exactly(moment: datetime) -> None:
    assert to_datetime(to_micros(moment)) == moment.astimezone(UTC)


@given(st.integers(-(2**55), 2**55))
def test_an_instant_comes_back_exactly(instant: int) -> None:
    assert to_micros(to_datetime(instant)) == instant


@given(st.integers(0, 2**51), st.integers(0, 2**40))
def test_differences_are_elapsed_time(instant: int, later: int) -> None:
    assert to_datetime(instant + later) - to_datetime(instant) == timedelta(microseconds=later)


def test_known_moments() -> None:
    assert to_micros(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert to_micros(datetime(2024, 1, 1, 8, tzinfo=ZoneInfo("Asia/Shanghai"))) == 1_704_067_200_000_000
    assert (SECOND, MINUTE, HOUR, DAY) == (10**6, 60 * 10**6, 3600 * 10**6, 86_400 * 10**6)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_micros(datetime(2024, 1, 1))  # noqa: DTZ001 - that is the point


def test_now_is_the_wall_clock() -> None:
    before = datetime.now(UTC)
    assert before <= to_datetime(now()) <= datetime.now(UTC)
