"""What the day's people leave at gates, lifts, terminal and plate scale: events, and the counters beside them."""

from datetime import date
from itertools import accumulate

from edge.simulation.curve import passed
from edge.simulation.devices import GATES, LIFTS
from edge.simulation.people import Passage, Presence, Window
from edge.simulation.rides import TRIP_HOURS, Rides
from schema.event import Event, Meal, Pass, PlateWaste

TERMINAL = "canteen-meals"
SCALE = "canteen-plates"
BIN = "canteen-bin"
PRICE: dict[Window, str] = {"breakfast": "5.00", "lunch": "12.00", "dinner": "10.00"}

_COUNTED = {"in": "entries", "out": "exits"}
_PREPARED_KG = 0.11
"""Kitchen waste of a meal before anybody has eaten of it."""


class Counters:
    """The day's counters, all zero at its start; the bin is emptied at `emptied`, when dinner is over."""

    def __init__(self, presence: Presence, rides: Rides, emptied: int) -> None:
        self._steps: dict[tuple[str, str], list[int]] = {(gate, way): [] for gate in GATES for way in _COUNTED.values()}
        for passage in presence.passages:
            if passage.through:
                self._steps[passage.gate, _COUNTED[passage.direction]].append(passage.time)
        self._steps[TERMINAL, "meals"] = [meal.time for meal in presence.meals]
        self._steps[SCALE, "plates"] = [plate.returned for plate in presence.plates]
        self._grams = list(accumulate((plate.left_g for plate in presence.plates), initial=0.0))
        self._rides = rides
        self._emptied = emptied

    def at(self, time: int) -> dict[tuple[str, str], float]:
        """Every counter at an instant, by device and point."""
        counts = {name: float(passed(steps, time)) for name, steps in self._steps.items()}
        counts[SCALE, "waste"] = self._grams[int(counts[SCALE, "plates"])] / 1000
        counts[BIN, "collected"] = self._kitchen_waste(self._emptied) if time >= self._emptied else 0.0
        for lift in LIFTS:
            trips = self._rides.trips(lift, time)
            counts[lift, "trips"], counts[lift, "hours"] = float(trips), trips * TRIP_HOURS
        return counts

    def in_bin(self, time: int) -> float:
        """kg in the bin."""
        return 0.0 if time >= self._emptied else self._kitchen_waste(time)

    def _kitchen_waste(self, time: int) -> float:
        plates = passed(self._steps[SCALE, "plates"], time)
        return self._grams[plates] / 1000 + _PREPARED_KG * passed(self._steps[TERMINAL, "meals"], time)


def events(day: date, presence: Presence, start: int, end: int) -> dict[str, list[Event]]:
    """The events in (start, end] by device, in time order; an id is the same however often it is asked for."""
    found: dict[str, list[Event]] = {}
    for gate in GATES:
        passages = (passage for passage in presence.passages if passage.gate == gate)
        found[gate] = [_pass(f"{day}-{n}", one) for n, one in enumerate(passages) if start < one.time <= end]
    found[TERMINAL] = [
        Meal(id=f"{day}-{n}", time=meal.time, window=meal.window, price=PRICE[meal.window], diner=meal.diner)
        for n, meal in enumerate(presence.meals)
        if start < meal.time <= end
    ]
    found[SCALE] = [
        PlateWaste(id=f"{day}-{n}", time=plate.returned, window=plate.window, left_g=plate.left_g, diner=plate.diner)
        for n, plate in enumerate(presence.plates)
        if start < plate.returned <= end
    ]
    return {device: of_device for device, of_device in found.items() if of_device}


def _pass(name: str, passage: Passage) -> Pass:
    return Pass(
        id=name,
        time=passage.time,
        direction=passage.direction,
        granted=passage.known,
        passed=passage.through,
        reason="tailgating" if passage.followed else "ok" if passage.known else "unknown",
        decided_by="controller",
        subject=passage.subject,
        credential=passage.credential,
    )
