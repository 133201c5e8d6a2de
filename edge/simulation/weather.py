"""Weather of a northern Chinese city, a pure function of place, time and seed."""

import math
from datetime import date, datetime
from typing import NamedTuple

from edge.simulation.chance import chance

_LATITUDE = math.radians(39.9)


class Air(NamedTuple):
    """Outside air: degrees C, % relative humidity, W/m2 on the ground."""

    temperature: float
    humidity: float
    irradiance: float


class Weather:
    """The weather of every day; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._days: dict[date, tuple[float, float]] = {}

    def at(self, moment: datetime) -> Air:
        """The air at a local time, clock time taken as sun time."""
        mean, clear = self._day(moment.date())
        hour = moment.hour + moment.minute / 60 + moment.second / 3600
        # Warmest at three in the afternoon; a clear day swings more.
        temperature = mean + (2.0 + 4.0 * clear) * math.cos((hour - 15) / 24 * math.tau)
        humidity = min(98.0, max(12.0, 78 - 35 * clear - 2.2 * (temperature - mean)))
        irradiance = 1000 * (0.15 + 0.75 * clear) * max(0.0, _sun(moment.timetuple().tm_yday, hour)) ** 1.15
        return Air(round(temperature, 1), round(humidity, 1), round(irradiance, 1))

    def _day(self, day: date) -> tuple[float, float]:
        """(mean temperature, clearness 0..1) of a day: the season, and weather that lasts about three days."""
        if day not in self._days:
            today = day.toordinal()
            draws = [chance(self._seed, "weather", today - back) for back in range(5)]
            spell = sum(draw.gauss(0, 2.6) * 0.7**back for back, draw in enumerate(draws))
            cloud = sum(draw.random() * 0.5**back for back, draw in enumerate(draws)) / 1.9375
            season = 13 - 15 * math.cos((day.timetuple().tm_yday - 20) / 365 * math.tau)
            self._days[day] = season + spell, 1 - cloud
        return self._days[day]


def _sun(day_of_year: int, hour: float) -> float:
    """The sine of the sun's elevation."""
    tilt = math.radians(-23.44) * math.cos((day_of_year + 10) / 365 * math.tau)
    turn = (hour - 12) / 24 * math.tau
    return math.sin(_LATITUDE) * math.sin(tilt) + math.cos(_LATITUDE) * math.cos(tilt) * math.cos(turn)
