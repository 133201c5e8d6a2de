"""The compound's days, drawn one by one: who was there, what flowed, and where every register stands."""

import math
from collections.abc import Hashable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from random import Random
from typing import NamedTuple, TypeVar

from edge.simulation.calendar import Calendar
from edge.simulation.chance import chance
from edge.simulation.curve import KNOT, Curve
from edge.simulation.devices import HEAT_METERS, LIFTS, OFFICES, PV, ROOMS, SUB_METERS, WATER_METERS
from edge.simulation.faults import Fault, Retrofit, added
from edge.simulation.happenings import Counters
from edge.simulation.loads import Moment, electricity, gas, heat, roof, water
from edge.simulation.people import People, Presence
from edge.simulation.rides import Rides
from edge.simulation.weather import Air, Weather
from schema.instant import HOUR, MINUTE, to_datetime, to_micros

EXPORT = "export"
"""The flow out of the compound: what the roof gives and nobody inside takes."""

_KITCHEN_PEAK = 420
_KEPT_DAYS = 4
_FLOOR = 0.25
"""A room whose set point is ignored stands for this part of its building."""
_METER_OF = {EXPORT: "main-elec"}


class Day(NamedTuple):
    """One local day [start, end): its people, its counters, the curve of each flow, and of what is counted of it."""

    date: date
    start: int
    end: int
    presence: Presence
    counters: Counters
    flows: dict[str, Curve]
    counted: dict[str, Curve]


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
        self._people = People(seed, calendar, zone, faults)
        self._gains = [fault for fault in faults if fault.kind in {"level_shift", "drift", "wrong_ct"}]
        self._days: dict[date, Day] = {}
        self._latest: Day | None = None
        self._openings: list[Opening] = [Opening({}, {})]

    def day(self, time: int) -> Day:
        """The local day of an instant; ValueError before the origin."""
        if self._latest is None or not self._latest.start <= time < self._latest.end:
            date = self._local(time).date()
            if date < self.origin:
                raise ValueError(f"{date} is before {self.origin}, when the compound begins")
            self._latest = self._day(date)
        return self._latest

    def air(self, time: int) -> Air:
        """The weather at an instant."""
        return self._weather.at(self._local(time))

    def register(self, flow: str, time: int) -> float:
        """All that was counted of a flow since the origin."""
        day = self.day(time)
        return self._opening(day.date).registers.get(flow, 0.0) + day.counted[flow].until(time)

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
            registers = _sum(before.registers, {name: curve.total for name, curve in day.counted.items()})
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
        rides = Rides(presence)
        times = range(start, end + 1, KNOT)
        faults = [fault for fault in self._faults if fault.begin <= end and fault.end > start]
        knots: dict[str, list[float]] = {}
        for time in times:
            for name, value in self._flows(presence, rides, faults, time, rng).items():
                knots.setdefault(name, []).append(value)
        flows = {name: Curve.through(start, values) for name, values in knots.items()}
        counters = Counters(presence, rides, start + 20 * HOUR)
        return Day(date, start, end, presence, counters, flows, flows | self._miscounted(knots, times))

    def _miscounted(self, knots: Mapping[str, list[float]], times: range) -> dict[str, Curve]:
        """What the meters that are wrong today count."""
        found = {}
        for name, values in knots.items():
            device = _METER_OF.get(name, name)
            wrong = [
                one for one in self._gains if one.device == device and one.begin <= times[-1] and one.end > times[0]
            ]
            if wrong:
                gains = (math.prod(fault.gain(time) for fault in wrong) for time in times)
                shown = [value * gain for value, gain in zip(values, gains, strict=True)]
                found[name] = Curve.through(times[0], shown)
        return found

    def _flows(
        self, presence: Presence, rides: Rides, faults: Sequence[Fault], time: int, rng: Random
    ) -> dict[str, float]:
        """kW and m3/h everywhere; the mains are the sum of all that hangs on them."""
        lifts = {lift: rides.power(lift, time - KNOT // 2, time + KNOT // 2) for lift in LIFTS}
        now = self._moment(presence, faults, time, sum(lifts.values()))
        kw = electricity(now, rng)
        for name in SUB_METERS:
            kw[name] *= math.prod(retrofit.left(name, time) for retrofit in self._retrofits)
            kw[name] += added(faults, "left_on", name, time)
        volume = water(now, rng)
        for name in WATER_METERS:
            volume[name] += added(faults, "leak", name, time)
        warmth = heat(now, rng)
        flows = kw | lifts | volume | warmth | {PV: roof(now.air), "kitchen-gas": gas(now, rng)}
        net = sum(kw[name] for name in SUB_METERS) - flows[PV]
        # Between a knot with import and one with export both registers run, so that their difference is always `net`.
        flows["main-elec"], flows[EXPORT] = max(net, 0.0), max(-net, 0.0)
        flows["main-water"] = sum(volume[name] for name in WATER_METERS) + added(faults, "leak", "main-water", time)
        flows["main-heat"] = sum(warmth[name] for name in HEAT_METERS)
        return flows

    def _moment(self, presence: Presence, faults: Sequence[Fault], time: int, rides: float) -> Moment:
        local = self._local(time)
        # The kitchen starts an hour and a half before the meal and washes up for half an hour after it.
        cooking = presence.meals_between(time - 30 * MINUTE, time + 90 * MINUTE) / _KITCHEN_PEAK
        beyond = dict.fromkeys(OFFICES, 0.0)
        for room, office in ROOMS.items():
            beyond[office] += _FLOOR * added(faults, "set_point", room, time)
        return Moment(
            hour=local.hour + local.minute / 60,
            month=local.month,
            workday=self._calendar.is_workday(local.date()),
            inside={office: presence.inside(office, time) for office in OFFICES},
            air=self._weather.at(local),
            day=self._weather.mean(local.date()),
            kitchen=min(1.0, cooking),
            heats=self._calendar.heats(local.date()),
            rides=rides,
            beyond=beyond,
        )

    def _local(self, time: int) -> datetime:
        return to_datetime(time).astimezone(self.zone)

    def _midnight(self, date: date) -> int:
        return to_micros(datetime(date.year, date.month, date.day, tzinfo=self.zone))


_Name = TypeVar("_Name", bound=Hashable)


def _sum(before: Mapping[_Name, float], grown: Mapping[_Name, float]) -> dict[_Name, float]:
    return {name: before.get(name, 0.0) + amount for name, amount in grown.items()}
