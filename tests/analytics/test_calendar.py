"""Day types and the hour of the week."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.calendar import Calendar
from schema.instant import HOUR, MINUTE, to_micros


def instant(zone: str, text: str) -> int:
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def hour(calendar: Calendar, zone: str, text: str) -> int:
    return int(calendar.hour_of_week(np.array([instant(zone, text)]))[0])


def test_day_types_follow_the_chinese_calendar() -> None:
    calendar = Calendar("Asia/Shanghai")
    assert calendar.day_type(date(2026, 10, 1)) == "holiday"
    assert calendar.day_type(date(2026, 10, 10)) == "workday", "a Saturday worked in exchange (调休)"
    assert calendar.day_type(date(2026, 9, 12)) == "weekend"
    assert calendar.day_type(date(2026, 9, 14)) == "workday"


def test_a_holiday_is_a_sunday_and_a_make_up_saturday_a_friday() -> None:
    calendar = Calendar("Asia/Shanghai")
    assert hour(calendar, "Asia/Shanghai", "2026-10-01T09:30") == 6 * 24 + 9
    assert hour(calendar, "Asia/Shanghai", "2026-10-10T09:30") == 4 * 24 + 9


def test_a_year_without_known_holidays_goes_by_the_weekday() -> None:
    calendar = Calendar("Asia/Shanghai")
    assert calendar.covers(2026)
    assert not calendar.covers(2035)
    assert calendar.day_type(date(2035, 10, 1)) == "workday"
    assert calendar.day_type(date(2035, 10, 6)) == "weekend"


def test_without_a_country_weeks_are_plain() -> None:
    calendar = Calendar("Asia/Shanghai", None)
    assert calendar.covers(2035)
    assert calendar.day_type(date(2026, 10, 1)) == "workday"
    assert not Calendar("Europe/London", "GB").covers(2026), "holidays nobody knows are not claimed"


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/London", "Asia/Kathmandu", "America/St_Johns"])
def test_hours_agree_with_the_local_clock_across_a_year(zone: str) -> None:
    calendar = Calendar(zone, None)
    times = np.arange(instant(zone, "2026-01-01"), instant(zone, "2027-01-01"), 7 * HOUR + 15 * MINUTE)
    local = [calendar.local(int(time)) for time in times]
    assert calendar.hour_of_week(times).tolist() == [moment.weekday() * 24 + moment.hour for moment in local]


def test_order_does_not_matter() -> None:
    calendar = Calendar("Europe/London", None)
    times = np.arange(1000, dtype=np.int64)[::-1] * HOUR
    assert calendar.hour_of_week(times).tolist() == calendar.hour_of_week(times[::-1].copy())[::-1].tolist()
    assert len(calendar.hour_of_week(times[:0])) == 0
