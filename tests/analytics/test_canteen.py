"""The canteen: meals and waste a plate, tomorrow's lunches by day type, cabinets against GB 31654 limits."""

from datetime import date, timedelta

import pytest

from analytics.calendar import Calendar
from analytics.people.canteen import CHILLED, FROZEN, expected_lunches, limit_of, services, state
from schema.event import Meal, PlateWaste
from schema.instant import MINUTE

CALENDAR = Calendar("Asia/Shanghai")


def meal(id_: str, window: str = "lunch") -> tuple[str, Meal]:
    return "t-1", Meal(id=id_, time=0, window=window, price="12.00")  # type: ignore[arg-type]


def plate(id_: str, left: float, window: str = "lunch") -> tuple[str, PlateWaste]:
    return "s-1", PlateWaste(id=id_, time=0, window=window, left_g=left)  # type: ignore[arg-type]


def test_meals_and_waste_by_window() -> None:
    found = services(
        [meal("1", "breakfast"), meal("2"), meal("3")], [plate("1", 0.0), plate("2", 30.0), plate("3", 120.0)]
    )
    assert [(one.window, one.meals, one.plates) for one in found] == [("breakfast", 1, 0), ("lunch", 2, 3)]
    assert found[1].waste_g == pytest.approx(50.0)
    assert found[1].clean_share == pytest.approx(2 / 3)


def test_no_plate_is_not_a_clean_plate() -> None:
    (lunch,) = services([meal("1")], [])
    assert (lunch.waste_g, lunch.clean_share) == (None, None)


def test_a_faulty_scale_weighs_nothing() -> None:
    (lunch,) = services([meal("1")], [plate("1", -5.0), plate("2", 1600.0), plate("3", 40.0)])
    assert (lunch.plates, lunch.waste_g, lunch.faults) == (1, 40.0, 2)


def test_events_said_twice_count_once() -> None:
    once = services([meal("1"), meal("2")], [plate("1", 20.0)])
    assert services([meal("2"), meal("1"), meal("1")], [plate("1", 20.0)] * 3) == once


def test_nothing_served_is_an_empty_day() -> None:
    assert services([], []) == []


def test_tomorrow_is_the_median_of_its_day_type() -> None:
    today = date(2026, 11, 19)
    lunches = {today - timedelta(days): 300 for days in range(1, 29)}
    lunches = {day: number if CALENDAR.day_type(day) == "workday" else 40 for day, number in lunches.items()}
    lunches[date(2026, 11, 18)] = 5000
    found = expected_lunches(lunches, CALENDAR.day_type, today)
    assert found.lunches == 300
    assert len(found.days) == 20
    saturday = expected_lunches(lunches, CALENDAR.day_type, date(2026, 11, 20))
    assert saturday.lunches == 40


def test_a_closed_day_does_not_pull_the_median_down() -> None:
    today = date(2026, 11, 19)
    lunches = {date(2026, 11, 18): 0, date(2026, 11, 17): 200, date(2026, 11, 16): 220}
    assert expected_lunches(lunches, CALENDAR.day_type, today).lunches == 210


def test_no_precedent_gives_no_number() -> None:
    found = expected_lunches({}, CALENDAR.day_type, date(2026, 11, 19))
    assert (found.lunches, found.days) == (None, ())
    assert "workday" in found.why.en


@pytest.mark.parametrize(
    ("temperature", "age", "limit", "expected"),
    [
        (4.0, 0, CHILLED, "ok"),
        (8.0, 0, CHILLED, "ok"),
        (8.1, 0, CHILLED, "too_warm"),
        (-0.1, 0, CHILLED, "too_cold"),
        (-12.0, 0, FROZEN, "ok"),
        (-11.9, 0, FROZEN, "too_warm"),
        (-40.0, 0, FROZEN, "ok"),
        (4.0, 3 * MINUTE + 1, CHILLED, "silent"),
        (None, 0, CHILLED, "silent"),
    ],
)
def test_cabinets(temperature: float | None, age: int, limit: object, expected: str) -> None:
    assert state(temperature, age, MINUTE, limit) == expected  # type: ignore[arg-type]


def test_a_cabinet_that_is_usually_deep_cold_is_a_freezer() -> None:
    assert (limit_of(-18.0), limit_of(4.0), limit_of(None)) == (FROZEN, CHILLED, CHILLED)
