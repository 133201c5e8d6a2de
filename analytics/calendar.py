"""Day types and the hour of the week in a site's own time, with the Chinese working calendar (调休)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import chinese_calendar
import numpy as np
from numpy.typing import NDArray

from schema.instant import DAY, MINUTE, to_datetime

DayType = Literal["workday", "weekend", "holiday"]

HOURS = 168
WEEKEND = 5 * 24
"""The first hour of Saturday; hours from here on are those of days off."""
SUNDAY = 6

_QUARTER = 15 * MINUTE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Calendar:
    """The days of a site; a `country` without known holidays, or None, has plain Monday-to-Friday weeks."""

    def __init__(self, zone: str, country: str | None = "CN") -> None:
        self.zone = ZoneInfo(zone)
        self.country = country
        self._types: dict[date, DayType] = {}
        self._hours: dict[int, NDArray[np.int16]] = {}

    def covers(self, year: int) -> bool:
        """Whether the holidays of that year are known (or none are asked for)."""
        if self.country is None:
            return True
        return self.country == "CN" and _known(lambda: chinese_calendar.is_workday(date(year, 7, 1))) is not None

    def day_type(self, day: date) -> DayType:
        """What kind of day it is; a year without known holidays goes by the weekday."""
        known = self._types.get(day)
        if known is None:
            known = self._types[day] = self._type_of(day)
        return known

    def _type_of(self, day: date) -> DayType:
        plain: DayType = "workday" if day.weekday() < 5 else "weekend"
        if self.country != "CN":
            return plain
        working = _known(lambda: chinese_calendar.is_workday(day))
        if working is None:
            return plain
        if working:
            return "workday"
        named = chinese_calendar.get_holiday_detail(day)[1] is not None
        return "holiday" if named or plain == "workday" else "weekend"

    def profile_day(self, day: date) -> int:
        """The weekday (0 Monday to 6 Sunday) a day behaves like.

        A holiday is a Sunday; a make-up Saturday is the Friday before it, a make-up Sunday the Monday after it.
        """
        kind, weekday = self.day_type(day), day.weekday()
        if kind == "holiday":
            return SUNDAY
        if kind == "workday" and weekday >= 5:
            return 4 if weekday == 5 else 0
        return weekday

    def local(self, time: int) -> datetime:
        """An instant on the site's clock."""
        return to_datetime(time).astimezone(self.zone)

    def hour_of_week(self, times: NDArray[np.int64]) -> NDArray[np.int16]:
        """Hour 0..167 of the week each instant behaves like, Monday 00:00 local first."""
        if not len(times):
            return np.zeros(0, np.int16)
        days, rest = np.divmod(times, DAY)
        quarter = rest // _QUARTER
        first = int(days[0])
        found = range(first, first + 1) if (days == first).all() else np.unique(days)
        table = np.stack([self._hours_of(int(day)) for day in found])
        hours: NDArray[np.int16] = table[np.searchsorted(found, days), quarter]
        return hours

    def _hours_of(self, day: int) -> NDArray[np.int16]:
        """The hour of the week at each quarter of a UTC day; zones change at quarters at the finest."""
        hours = self._hours.get(day)
        if hours is None:
            start = _EPOCH + timedelta(days=day)
            local = [(start + timedelta(minutes=15 * quarter)).astimezone(self.zone) for quarter in range(96)]
            hours = np.array([24 * self.profile_day(moment.date()) + moment.hour for moment in local], np.int16)
            self._hours[day] = hours
        return hours


def _known(ask: Callable[[], bool]) -> bool | None:
    """The package's answer, or None for a year it does not know."""
    try:
        return ask()
    except NotImplementedError:
        return None
