"""Visitors of the simulated compound: who shows which card at their gate, minute by minute; a seed gives all of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from typing import NamedTuple

from access.decision import Direction
from edge.gate import Gate
from edge.settings import Device
from edge.simulation.calendar import CHINA, Calendar
from edge.simulation.chance import chance
from schema.instant import HOUR, MINUTE, SECOND, Clock, to_datetime
from schema.text import Text

GATE = Device(id="gate-visitors", kind="gate", building="grounds", title=Text("访客通道", "Visitor gate"))
CARDS = 40
"""Visitors carry the cards `visitor-0` to `visitor-39`."""

_LONGEST_STAY = 2 * HOUR
_WALK = 1.5


class Visit(NamedTuple):
    """Somebody who means to stay from one instant to another."""

    card: str
    come: int
    leave: int


class Showing(NamedTuple):
    """A card held to the reader."""

    time: int
    card: str
    direction: Direction


class Visitors:
    """Who comes to the gate: in working hours one in four minutes, at night hardly anybody."""

    def __init__(self, seed: int, zone: tzinfo, calendar: Calendar = CHINA) -> None:
        self._seed = seed
        self._zone = zone
        self._calendar = calendar

    def showings(self, minute: int) -> list[Showing]:
        """The cards shown in [minute, minute + 60 s), a whole minute in us: of those who come, and those who leave."""
        shown = []
        for come in range(minute - _LONGEST_STAY, minute + 1, MINUTE):
            if guest := self.arrival(come):
                if come == minute:
                    shown.append(Showing(guest.come, guest.card, "in"))
                if minute <= guest.leave < minute + MINUTE:
                    shown.append(Showing(guest.leave, guest.card, "out"))
        return sorted(shown)

    def arrival(self, minute: int) -> Visit | None:
        """Who comes in [minute, minute + 60 s), if anybody does."""
        rng = chance(self._seed, "visitor", minute)
        if rng.random() >= self._rate(to_datetime(minute).astimezone(self._zone)):
            return None
        card = f"visitor-{rng.randrange(CARDS)}" if rng.random() < 0.93 else f"stranger-{rng.randrange(1000)}"
        come = minute + rng.randrange(60) * SECOND
        return Visit(card, come, come + min(round(10 + rng.expovariate(1 / 30)) * MINUTE, _LONGEST_STAY))

    def _rate(self, local: datetime) -> float:
        """How likely somebody comes in a minute."""
        if 8 <= local.hour < 18:
            return 0.25 if self._calendar.is_workday(local.date()) else 0.1
        return 0.03 if 6 <= local.hour < 22 else 0.003


async def visit(
    gate: Gate, visitors: Visitors, clock: Clock, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Play the visitors at a gate for ever; who was refused does not leave, and nobody comes in twice."""

    async def walk() -> bool:
        await sleep(_WALK)
        return True

    minute = clock() // MINUTE * MINUTE
    while True:
        await sleep(max(minute - clock(), 0) / SECOND)
        for showing in visitors.showings(minute):
            await sleep(max(showing.time - clock(), 0) / SECOND)
            if gate.inside(showing.card) is (showing.direction == "out"):
                await gate.show(showing.card, showing.direction, walk)
        # What a machine that slept has missed stays missed.
        minute = max(minute + MINUTE, clock() // MINUTE * MINUTE)
