"""Lifts: people who come to their floor or leave it ride together; the lift travels for them, and to fetch them."""

from edge.simulation.curve import passed
from edge.simulation.devices import LIFTS
from edge.simulation.people import Presence
from schema.instant import HOUR, SECOND

_WAITS = 25 * SECOND
_HOLDS = 12
_STANDBY = 0.25
_TRIP_KWH = 0.04
TRIP_HOURS = 22 / 3600


class Rides:
    """One day's rides of every lift."""

    def __init__(self, presence: Presence) -> None:
        self.times: dict[str, list[int]] = {lift: [] for lift in LIFTS}
        for house in dict.fromkeys(LIFTS.values()):
            lifts = [lift for lift, of in LIFTS.items() if of == house]
            for number, time in enumerate(_shared(presence.moves(house))):
                self.times[lifts[number % len(lifts)]].append(time)

    def trips(self, lift: str, time: int) -> int:
        """Trips of the day until an instant: each ride, and the way to where it began."""
        return 2 * passed(self.times[lift], time)

    def power(self, lift: str, start: int, end: int) -> float:
        """Mean kW over (start, end]."""
        trips = self.trips(lift, end) - self.trips(lift, start)
        return _STANDBY + trips * _TRIP_KWH * HOUR / (end - start)


def _shared(moves: list[int]) -> list[int]:
    """When a lift leaves: with all who come while its door is open and fit in; one in five takes the stairs."""
    leaves: list[int] = []
    riders, closes = 0, 0
    for number, time in enumerate(moves):
        if number % 5 == 4:
            continue
        if time > closes or riders == _HOLDS:
            leaves.append(time)
            riders, closes = 0, time + _WAITS
        riders += 1
    return leaves
