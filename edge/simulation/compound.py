"""The compound itself: what every device shows at an instant, and what happened between two.

Registers are a pure function of seed, faults and time since `origin`: a restart goes on where it stopped.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from random import Random
from typing import NamedTuple

from edge.simulation.calendar import CHINA, Calendar
from edge.simulation.curve import KNOT, Curve, passed
from edge.simulation.devices import CABINETS, SUB_METERS
from edge.simulation.faults import Fault, added
from edge.simulation.loads import GAS_KWH_PER_M3, Moment, electricity, gas, water
from edge.simulation.people import GATES, MEAL_PRICE, OFFICES, Eaten, Passage, People, Presence
from edge.simulation.weather import Weather
from schema.event import Event, Meal, Pass, PlateWaste
from schema.instant import DAY, HOUR, MINUTE, to_datetime, to_micros
from schema.reading import Reading

_KITCHEN_PEAK = 420
_KEPT_DAYS = 4


class _Day(NamedTuple):
    """One local day [start, end): its people, and the curve of each flow."""

    start: int
    end: int
    presence: Presence
    flows: dict[str, Curve]


class Compound:
    """A government compound of 600 staff from local midnight of `origin` on, when every register stood at zero."""

    def __init__(
        self, seed: int, origin: date, zone: tzinfo, faults: Sequence[Fault] = (), calendar: Calendar = CHINA
    ) -> None:
        self.origin = origin
        self.zone = zone
        self.faults = tuple(faults)
        self._seed = seed
        self._calendar = calendar
        self._weather = Weather(seed)
        self._people = People(seed, calendar, zone)
        self._days: dict[date, _Day] = {}
        self._openings: list[dict[str, float]] = [{}]

    def inside(self, building: str, time: int) -> int:
        """How many people are in an office building."""
        return self._day_of(time)[1].presence.inside(building, time)

    def readings(self, time: int) -> list[Reading]:
        """What every device shows at an instant."""
        day = self._day_of(time)[1]
        return [
            *self._electricity(time),
            *self._water_and_gas(time),
            *self._air(time),
            *self._counters(time),
            *(reading for cabinet in CABINETS for reading in self._cabinet(day, cabinet, time)),
        ]

    def events(self, start: int, end: int) -> Iterator[tuple[str, Event]]:
        """(device, event) of all passes, meals and plates in (start, end], by device and time."""
        date = self._date(start)
        while self._midnight(date) < end:
            for device, event in _events(date, self._day(date).presence):
                if start < event.time <= end:
                    yield device, event
            date += timedelta(days=1)

    def _electricity(self, time: int) -> list[Reading]:
        energy = {name: round(self._register(name, time), 3) for name in SUB_METERS}
        power = {name: round(self._power(name, time), 3) for name in SUB_METERS}
        energy["main-elec"], power["main-elec"] = round(sum(energy.values()), 3), round(sum(power.values()), 3)
        readings = []
        for name, kw in power.items():
            rng = self._noise(name, time)
            volt = round(229.5 - 0.012 * power["main-elec"] + rng.gauss(0, 0.5), 1)
            factor = round(min(0.99, 0.9 + 0.05 * math.tanh(kw / 40) + rng.gauss(0, 0.004)), 3)
            frozen = next((f for f in self.faults if f.kind == "stuck" and f.device == name and f.active(time)), None)
            shown = round(self._register(name, frozen.begin), 3) if frozen else energy[name]
            amps = round(kw * 1000 / (3 * volt * factor), 2)
            readings += [
                Reading(name, "energy", time, shown, "kWh"),
                Reading(name, "power", time, kw, "kW"),
                Reading(name, "voltage", time, volt, "V"),
                Reading(name, "current", time, amps, "A"),
                Reading(name, "power_factor", time, factor, "/"),
            ]
        return readings

    def _water_and_gas(self, time: int) -> list[Reading]:
        flows = self._day_of(time)[1].flows
        canteen = self._register("canteen-water", time)
        gas_m3 = self._register("kitchen-gas", time)
        main = canteen + self._register("rest-water", time)
        main_flow = flows["canteen-water"].at(time) + flows["rest-water"].at(time)
        return [
            Reading("main-water", "volume", time, round(main, 3), "m3"),
            Reading("main-water", "flow", time, round(main_flow, 3), "m3/h"),
            Reading("canteen-water", "volume", time, round(canteen, 3), "m3"),
            Reading("canteen-water", "flow", time, round(flows["canteen-water"].at(time), 3), "m3/h"),
            Reading("kitchen-gas", "volume", time, round(gas_m3, 3), "m3"),
            Reading("kitchen-gas", "energy", time, round(gas_m3 * GAS_KWH_PER_M3, 3), "kWh"),
        ]

    def _air(self, time: int) -> list[Reading]:
        air = self._weather.at(self._local(time))
        return [
            Reading("weather", "temperature", time, air.temperature, "Cel"),
            Reading("weather", "humidity", time, air.humidity, "%RH"),
            Reading("weather", "irradiance", time, air.irradiance, "W/m2"),
        ]

    def _counters(self, time: int) -> list[Reading]:
        today, day = self._day_of(time)
        opening, closed = self._opening(today), _counts(day.presence, time)
        units = {"waste": "kg"}
        counters = (*((gate, point) for gate in GATES for point in ("entries", "exits")),)
        counters += (("canteen-meals", "meals"), ("canteen-plates", "plates"), ("canteen-plates", "waste"))
        return [
            Reading(
                device,
                point,
                time,
                round(opening.get(f"{device} {point}", 0.0) + closed[f"{device} {point}"], 3),
                units.get(point, "count"),
            )
            for device, point in counters
        ]

    def _cabinet(self, day: _Day, cabinet: str, time: int) -> list[Reading]:
        """A compressor's slow swing, doors opened while the kitchen works, and a door that was left open."""
        busy = min(1.0, day.presence.meals_between(time - 40 * MINUTE, time + 40 * MINUTE) / 300)
        warmth = 0.7 * math.sin(time / (38 * MINUTE) * math.tau) + 1.1 * busy
        is_open = self._noise(cabinet, time // MINUTE).random() < 0.25 * busy
        for fault in self.faults:
            if fault.kind == "door_open" and fault.device == cabinet and time >= fault.begin:
                is_open = is_open or fault.active(time)
                risen = 1 - math.exp((fault.begin - min(time, fault.end)) / (25 * MINUTE))
                warmth += fault.size * risen * math.exp(min(0, fault.end - time) / (18 * MINUTE))
        air = CABINETS[cabinet] + warmth + self._noise(f"{cabinet} air", time).gauss(0, 0.08)
        return [
            Reading(cabinet, "temperature", time, round(air, 2), "Cel"),
            Reading(cabinet, "door", time, float(is_open), "/"),
        ]

    def _power(self, name: str, time: int) -> float:
        return self._day_of(time)[1].flows[name].at(time) * self._noise(name, -time).gauss(1, 0.006)

    def _register(self, name: str, time: int) -> float:
        date, day = self._day_of(time)
        return self._opening(date).get(name, 0.0) + day.flows[name].until(time)

    def _opening(self, date: date) -> dict[str, float]:
        """What every register and counter stood at on a day's first instant; the days before are run through once."""
        wanted = (date - self.origin).days
        while len(self._openings) <= wanted:
            day = self._day(self.origin + timedelta(days=len(self._openings) - 1))
            before = self._openings[-1]
            grown = {name: curve.total for name, curve in day.flows.items()} | _counts(day.presence, day.end)
            self._openings.append({name: before.get(name, 0.0) + amount for name, amount in grown.items()})
        return self._openings[wanted]

    def _day_of(self, time: int) -> tuple[date, _Day]:
        date = self._date(time)
        if date < self.origin:
            raise ValueError(f"{date} is before {self.origin}, when the compound begins")
        return date, self._day(date)

    def _day(self, date: date) -> _Day:
        if date not in self._days:
            while len(self._days) >= _KEPT_DAYS:
                del self._days[next(iter(self._days))]
            self._days[date] = self._drawn(date)
        return self._days[date]

    def _drawn(self, date: date) -> _Day:
        start, end = self._midnight(date), self._midnight(date + timedelta(days=1))
        rng = Random(f"{self._seed} loads {date}")
        presence = self._people.day(date)
        knots: dict[str, list[float]] = {}
        for time in range(start, end + 1, KNOT):
            for name, value in self._loads(date, presence, time, rng).items():
                knots.setdefault(name, []).append(value)
        return _Day(start, end, presence, {name: Curve.through(start, values) for name, values in knots.items()})

    def _loads(self, date: date, presence: Presence, time: int, rng: Random) -> dict[str, float]:
        local = self._local(time)
        # The kitchen starts an hour and a half before the meal and washes up for half an hour after it.
        cooking = presence.meals_between(time - 30 * MINUTE, time + 90 * MINUTE) / _KITCHEN_PEAK
        now = Moment(
            local.hour + local.minute / 60,
            self._calendar.is_workday(date),
            {office: presence.inside(office, time) for office in OFFICES},
            self._weather.at(local),
            min(1.0, cooking),
            date.month,
        )
        loads = electricity(now, rng) | water(now, rng) | {"kitchen-gas": gas(now, rng)}
        for name in SUB_METERS:
            loads[name] += added(self.faults, "left_on", name, time)
        loads["canteen-water"] += added(self.faults, "leak", "canteen-water", time)
        loads["rest-water"] += added(self.faults, "leak", "main-water", time)
        return loads

    def _noise(self, name: str, time: int) -> Random:
        return Random(f"{self._seed} {name} {time}")  # noqa: S311 - a simulation, not a secret

    def _local(self, time: int) -> datetime:
        return to_datetime(time).astimezone(self.zone)

    def _date(self, time: int) -> date:
        return self._local(time).date()

    def _midnight(self, date: date) -> int:
        return to_micros(datetime(date.year, date.month, date.day, tzinfo=self.zone))
