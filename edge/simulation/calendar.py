"""Which days people work: weekdays, and what the yearly notice of the State Council changes (调休)."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Calendar:
    """Monday to Friday, except `holidays`; and `workdays`, the weekend days worked in exchange."""

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def is_workday(self, day: date) -> bool:
        """Whether the offices are open."""
        return day in self.workdays or (day.weekday() < 5 and day not in self.holidays)


def _days(*spans: tuple[date, int]) -> frozenset[date]:
    return frozenset(first + timedelta(days=after) for first, length in spans for after in range(length))


CHINA = Calendar(
    holidays=_days(
        (date(2026, 1, 1), 3),
        (date(2026, 2, 15), 9),
        (date(2026, 4, 4), 3),
        (date(2026, 5, 1), 5),
        (date(2026, 6, 19), 3),
        (date(2026, 9, 25), 3),
        (date(2026, 10, 1), 7),
    ),
    workdays=_days(
        (date(2026, 1, 4), 1),
        (date(2026, 2, 14), 1),
        (date(2026, 2, 28), 1),
        (date(2026, 5, 9), 1),
        (date(2026, 9, 20), 1),
        (date(2026, 10, 10), 1),
    ),
)
"""The days announced so far: 2026. Other years have weekends only."""
