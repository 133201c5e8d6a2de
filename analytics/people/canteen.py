"""The canteen: meals, plate waste, clean plates (光盘), the lunches to expect, and the cold chain."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from statistics import fmean, median
from typing import Literal, NamedTuple

import msgspec

from analytics.typical import DAY_TYPES, TypeOfDay, alike
from schema.event import Meal, PlateWaste
from schema.text import Text

CLEAN_G = 30.0
FAULT_G = 1500.0
"""More than this, or less than nothing, on a plate is the scale's fault and no leftover."""
SILENT_PERIODS = 3

Window = Literal["breakfast", "lunch", "dinner"]
TITLES: dict[Window, Text] = {
    "breakfast": Text("早餐", "Breakfast"),
    "lunch": Text("午餐", "Lunch"),
    "dinner": Text("晚餐", "Dinner"),
}


class Limit(NamedTuple):
    """The temperatures a cabinet of this class must hold, degree C; GB 31654-2021."""

    storage: Literal["chilled", "frozen"]
    low: float | None
    high: float


CHILLED = Limit("chilled", 0.0, 8.0)
FROZEN = Limit("frozen", None, -12.0)


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One meal window of a day; waste is g per weighed plate, None when no plate was weighed (missing is not zero).

    `clean_share` is the part of the weighed plates with at most 30 g left; `faults` are weighings left out.
    """

    window: Window
    title: Text
    meals: int
    plates: int
    waste_g: float | None
    clean_share: float | None
    faults: int


class Expected(NamedTuple):
    """Tomorrow's lunches: the median of the same type of day in the last 4 weeks, `days`; None without one."""

    lunches: int | None
    days: tuple[date, ...]
    why: Text


class Cabinet(msgspec.Struct, frozen=True, kw_only=True):
    """A cold-chain cabinet: its newest temperature (degree C, at `time`) against the limits of its class."""

    device: str
    title: Text
    storage: Literal["chilled", "frozen"]
    temperature: float | None
    low: float | None
    high: float
    time: str | None
    state: Literal["ok", "too_warm", "too_cold", "silent"]


def services(meals: Iterable[tuple[str, Meal]], plates: Iterable[tuple[str, PlateWaste]]) -> list[Service]:
    """The windows of a day from its events, each (device, id) counted once; a window nobody used is not listed."""
    served = {(device, meal.id): meal for device, meal in meals}
    weighed = {(device, plate.id): plate for device, plate in plates}
    answer = []
    for window, title in TITLES.items():
        count = sum(meal.window == window for meal in served.values())
        left = [plate.left_g for plate in weighed.values() if plate.window == window]
        good = [grams for grams in left if 0 <= grams <= FAULT_G]
        if not count and not left:
            continue
        answer.append(
            Service(
                window=window,
                title=title,
                meals=count,
                plates=len(good),
                waste_g=fmean(good) if good else None,
                clean_share=sum(grams <= CLEAN_G for grams in good) / len(good) if good else None,
                faults=len(left) - len(good),
            )
        )
    return answer


def expected_lunches(lunches: Mapping[date, int], day_type: TypeOfDay, today: date) -> Expected:
    """What tomorrow's kitchen should cook for; a day without any lunch was closed or lost, and tells nothing."""
    tomorrow = today + timedelta(days=1)
    days = [day for day in alike(sorted(lunches), day_type, today, tomorrow) if lunches[day] > 0]
    name = DAY_TYPES[day_type(tomorrow)]
    if not days:
        return Expected(
            None, (), Text(f"近四周没有供餐的{name.zh}，无法预计。", f"No {name.en} with lunch in the last 4 weeks.")
        )
    why = Text(f"近四周 {len(days)} 个{name.zh}的中位数", f"Median of {len(days)} of the last 4 weeks' {name.en}s")
    return Expected(round(median(lunches[day] for day in days)), tuple(days), why)


def limit_of(typical: float | None) -> Limit:
    """The class of a cabinet by what it usually holds: below -5 degree C it is a freezer."""
    return FROZEN if typical is not None and typical < -5 else CHILLED


def state(
    temperature: float | None, age: int, period: int, limit: Limit
) -> Literal["ok", "too_warm", "too_cold", "silent"]:
    """How a cabinet stands now; a reading older than 3 periods says nothing any more."""
    if temperature is None or age > SILENT_PERIODS * period:
        return "silent"
    if temperature > limit.high:
        return "too_warm"
    if limit.low is not None and temperature < limit.low:
        return "too_cold"
    return "ok"
