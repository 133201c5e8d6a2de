"""Targets follow the habit of day types, add gaps and the rest as expected, and say unknown when they cannot know."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.books.ledger import INTERVAL
from analytics.calendar import Calendar
from analytics.targets import Goal, Track, track
from analytics.typical import Grid, Load, Profile, midnight
from schema.instant import DAY, HOUR, to_micros
from schema.series import SeriesKey

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONTH = (date(2026, 11, 1), date(2026, 12, 1))
FIRST = date(2026, 10, 10)
CALENDAR = Calendar("Asia/Shanghai")


def meter(name: str) -> SeriesKey:
    return SeriesKey("demo", "b1", "electricity_meter", name, "energy")


def at(day: int, hour: int = 0) -> int:
    return to_micros(datetime(2026, 11, day, hour, tzinfo=SHANGHAI))


def workday_habit(day: date) -> float:
    """9.6 kWh on a workday, 0.96 on a day off."""
    return 9.6 if CALENDAR.day_type(day) == "workday" else 0.96


def load(now: int, habit: Callable[[date], float] = workday_habit, meters: tuple[str, ...] = ("m1",)) -> Load:
    """Even days by a habit up to `now`, then nothing."""
    grid = Grid.of(FIRST, MONTH[1], SHANGHAI)
    each = np.array([habit(day) / 96 for day in grid.dates])[grid.day]
    value = np.where(grid.start < now, each, np.nan)
    values = np.tile(value, (len(meters), 1))
    blank = np.zeros(values.shape, bool)
    return Load(tuple(meter(name) for name in meters), grid, values, blank, blank.copy())


def judge(limit: float, loaded: Load, now: int, **goal: object) -> Track:
    today = CALENDAR.local(now).date()
    profile = Profile.of(loaded, CALENDAR.day_type, today)
    return track(Goal(limit=limit, start=MONTH[0], end=MONTH[1], **goal), loaded, profile, now)  # type: ignore[arg-type]


def month_total() -> float:
    return sum(workday_habit(MONTH[0] + timedelta(days)) for days in range(30))


def test_the_allowance_follows_day_types_not_the_calendar() -> None:
    """1 November 2026 is a Sunday: after it, a thirtieth of the month has gone but hardly any of its use."""
    found = judge(100.0, load(at(2)), at(2))
    assert found.allowed_to_date == pytest.approx(100.0 * 0.96 / month_total())
    assert found.allowed_to_date is not None
    assert found.allowed_to_date < 100.0 / 30 / 2


def test_a_steady_habit_is_forecast_to_the_kilowatt_hour() -> None:
    found = judge(300.0, load(at(15, 12)), at(15, 12))
    assert found.forecast == pytest.approx(month_total())
    assert found.low == pytest.approx(found.high)
    assert found.status == "on_track"
    assert found.coverage == pytest.approx(1.0)


def test_the_status_tells_a_miss_before_it_happens() -> None:
    limit = month_total() * 0.9
    found = judge(limit, load(at(15)), at(15))
    assert found.used is not None
    assert found.used < limit
    assert found.status == "at_risk"
    assert "over the limit" in found.why.en
    assert "超出限额" in found.why.zh


def test_what_was_used_above_the_limit_is_exceeded_whatever_comes() -> None:
    found = judge(5.0, load(at(15)), at(15))
    assert found.status == "exceeded"
    assert found.why.en == "Already 94.8 over the limit."
    assert judge(5.0, load(at(15), lambda _: 9600.0), at(15)).why.zh == "已用量超出限额 134,395。"


def test_a_gap_is_expected_not_zero_and_not_used() -> None:
    loaded = load(at(15))
    third = loaded.grid.day == loaded.grid.dates.index(date(2026, 11, 3))
    loaded.value[:, third] = np.nan
    found = judge(300.0, loaded, at(15))
    whole = judge(300.0, load(at(15)), at(15))
    assert found.forecast == pytest.approx(whole.forecast)
    assert found.used == pytest.approx((whole.used or 0) - 9.6)
    assert found.coverage == pytest.approx(13 / 14)
    assert (found.high or 0) - (found.forecast or 0) >= 0


def test_a_silent_main_meter_makes_the_status_unknown_and_is_named() -> None:
    loaded = load(at(15), meters=("m1", "m2"))
    loaded.value[1] = np.nan
    found = judge(300.0, loaded, at(15))
    assert (found.status, found.missing, found.devices) == ("unknown", ["m2"], ["m1"])
    assert "m2" in found.why.en
    assert found.forecast is None


def test_a_young_history_gives_no_forecast() -> None:
    loaded = load(at(3))
    loaded.value[:, loaded.grid.start < at(1)] = np.nan
    found = judge(300.0, loaded, at(3))
    assert (found.status, found.forecast, found.allowed_to_date) == ("unknown", None, None)
    assert found.used == pytest.approx(0.96 + 9.6)


def test_a_new_meter_has_to_be_known_before_a_forecast() -> None:
    """What it adds to the rest of the month is not zero, and not yet known either."""
    loaded = load(at(15), meters=("m1", "m2", "m3", "m4", "m5", "m6"))
    loaded.value[5, loaded.grid.start < at(13)] = np.nan
    found = judge(1e4, loaded, at(15))
    assert found.coverage > 0.8
    assert (found.status, found.forecast) == ("unknown", None)
    assert found.why.en.startswith("On 2 days of the last 4 weeks all meters spoke")
    assert judge(1e4, loaded.rows(range(5)), at(15)).status == "on_track"


def test_nothing_known_is_not_zero_used() -> None:
    loaded = load(at(1) - 40 * DAY)
    found = judge(300.0, loaded, at(15))
    assert (found.used, found.estimated_share, found.status) == (None, None, "unknown")


def test_an_intensity_is_per_square_metre() -> None:
    total = judge(300.0, load(at(15)), at(15))
    found = judge(3.0, load(at(15)), at(15), basis="area", divisor=100.0)
    assert found.used == pytest.approx((total.used or 0) / 100)
    assert found.forecast == pytest.approx((total.forecast or 0) / 100)


def test_an_intensity_without_an_area_says_so() -> None:
    found = judge(3.0, load(at(15)), at(15), basis="area", divisor=None)
    assert (found.status, found.used) == ("unknown", None)
    assert "area" in found.why.en


def test_the_estimated_share_is_carried() -> None:
    loaded = load(at(15))
    loaded.estimated[:, (loaded.grid.start >= at(3)) & (loaded.grid.start < at(4))] = True
    found = judge(300.0, loaded, at(15))
    assert found.estimated_share == pytest.approx(9.6 / (found.used or 0))


def test_a_holiday_without_precedent_borrows_the_weekend() -> None:
    """The day types before National Day hold no holiday; a holiday is then taken for a weekend day."""
    grid = Grid.of(date(2026, 8, 31), date(2026, 11, 1), SHANGHAI)
    today = date(2026, 9, 25)
    each = np.array([workday_habit(day) / 96 for day in grid.dates])[grid.day]
    value = np.where(grid.start < midnight(today, SHANGHAI), each, np.nan)[np.newaxis]
    blank = np.zeros(value.shape, bool)
    profile = Profile.of(Load((meter("m1"),), grid, value, blank, blank), CALENDAR.day_type, today)
    assert "holiday" in profile.borrowed
    holiday = grid.dates.index(date(2026, 10, 1))
    assert profile.expected[0, grid.day == holiday].sum() == pytest.approx(0.96)


@given(st.integers(1, 29), st.integers(0, 23), st.floats(50, 500), st.integers(0, 2**32 - 1))
def test_the_figures_keep_their_order(day: int, hour: int, limit: float, seed: int) -> None:
    """used <= low <= forecast <= high, and the allowance grows to the limit and never beyond."""
    now = at(day, hour) + HOUR // 2
    chance = np.random.default_rng(seed)
    loaded = load(now)
    loaded.value[:] *= chance.uniform(0.5, 1.5, loaded.value.shape)
    found = judge(limit, loaded, now)
    if found.forecast is not None:
        assert (found.used or 0) <= (found.low or 0) + 1e-9
        assert (found.low or 0) <= found.forecast + 1e-9 <= (found.high or 0) + 2e-9
        assert 0 <= (found.allowed_to_date or 0) <= limit * (1 + 1e-9)
    assert (found.status == "exceeded") == ((found.used or 0) > limit)


def test_the_band_holds_nine_cases_of_ten() -> None:
    """Months of independent daily scatter, and of a level that walks by the week, seen from their 15th."""
    assert _hits(drift=0.0) >= 0.85
    assert 0.85 <= _hits(drift=0.08) <= 0.99


def _hits(drift: float) -> float:
    now, hits = at(15), 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        full = load(at(30) + DAY)
        count = len(full.grid.dates)
        level = np.exp(np.repeat(np.cumsum(chance.normal(0, drift, count // 7 + 1)), 7)[:count])
        full.value[:] *= (level * chance.normal(1.0, 0.10, count))[full.grid.day]
        inside = np.array([MONTH[0] <= day < MONTH[1] for day in full.grid.dates])[full.grid.day]
        truth = float(full.value[0, inside].sum())
        full.value[:, full.grid.start >= now] = np.nan
        found = judge(300.0, full, now)
        assert (found.high or 0) - (found.low or 0) < truth
        hits += (found.low or 0) <= truth <= (found.high or 0)
    return hits / 200


def test_days_of_a_clock_change_have_their_own_length() -> None:
    grid = Grid.of(date(2025, 3, 30), date(2025, 3, 31), ZoneInfo("Europe/London"))
    assert len(grid.start) == 92
    assert len(set(grid.slot.tolist())) == 92
    assert int(grid.start[-1]) + INTERVAL == midnight(date(2025, 3, 31), ZoneInfo("Europe/London"))
