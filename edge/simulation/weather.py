"""Weather of a northern Chinese city, a pure function of place, time and seed."""

import math
from datetime import date, datetime
from typing import NamedTuple

from edge.simulation.chance import chance

_LATITUDE = math.radians(39.9)
_SLOTS = 12
"""Clouds change twelve times an hour."""


class Air(NamedTuple):
    """Outside air: degrees C, % relative humidity, W/m2 on the ground, m/s of wind."""

    temperature: float
    humidity: float
    irradiance: float
    wind: float


class _Day(NamedTuple):
    """What a day's weather is made of: degrees C, clearness 0..1, m/s, and what share of the sun clouds take."""

    mean: float
    clear: float
    wind: float
    clouds: tuple[float, ...]


class Weather:
    """The weather of every day; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._days: dict[date, _Day] = {}

    def at(self, moment: datetime) -> Air:
        """The air at a local time, clock time taken as sun time."""
        day = self._day(moment.date())
        hour = moment.hour + moment.minute / 60 + moment.second / 3600
        # Warmest at three in the afternoon; a clear day swings more.
        temperature = day.mean + (2.0 + 4.0 * day.clear) * math.cos((hour - 15) / 24 * math.tau)
        humidity = min(98.0, max(12.0, 78 - 35 * day.clear - 2.2 * (temperature - day.mean)))
        slot = int(hour * _SLOTS)
        part = hour * _SLOTS - slot
        cloud = day.clouds[slot] * (1 - part) + day.clouds[slot + 1] * part
        sun = max(0.0, _sun(moment.timetuple().tm_yday, hour)) ** 1.15
        irradiance = 1000 * (0.15 + 0.75 * day.clear) * sun * (1 - cloud)
        wind = day.wind * (1 + 0.5 * math.cos((hour - 14) / 24 * math.tau) - 0.6 * cloud)
        return Air(round(temperature, 1), round(humidity, 1), round(irradiance, 1), round(wind, 1))

    def mean(self, day: date) -> float:
        """The mean temperature of a day, in degrees C."""
        return self._day(day).mean

    def _day(self, day: date) -> _Day:
        """The season, and weather that lasts about three days."""
        if day not in self._days:
            today = day.toordinal()
            draws = [chance(self._seed, "weather", today - back) for back in range(5)]
            spell = sum(draw.gauss(0, 2.6) * 0.7**back for back, draw in enumerate(draws))
            cloud = sum(draw.random() * 0.5**back for back, draw in enumerate(draws)) / 1.9375
            season = 13 - 15 * math.cos((day.timetuple().tm_yday - 20) / 365 * math.tau)
            self._days[day] = _Day(season + spell, 1 - cloud, *self._gusts(today, cloud))
        return self._days[day]

    def _gusts(self, today: int, cloud: float) -> tuple[float, tuple[float, ...]]:
        """The day's wind, and its passing clouds: most of them on a day that is neither clear nor grey."""
        rng = chance(self._seed, "clouds", today)
        wind = 0.8 + rng.gammavariate(2.2, 0.8)
        depth = 0.1 + 0.7 * (1 - abs(1 - 2 * cloud))
        drift, clouds = 0.0, []
        for _ in range(24 * _SLOTS + 1):
            drift = 0.9 * drift + rng.gauss(0, 0.35)
            clouds.append(depth * min(1.0, max(0.0, drift)))
        return wind, tuple(clouds)


def _sun(day_of_year: int, hour: float) -> float:
    """The sine of the sun's elevation."""
    tilt = math.radians(-23.44) * math.cos((day_of_year + 10) / 365 * math.tau)
    turn = (hour - 12) / 24 * math.tau
    return math.sin(_LATITUDE) * math.sin(tilt) + math.cos(_LATITUDE) * math.cos(tilt) * math.cos(turn)
