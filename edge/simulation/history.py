"""The compound's days, drawn one by one: who was there, what flowed, and where every register stands."""

import math
from collections.abc import Hashable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from random import Random
from typing import NamedTuple, TypeVar

from edge.simulation.calendar import Calendar
from edge.simulation.chance import chance
from edge.simulation.curve import KNOT, Curve
from edge.simulation.devices import SUB_METERS
from edge.simulation.faults import Fault, Retrofit, added
from edge.simulation.happenings import Counters
from edge.simulation.loads import Moment, electricity, gas, water
from edge.simulation.people import OFFICES, People, Presence
from edge.simulation.weather import Air, Weather
from schema.instant import MINUTE, to_datetime, to_micros

_KITCHEN_PEAK = 420
_KEPT_DAYS = 4


class Day(NamedTuple):
    """One local day [start, end): its people, its counters, and the curve of each flow."""

    date: date
    start: int
    end: int
    presence: Presence
    counters: Counters
    flows: dict[str, Curve]


class Opening(NamedTuple):
    """Where registers and counters stand at a day's first instant."""

    registers: dict[str, float]
    counters: dict[tuple[str, str], float]


class History:
    """Every day from `origin` on, at whose first instant all registers stood at zero."""

    def __init__(
        self,
        seed: int,
        origin: date,
        zone: tzinfo,
        faults: Sequence[Fault],
        retrofits: Sequence[Retrofit],
        calendar: Calendar,
    ) -> None:
        self.origin = origin
        self.zone = zone
        self._seed = seed
        self._faults = faults
        self._retrofits = retrofits
        self._calendar = calendar
        self._weather = Weather(seed)
        self._people = People(seed, calendar, zone)
        self._days: dict[date, Day] = {}
        self._openings: list[Opening] = [Opening({}, {})]

    def day(self, time: int) -> Day:
        """The local day of an instant; ValueError before the origin."""
        date = self._local(time).date()
        if date < self.origin:
            raise ValueError(f"{date} is before {self.origin}, when the compound begins")
        return self._day(date)

    def air(self, time: int) -> Air:
        """The weather at an instant."""
        return self._weather.at(self._local(time))

    def register(self, flow: str, time: int) -> float:
        """All that has flowed since the origin."""
        day = self.day(time)
        return self._opening(day.date).registers.get(flow, 0.0) + day.flows[flow].until(time)

    def counters(self, time: int) -> dict[tuple[str, str], float]:
        """All that was counted since the origin, by device and point."""
        day = self.day(time)
        return _sum(self._opening(day.date).counters, day.counters.at(time))

    def _opening(self, date: date) -> Opening:
        """How a day opens; the days before are run through once."""
        wanted = (date - self.origin).days
        while len(self._openings) <= wanted:
            day = self._day(self.origin + timedelta(days=len(self._openings) - 1))
            before = self._openings[-1]
            registers = _sum(before.registers, {name: curve.total for name, curve in day.flows.items()})
            self._openings.append(Opening(registers, _sum(before.counters, day.counters.at(day.end))))
        return self._openings[wanted]

    def _day(self, date: date) -> Day:
        if date not in self._days:
            while len(self._days) >= _KEPT_DAYS:
                del self._days[next(iter(self._days))]
            self._days[date] = self._drawn(date)
        return self._days[date]

    def _drawn(self, date: date) -> Day:
        start, end = self._midnight(date), self._midnight(date + timedelta(days=1))
        rng = chance(self._seed, "loads", date)
        presence = self._people.day(date)
        knots: dict[str, list[float]] = {}
        for time in range(start, end + 1, KNOT):
            for name, value in self._flows(presence, time, self._calendar.is_workday(date), rng).items():
                knots.setdefault(name, []).append(value)
        flows = {name: Curve.through(start, values) for name, values in knots.items()}
        return Day(date, start, end, presence, Counters(presence), flows)

    def _flows(self, presence: Presence, time: int, workday: bool, rng: Random) -> dict[str, float]:
        local = self._local(time)
        # The kitchen starts an hour and a half before the meal and washes up for half an hour after it.
        cooking = presence.meals_between(time - 30 * MINUTE, time + 90 * MINUTE) / _KITCHEN_PEAK
        now = Moment(
            hour=local.hour + local.minute / 60,
            month=local.month,
            workday=workday,
            inside={office: presence.inside(office, time) for office in OFFICES},
            air=self._weather.at(local),
            kitchen=min(1.0, cooking),
        )
        flows = electricity(now, rng) | water(now, rng) | {"kitchen-gas": gas(now, rng)}
        for name in SUB_METERS:
            flows[name] *= math.prod(retrofit.left(name, time) for retrofit in self._retrofits)
            flows[name] += added(self._faults, "left_on", name, time)
        flows["canteen-water"] += added(self._faults, "leak", "canteen-water", time)
        flows["rest-water"] += added(self._faults, "leak", "main-water", time)
        return flows

    def _local(self, time: int) -> datetime:
        return to_datetime(time).astimezone(self.zone)

    def _midnight(self, date: date) -> int:
        return to_micros(datetime(date.year, date.month, date.day, tzinfo=self.zone))


_Name = TypeVar("_Name", bound=Hashable)


def _sum(before: Mapping[_Name, float], grown: Mapping[_Name, float]) -> dict[_Name, float]:
    return {name: before.get(name, 0.0) + amount for name, amount in grown.items()}
