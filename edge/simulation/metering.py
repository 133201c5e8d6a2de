"""Metering: what devices say of the truth when they, and not the compound, are at fault."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import msgspec

from devices import kinds
from devices.kind import Point
from edge.simulation.chance import chance
from edge.simulation.devices import catalogue
from edge.simulation.faults import Fault, first_point, on_meter
from schema.event import Event
from schema.instant import SECOND
from schema.reading import Reading

_LOAD = frozenset({"power", "reactive_power", "current", "flow"})
"""Quantities that a meter shows wrong by as much as it counts wrong."""


class Metering:
    """The faults of devices; `truth(time)` is what all would show if only the amounts they count were wrong."""

    def __init__(self, seed: int, faults: Iterable[Fault], truth: Callable[[int], Sequence[Reading]]) -> None:
        self._seed = seed
        self._truth = truth
        self._of: dict[str, list[Fault]] = {}
        for fault in sorted(faults, key=lambda fault: fault.begin):
            if fault.meaning.nature == "metering":
                self._of.setdefault(fault.device, []).append(fault)
        self._begins: dict[int, dict[tuple[str, str], float]] = {}

    def shown(self, truth: Sequence[Reading]) -> list[Reading]:
        """What is shown of the readings of an instant."""
        if not self._of:
            return list(truth)
        found = []
        for reading in truth:
            faults = self._of.get(reading.device)
            said = reading if faults is None else self._said(reading, faults)
            if said is not None:
                found.append(said)
        return found

    def told(self, device: str, events: Sequence[Event]) -> list[Event]:
        """What a device says of its events: nothing while it is silent, and at the time its clock shows."""
        faults = self._of.get(device, ())
        found = []
        for event in events:
            active = [fault for fault in faults if fault.active(event.time)]
            if not any(fault.kind == "silent" for fault in active):
                ahead = sum(round(fault.size * SECOND) for fault in active if fault.kind == "clock_skew")
                found.append(msgspec.structs.replace(event, time=event.time + ahead))
        return found

    def _said(self, reading: Reading, faults: Sequence[Fault]) -> Reading | None:
        active = [fault for fault in faults if fault.active(reading.time)]
        point = _point(reading.device, reading.point)
        chief = reading.point == first_point(reading.device)
        time, value = reading.time, reading.value
        if point.kind == "counter":
            value = self._register(reading, faults)
        for fault in active:
            match fault.kind:
                case "silent":
                    return None
                case "clock_skew":
                    time += round(fault.size * SECOND)
                case "spike" if chief:
                    value += fault.size
                case "stuck" if chief or point.kind == "counter":
                    value = self._register(
                        reading._replace(time=fault.begin, value=self._at(fault.begin, reading)), faults
                    )
                case _ if point.kind == "gauge":
                    value = self._gauge(reading, value, point, fault)
        value = value if value == reading.value else round(value, 3)
        return Reading(reading.device, reading.point, time, value, reading.unit)

    def _gauge(self, reading: Reading, value: float, point: Point, fault: Fault) -> float:
        """A gauge under one fault: of a meter what it measures of the load, of a sensor what it is there for."""
        if on_meter(reading.device):
            if point.quantity not in _LOAD:
                return value
            return value * (1 + self._scatter(reading, fault)) * fault.gain(reading.time)
        if reading.point != first_point(reading.device):
            return value
        shift = fault.shift(reading.time) if fault.kind in {"level_shift", "drift"} else 0.0
        return value + shift + self._scatter(reading, fault)

    def _scatter(self, reading: Reading, fault: Fault) -> float:
        if fault.kind != "noise":
            return 0.0
        return chance(self._seed, "noise", reading.device, reading.point, reading.time).gauss(0, fault.size)

    def _register(self, reading: Reading, faults: Sequence[Fault]) -> float:
        """A register after the swaps so far, and as far as it is from rolling over; gains are in what was counted."""
        value = reading.value
        for number, fault in enumerate(faults):
            swapped = fault.kind == "meter_swap" and reading.time >= fault.begin
            if swapped or (fault.kind == "rollover" and reading.point == first_point(reading.device)):
                begun = reading._replace(time=fault.begin, value=self._at(fault.begin, reading))
                value -= self._register(begun, faults[:number])
                value = value + fault.size if swapped else value % fault.size
        return value

    def _at(self, begin: int, reading: Reading) -> float:
        """What the same point truly showed when a fault began."""
        if begin not in self._begins:
            self._begins[begin] = {(one.device, one.point): one.value for one in self._truth(begin)}
        return self._begins[begin][reading.device, reading.point]


@cache
def _point(device: str, name: str) -> Point:
    kind = kinds()[catalogue()[device].kind]
    return next(point for point in kind.points if point.name == name)
