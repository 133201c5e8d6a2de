"""The compound: what every device shows at an instant, and what happened between two.

All of it is a pure function of seed, origin, faults, retrofits and time, so a restart goes on where it stopped.
"""

import math
from collections.abc import Sequence
from datetime import date, tzinfo
from random import Random

from edge.simulation.calendar import CHINA, Calendar
from edge.simulation.chance import chance
from edge.simulation.devices import CABINETS, SUB_METERS
from edge.simulation.faults import Fault, Retrofit
from edge.simulation.happenings import events
from edge.simulation.history import History
from edge.simulation.loads import GAS_KWH_PER_M3
from schema.event import Event
from schema.instant import MINUTE
from schema.reading import Reading


class Compound:
    """A government compound of 600 staff, from local midnight of `origin` on."""

    def __init__(
        self,
        seed: int,
        origin: date,
        zone: tzinfo,
        faults: Sequence[Fault] = (),
        retrofits: Sequence[Retrofit] = (),
        calendar: Calendar = CHINA,
    ) -> None:
        self._seed = seed
        self._faults = tuple(faults)
        self._history = History(seed, origin, zone, self._faults, tuple(retrofits), calendar)

    def inside(self, building: str, time: int) -> int:
        """How many people are in an office building."""
        return self._history.day(time).presence.inside(building, time)

    def readings(self, time: int) -> list[Reading]:
        """What every device shows at an instant."""
        readings = [*self._electricity(time), *self._water_and_gas(time), *self._weather(time), *self._counted(time)]
        return readings + [reading for cabinet in CABINETS for reading in self._cabinet(cabinet, time)]

    def events(self, start: int, end: int) -> dict[str, list[Event]]:
        """All passes, meals and plates in (start, end] by device, in time order."""
        found: dict[str, list[Event]] = {}
        time = start + 1
        while time <= end:
            day = self._history.day(time)
            for device, of_device in events(day.date, day.presence, start, end).items():
                found.setdefault(device, []).extend(of_device)
            time = day.end
        return found

    def _electricity(self, time: int) -> list[Reading]:
        flows = self._history.day(time).flows
        energy = {name: round(self._history.register(name, time), 3) for name in SUB_METERS}
        power = {name: flows[name].at(time) * self._noise(name, "power", time).gauss(1, 0.006) for name in SUB_METERS}
        energy["main-elec"], power["main-elec"] = round(sum(energy.values()), 3), sum(power.values())
        for fault in self._faults:
            if fault.kind == "stuck" and fault.active(time):
                energy[fault.device] = round(self._history.register(fault.device, fault.begin), 3)
        sag = 0.012 * power["main-elec"]
        return [
            reading
            for name in energy
            for reading in _supply(name, time, energy[name], power[name], sag, self._noise(name, "supply", time))
        ]

    def _water_and_gas(self, time: int) -> list[Reading]:
        flows = self._history.day(time).flows
        flow = {name: flows[name].at(time) for name in ("canteen-water", "rest-water")}
        volume = {name: self._history.register(name, time) for name in (*flow, "kitchen-gas")}
        return [
            Reading("main-water", "volume", time, round(volume["canteen-water"] + volume["rest-water"], 3), "m3"),
            Reading("main-water", "flow", time, round(sum(flow.values()), 3), "m3/h"),
            Reading("canteen-water", "volume", time, round(volume["canteen-water"], 3), "m3"),
            Reading("canteen-water", "flow", time, round(flow["canteen-water"], 3), "m3/h"),
            Reading("kitchen-gas", "volume", time, round(volume["kitchen-gas"], 3), "m3"),
            Reading("kitchen-gas", "energy", time, round(volume["kitchen-gas"] * GAS_KWH_PER_M3, 3), "kWh"),
        ]

    def _weather(self, time: int) -> list[Reading]:
        air = self._history.air(time)
        return [
            Reading("weather", "temperature", time, air.temperature, "Cel"),
            Reading("weather", "humidity", time, air.humidity, "%RH"),
            Reading("weather", "irradiance", time, air.irradiance, "W/m2"),
        ]

    def _counted(self, time: int) -> list[Reading]:
        return [
            Reading(device, point, time, round(count, 3), "kg" if point == "waste" else "count")
            for (device, point), count in self._history.counters(time).items()
        ]

    def _cabinet(self, cabinet: str, time: int) -> list[Reading]:
        """A compressor's slow swing, doors opened while the kitchen works, and a door that was left open."""
        presence = self._history.day(time).presence
        busy = min(1.0, presence.meals_between(time - 40 * MINUTE, time + 40 * MINUTE) / 300)
        warmth = 0.7 * math.sin(time / (38 * MINUTE) * math.tau) + 1.1 * busy
        is_open = self._noise(cabinet, "door", time // MINUTE).random() < 0.25 * busy
        for fault in self._faults:
            if fault.kind == "door_open" and fault.device == cabinet and time >= fault.begin:
                is_open = is_open or fault.active(time)
                risen = 1 - math.exp((fault.begin - min(time, fault.end)) / (25 * MINUTE))
                warmth += fault.size * risen * math.exp(min(0, fault.end - time) / (18 * MINUTE))
        air = CABINETS[cabinet] + warmth + self._noise(cabinet, "air", time).gauss(0, 0.08)
        return [
            Reading(cabinet, "temperature", time, round(air, 2), "Cel"),
            Reading(cabinet, "door", time, float(is_open), "/"),
        ]

    def _noise(self, device: str, what: str, time: int) -> Random:
        return chance(self._seed, device, what, time)


def _supply(name: str, time: int, kwh: float, kw: float, sag: float, rng: Random) -> list[Reading]:
    """What an electricity meter shows: the busier the compound, the lower its voltage."""
    volt = round(229.5 - sag + rng.gauss(0, 0.5), 1)
    factor = round(min(0.99, 0.9 + 0.05 * math.tanh(kw / 40) + rng.gauss(0, 0.004)), 3)
    return [
        Reading(name, "energy", time, kwh, "kWh"),
        Reading(name, "power", time, round(kw, 3), "kW"),
        Reading(name, "voltage", time, volt, "V"),
        Reading(name, "current", time, round(kw * 1000 / (3 * volt * factor), 2), "A"),
        Reading(name, "power_factor", time, factor, "/"),
    ]
