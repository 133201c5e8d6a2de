"""A year of the simulated compound: it balances, it conserves energy, and it follows seasons and calendar."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from statistics import correlation
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest

from devices import kinds
from edge.simulation.calendar import CHINA
from edge.simulation.compound import Compound
from edge.simulation.devices import HEAT_METERS, LIFTS, PV, SUB_METERS, WATER_METERS, catalogue
from schema.instant import DAY, HOUR, to_micros

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = date(2025, 11, 1)
START = to_micros(datetime(2025, 11, 1, tzinfo=ZONE))
DAYS = 365

Values = dict[tuple[str, str], float]


@pytest.fixture(scope="module")
def year() -> dict[int, Values]:
    """What every device shows every 8 hours of a year."""
    compound = Compound(11, FIRST, ZONE)
    return {
        time: {(reading.device, reading.point): reading.value for reading in compound.readings(time)}
        for time in range(START, START + DAYS * DAY + 1, 8 * HOUR)
    }


def grown(year: dict[int, Values], device: str, point: str, first: int = 0, last: int = DAYS) -> float:
    """What a register counted from one day to another."""
    return year[START + last * DAY][device, point] - year[START + first * DAY][device, point]


@pytest.mark.parametrize(
    ("mains", "subs", "point"),
    [
        ("main-elec", SUB_METERS, "energy"),
        ("main-water", WATER_METERS, "volume"),
        ("main-heat", HEAT_METERS, "energy"),
    ],
)
def test_a_year_of_sub_meters_balances_to_a_thousandth(
    year: dict[int, Values], mains: str, subs: tuple[str, ...], point: str
) -> None:
    for first, last in ((0, DAYS), *((day, day + 1) for day in range(DAYS))):
        entered = grown(year, mains, point, first, last)
        if mains == "main-elec":
            entered += grown(year, PV, "yield", first, last) - grown(year, mains, "energy_export", first, last)
        assert sum(grown(year, name, point, first, last) for name in subs) == pytest.approx(entered, rel=1e-3, abs=0.01)
    assert grown(year, mains, point) > 5_000


def test_the_lifts_are_part_of_what_the_grounds_use(year: dict[int, Values]) -> None:
    lifts = sum(grown(year, lift, "energy") for lift in LIFTS)
    assert 0.02 < lifts / grown(year, "grounds-elec", "energy") < 0.5


def test_no_register_of_a_year_goes_backward(year: dict[int, Values]) -> None:
    registers = {
        (device, point)
        for device, point in year[START]
        if (found := kinds()[catalogue()[device].kind].point(point)) is not None and found.kind == "counter"
    }
    shown = list(year.values())
    for key in registers:
        values = [values[key] for values in shown]
        assert values == sorted(values), key
        assert values[-1] > values[0], key


def test_the_roof_gives_more_in_may_than_in_december_and_some_of_it_leaves(year: dict[int, Values]) -> None:
    december, may = (grown(year, PV, "yield", day, day + 31) for day in (30, 181))
    assert may > 2 * december
    exported = grown(year, "main-elec", "energy_export")
    assert 0 < exported < 0.1 * grown(year, PV, "yield")


def test_heat_comes_in_winter_only_and_more_of_it_the_colder_it_is(year: dict[int, Values]) -> None:
    assert grown(year, "main-heat", "energy", 150, 360) == 0
    days = range(15, 130)
    heat = [grown(year, "main-heat", "energy", day, day + 1) for day in days]
    assert correlation(heat, [year[START + day * DAY + 8 * HOUR]["weather", "temperature"] for day in days]) < -0.85


def test_offices_use_more_when_it_is_hot(year: dict[int, Values]) -> None:
    july, april = (grown(year, "office-a-elec", "energy", day, day + 28) for day in (250, 160))
    assert july > 1.15 * april


def test_the_calendar_is_that_of_the_state_council(year: dict[int, Values]) -> None:
    for after in range(3 * 366):
        day = date(2024, 1, 1) + timedelta(after)
        if day.year < 2027:
            assert CHINA.is_workday(day) == chinese_calendar.is_workday(day), day

    def busy(is_meant: Callable[[date], bool]) -> list[float]:
        days = [after for after in range(DAYS) if is_meant(FIRST + timedelta(after))]
        return [grown(year, "canteen-meals", "meals", after, after + 1) for after in days]

    assert min(busy(CHINA.is_workday)) > 5 * max(busy(lambda day: not CHINA.is_workday(day)))
    assert len(busy(lambda day: CHINA.is_workday(day) and day.weekday() > 4)) == 6
