"""The compound: what every device shows at an instant, and what happened between two.

All of it is a pure function of seed, origin, faults, retrofits and time, so a restart goes on where it stopped.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import date, tzinfo
from random import Random

from edge.simulation import instruments
from edge.simulation.calendar import CHINA, Calendar
from edge.simulation.chance import chance
from edge.simulation.curve import CADENCE
from edge.simulation.devices import CABINETS, HEAT_METERS, LIFTS, PV, ROOMS, SUB_METERS, WATER_METERS, compound_devices
from edge.simulation.faults import Fault, Retrofit, added
from edge.simulation.happenings import BIN, events
from edge.simulation.history import EXPORT, Day, History
from edge.simulation.loads import GAS_KWH_PER_M3, SEATS
from edge.simulation.metering import Metering
from edge.simulation.weather import Air
from schema.event import Event
from schema.instant import DAY, MINUTE, SECOND
from schema.reading import Reading


class Compound:
    """A government compound of 600 staff, from local midnight of `origin` on; its faults do not begin before that."""

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
        self._calendar = calendar
        self._history = History(seed, origin, zone, self._faults, tuple(retrofits), calendar)
        self._metering = Metering(seed, self._faults, self._truth)

    def inside(self, building: str, time: int) -> int:
        """How many people are in an office building."""
        return self._history.day(time).presence.inside(building, time)

    def readings(self, time: int) -> list[Reading]:
        """What every device shows at an instant."""
        return self._metering.shown(self._truth(time))

    def between(self, start: int, end: int, step: int = CADENCE) -> Iterator[list[Reading]]:
        """The readings of each instant in [start, end) that is a multiple of `step`, a device's when it is due."""
        slow = {
            device.id: every for device in compound_devices(step / SECOND) if (every := _every(device.seconds)) > step
        }
        for time in range(-(-start // step) * step, end, step):
            waits = {name for name, every in slow.items() if time % every >= step}
            yield [reading for reading in self.readings(time) if reading.device not in waits]

    def events(self, start: int, end: int) -> dict[str, list[Event]]:
        """All passes, meals and plates in (start, end] by device, in time order."""
        found: dict[str, list[Event]] = {}
        time = start + 1
        while time <= end:
            day = self._history.day(time)
            for device, of_device in events(day.date, day.presence, start, end).items():
                found.setdefault(device, []).extend(self._metering.told(device, of_device))
            time = day.end
        return {device: of_device for device, of_device in found.items() if of_device}

    def _truth(self, time: int) -> list[Reading]:
        """What devices would show if they were at fault only in what their registers have counted."""
        day, air = self._history.day(time), self._history.air(time)
        rng = chance(self._seed, "instant", time)
        return [
            *self._electricity(day, time, air, rng),
            *self._water_and_gas(day, time),
            *self._heat(day, time, air, rng),
            *instruments.weather("weather", time, air),
            *self._counted(day, time),
            *(reading for name, base in CABINETS.items() for reading in self._cabinet(name, base, day, time, rng)),
            *(reading for name in ROOMS for reading in self._room(name, day, time, air, rng)),
        ]

    def _electricity(self, day: Day, time: int, air: Air, rng: Random) -> Iterator[Reading]:
        power = {name: day.flows[name].at(time) * rng.gauss(1, 0.006) for name in (*SUB_METERS, PV)}
        power["main-elec"] = sum(power[name] for name in SUB_METERS) - power[PV]
        sag = 0.012 * power["main-elec"]
        for name in SUB_METERS:
            yield from instruments.supply(name, time, self._history.register(name, time), power[name], sag, rng)
        imported, exported = (self._history.register(name, time) for name in ("main-elec", EXPORT))
        main = instruments.supply("main-elec", time, imported, power["main-elec"], sag, rng)
        tilt = added(self._faults, "imbalance", "main-elec", time)
        yield from (*main, *instruments.quality(main, exported, tilt, rng))
        yield from instruments.inverter(PV, time, self._history.register(PV, time), power[PV], air, rng)
        for name in LIFTS:
            yield from instruments.lift(name, time, self._history.register(name, time), day.flows[name].at(time), rng)

    def _water_and_gas(self, day: Day, time: int) -> Iterator[Reading]:
        for name in ("main-water", *WATER_METERS):
            yield Reading(name, "volume", time, round(self._history.register(name, time), 3), "m3")
            yield Reading(name, "flow", time, round(day.flows[name].at(time), 3), "m3/h")
        volume = self._history.register("kitchen-gas", time)
        yield Reading("kitchen-gas", "volume", time, round(volume, 3), "m3")
        yield Reading("kitchen-gas", "energy", time, round(volume * GAS_KWH_PER_M3, 3), "kWh")

    def _heat(self, day: Day, time: int, air: Air, rng: Random) -> Iterator[Reading]:
        for name in ("main-heat", *HEAT_METERS):
            kwh, kw = self._history.register(name, time), day.flows[name].at(time)
            yield from instruments.heat_meter(name, time, kwh, kw, air, rng)

    def _counted(self, day: Day, time: int) -> Iterator[Reading]:
        for (device, point), count in self._history.counters(time).items():
            unit = {"waste": "kg", "collected": "kg", "hours": "h"}.get(point, "count")
            yield Reading(device, point, time, round(count, 3), unit)
        yield Reading(BIN, "mass", time, round(day.counters.in_bin(time), 2), "kg")

    def _cabinet(self, cabinet: str, base: float, day: Day, time: int, rng: Random) -> list[Reading]:
        """A compressor's slow swing, doors opened while the kitchen works, and a door that was left open."""
        busy = min(1.0, day.presence.meals_between(time - 40 * MINUTE, time + 40 * MINUTE) / 300)
        warmth = 0.7 * math.sin(time / (38 * MINUTE) * math.tau) + 1.1 * busy
        is_open = chance(self._seed, cabinet, "door", time // MINUTE).random() < 0.25 * busy
        for fault in self._faults:
            if fault.kind == "door_open" and fault.device == cabinet and fault.begin <= time < fault.end + DAY:
                is_open = is_open or fault.active(time)
                risen = 1 - math.exp((fault.begin - min(time, fault.end)) / (25 * MINUTE))
                warmth += fault.size * risen * math.exp(min(0, fault.end - time) / (18 * MINUTE))
        air = base + warmth + rng.gauss(0, 0.08)
        return [
            Reading(cabinet, "temperature", time, round(air, 2), "Cel"),
            Reading(cabinet, "door", time, float(is_open), "/"),
        ]

    def _room(self, name: str, day: Day, time: int, air: Air, rng: Random) -> list[Reading]:
        """A room fills and empties with its building; its air follows within the hour."""
        house = ROOMS[name]
        heads = sum(day.presence.inside(house, time - ago * MINUTE) for ago in (0, 20, 40)) / 3
        beyond = added(self._faults, "set_point", name, time)
        used = min(1.0, heads / SEATS[house])
        return instruments.room(name, time, used, air, beyond, rng, heats=self._calendar.heats(day.date))


def _every(seconds: float) -> int:
    return round(seconds * SECOND)
