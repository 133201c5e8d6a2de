"""Span: the days of a compound that are asked for."""

from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from schema.instant import to_micros


class Span(NamedTuple):
    """Whole local days of the compound of a seed, from its first on."""

    seed: int
    first: date
    days: int
    zone: tzinfo

    @property
    def start(self) -> int:
        """The first instant."""
        return self.midnight(0)

    @property
    def end(self) -> int:
        """The instant after the last."""
        return self.midnight(self.days)

    def midnight(self, after: int) -> int:
        """The first instant of the day that comes so many days after the first."""
        day = self.first + timedelta(after)
        return to_micros(datetime(day.year, day.month, day.day, tzinfo=self.zone))
