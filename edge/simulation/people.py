"""People: who comes through which gate when, where they sit, when they eat, what they leave on the plate."""

import math
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from hashlib import blake2s
from random import Random
from typing import Literal, NamedTuple

from edge.simulation.calendar import Calendar
from edge.simulation.chance import chance
from edge.simulation.curve import passed
from edge.simulation.devices import GATES, OFFICES
from edge.simulation.faults import Fault, added
from schema.instant import MINUTE, SECOND, to_micros

_AT_TABLE = 25 * MINUTE

Window = Literal["breakfast", "lunch", "dinner"]
Moves = dict[str, tuple[list[int], list[int]]]
"""By office building: when someone sat down there, and when someone got up."""


class Passage(NamedTuple):
    """Someone at a gate; one who is not `known` is turned away, unless they `followed` somebody through."""

    time: int
    gate: str
    direction: Literal["in", "out"]
    subject: Literal["staff", "visitor", "unknown"]
    credential: str
    known: bool = True
    followed: bool = False

    @property
    def through(self) -> bool:
        """Whether they passed."""
        return self.known or self.followed


class Eaten(NamedTuple):
    """A meal, and the plate given back at `returned` with `left_g` grams on it."""

    time: int
    returned: int
    window: Window
    diner: str
    left_g: float


class Presence:
    """One day's people: passages and meals in time order, and who sits where."""

    def __init__(self, passages: list[Passage], meals: list[Eaten], moves: Moves) -> None:
        self.passages = tuple(sorted(passages))
        self.meals = tuple(sorted(meals))
        self.plates = tuple(sorted(meals, key=lambda meal: (meal.returned, meal)))
        self._meal_times = [meal.time for meal in self.meals]
        self._moves = {place: (sorted(come), sorted(gone)) for place, (come, gone) in moves.items()}

    def inside(self, place: str, time: int) -> int:
        """How many are in an office building."""
        come, gone = self._moves[place]
        return passed(come, time) - passed(gone, time)

    def moves(self, place: str) -> list[int]:
        """When somebody comes to a desk in an office building, or leaves it."""
        come, gone = self._moves[place]
        return sorted(come + gone)

    def meals_between(self, start: int, end: int) -> int:
        """How many meals are served in (start, end]."""
        return passed(self._meal_times, end) - passed(self._meal_times, start)


class People:
    """The staff of a compound and its visitors; each day is drawn from the seed and the date alone."""

    def __init__(
        self, seed: int, calendar: Calendar, zone: tzinfo, faults: Sequence[Fault] = (), staff: int = 600
    ) -> None:
        self._seed = seed
        self._faults = [fault for fault in faults if fault.kind == "tailgating"]
        self._calendar = calendar
        self._zone = zone
        self._staff = [_credential(seed, f"staff {number}") for number in range(staff)]

    def day(self, day: date) -> Presence:
        """The presence of a local day; everyone who came has left before midnight."""
        rng = chance(self._seed, "people", day)
        workday = self._calendar.is_workday(day)
        plan = _Plan(rng, to_micros(datetime(day.year, day.month, day.day, 12, tzinfo=self._zone)))
        for number, credential in enumerate(self._staff):
            if rng.random() < (0.92 if workday else 0.04):
                plan.staff(credential, OFFICES[number % 5 > 2])
        for number in range(rng.randint(35, 75) if workday else rng.randint(0, 4)):
            plan.visitor(_credential(self._seed, f"visitor {day} {number}"))
        for number in range(rng.randint(0, 6)):
            plan.stranger(_credential(self._seed, f"stranger {day} {number}"))
        if self._faults:
            self._tailgate(plan, chance(self._seed, "tailgating", day))
        return Presence(plan.passages, plan.meals, plan.moves)

    def _tailgate(self, plan: "_Plan", rng: Random) -> None:
        for passage in sorted(plan.passages):
            share = added(self._faults, "tailgating", passage.gate, passage.time)
            if passage.direction == "in" and passage.known and rng.random() < share:
                plan.follower(passage, rng)


class _Plan:
    """A day being drawn."""

    def __init__(self, rng: Random, noon: int) -> None:
        self._rng = rng
        self._noon = noon
        self.passages: list[Passage] = []
        self.meals: list[Eaten] = []
        self.moves: Moves = {place: ([], []) for place in OFFICES}

    def staff(self, credential: str, office: str) -> None:
        """A member of staff: a working day with its meals, sometimes a long one."""
        rng = self._rng
        come = _clamp(rng.gauss(8.35, 0.28), 6.3, 10.8)
        late = rng.random() < 0.08
        gone = _clamp(rng.gauss(20.0, 0.8) if late else rng.gauss(17.7, 0.45), come + 3, 22.8)
        self._stay(office, come, gone, "staff", credential)
        if come < 8.25 and rng.random() < 0.45:
            self._meal(office, come + rng.uniform(0.06, 0.15), "breakfast", credential)
        if gone > 13.5 and rng.random() < 0.78:
            self._meal(office, _clamp(rng.gauss(12.0, 0.25), 11.3, 13.0), "lunch", credential)
        if gone > 19 and rng.random() < 0.7:
            self._meal(office, _clamp(rng.gauss(18.0, 0.15), 17.5, 18.5), "dinner", credential)

    def visitor(self, credential: str) -> None:
        """A visitor with an errand in one of the offices."""
        rng = self._rng
        come = rng.uniform(8.8, 16.5)
        gone = min(come + 0.25 + rng.expovariate(1 / 0.8), 18.5)
        self._stay(rng.choice(OFFICES), come, gone, "visitor", credential)

    def stranger(self, credential: str) -> None:
        """Someone whose credential no list knows."""
        hour = self._rng.uniform(7, 21)
        self.passages.append(Passage(self._at(hour), self._gate(), "in", "unknown", credential, known=False))

    def follower(self, ahead: Passage, rng: Random) -> None:
        """Someone who comes in behind another, and leaves by the button that opens from inside."""
        come = ahead.time + 2 * SECOND
        gone = min(come + round(rng.uniform(20, 240)) * MINUTE, self._at(23))
        house = rng.choice(OFFICES)
        self.passages.append(Passage(come, ahead.gate, "in", "unknown", "", known=False, followed=True))
        self.passages.append(Passage(max(gone, come), ahead.gate, "out", "unknown", ""))
        self.moves[house][0].append(come)
        self.moves[house][1].append(max(gone, come))

    def _stay(
        self, office: str, come: float, gone: float, subject: Literal["staff", "visitor"], credential: str
    ) -> None:
        begin, end = self._at(come), self._at(gone)
        self.passages.append(Passage(begin, self._gate(), "in", subject, credential))
        self.passages.append(Passage(end, self._gate(), "out", subject, credential))
        self.moves[office][0].append(begin)
        self.moves[office][1].append(end)

    def _meal(self, office: str, hour: float, window: Window, diner: str) -> None:
        begin = self._at(hour)
        returned = begin + int(self._rng.uniform(14, 26) * MINUTE)
        # Half the plates come back clean enough; the rest follow a long tail.
        left = 0.0 if self._rng.random() < 0.25 else min(900.0, self._rng.gammavariate(1.4, 42))
        self.meals.append(Eaten(begin, returned, window, diner, round(left, 0)))
        self.moves[office][1].append(begin)
        self.moves[office][0].append(begin + _AT_TABLE)

    def _at(self, hour: float) -> int:
        """The instant of a local hour, from noon: clocks are put forward or back at night."""
        return self._noon + (math.floor(hour * 3600) - 12 * 3600) * SECOND

    def _gate(self) -> str:
        return GATES[self._rng.random() < 0.35]


def _credential(seed: int, person: str) -> str:
    """What a gate hands on instead of a card: a keyed hash."""
    return blake2s(person.encode(), key=str(seed).encode(), digest_size=8).hexdigest()


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
