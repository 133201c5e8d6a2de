"""Which days people work: weekdays, and what the yearly notice of the State Council changes (调休)."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Calendar:
    """Monday to Friday, except `holidays`; and `workdays`, the weekend days worked in exchange."""

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def heats(self, day: date) -> bool:
        """Whether the district sends heat: from 15 November to 15 March."""
        return (day.month, day.day) >= (11, 15) or (day.month, day.day) <= (3, 15)

    def is_workday(self, day: date) -> bool:
        """Whether the offices are open."""
        return day in self.workdays or (day.weekday() < 5 and day not in self.holidays)


def _days(*spans: tuple[date, int]) -> frozenset[date]:
    return frozenset(first + timedelta(days=after) for first, length in spans for after in range(length))


CHINA = Calendar(
    holidays=_days(
        (date(2024, 1, 1), 1),
        (date(2024, 2, 10), 8),
        (date(2024, 4, 4), 3),
        (date(2024, 5, 1), 5),
        (date(2024, 6, 10), 1),
        (date(2024, 9, 15), 3),
        (date(2024, 10, 1), 7),
        (date(2025, 1, 1), 1),
        (date(2025, 1, 28), 8),
        (date(2025, 4, 4), 3),
        (date(2025, 5, 1), 5),
        (date(2025, 5, 31), 3),
        (date(2025, 10, 1), 8),
        (date(2026, 1, 1), 3),
        (date(2026, 2, 15), 9),
        (date(2026, 4, 4), 3),
        (date(2026, 5, 1), 5),
        (date(2026, 6, 19), 3),
        (date(2026, 9, 25), 3),
        (date(2026, 10, 1), 7),
    ),
    workdays=_days(
        (date(2024, 2, 4), 1),
        (date(2024, 2, 18), 1),
        (date(2024, 4, 7), 1),
        (date(2024, 4, 28), 1),
        (date(2024, 5, 11), 1),
        (date(2024, 9, 14), 1),
        (date(2024, 9, 29), 1),
        (date(2024, 10, 12), 1),
        (date(2025, 1, 26), 1),
        (date(2025, 2, 8), 1),
        (date(2025, 4, 27), 1),
        (date(2025, 9, 28), 1),
        (date(2025, 10, 11), 1),
        (date(2026, 1, 4), 1),
        (date(2026, 2, 14), 1),
        (date(2026, 2, 28), 1),
        (date(2026, 5, 9), 1),
        (date(2026, 9, 20), 1),
        (date(2026, 10, 10), 1),
    ),
)
"""The days announced for 2024 to 2026. Other years have weekends only."""
