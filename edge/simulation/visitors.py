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
from schema.instant import MINUTE, SECOND, Clock, to_datetime
from schema.text import Text

GATE = Device(id="gate-visitors", kind="gate", building="grounds", title=Text("访客通道", "Visitor gate"))
CARDS = 40
"""Visitors carry the cards `visitor-0` to `visitor-39`."""

_LONGEST_STAY = 120
_WALK = 1.5


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
        """The cards shown in [minute, minute + 60 s), a whole minute in us: those who come, and those who leave."""
        shown = []
        for ago in range(_LONGEST_STAY + 1):
            come = minute - ago * MINUTE
            rng = chance(self._seed, "visitor", come)
            if rng.random() >= self._rate(to_datetime(come).astimezone(self._zone)):
                continue
            card = f"visitor-{rng.randrange(CARDS)}" if rng.random() < 0.93 else f"stranger-{rng.randrange(1000)}"
            second, stay = rng.randrange(60), min(10 + round(rng.expovariate(1 / 30)), _LONGEST_STAY)
            if ago in (0, stay):
                shown.append(Showing(minute + second * SECOND, card, "in" if ago == 0 else "out"))
        return sorted(shown)

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
