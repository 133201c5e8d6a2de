"""The simulated visitors: now and then, mostly by day, the same again from the same seed, and through a real gate."""

import asyncio
import os
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from access.credential import keyed_hash
from access.decision import Zone
from access.permit import Permit
from edge.agent import Agent
from edge.gate import Gate
from edge.gatebook import GateBook
from edge.settings import AgentSettings, GateSettings
from edge.simulation.visitors import CARDS, GATE, Visitors, visit
from schema.event import Pass
from schema.instant import HOUR, MINUTE, SECOND, to_micros
from tests.edge.arrived import Arrived

ZONE = ZoneInfo("Asia/Shanghai")
PEPPER = b"a pepper of the compound"
MORNING = to_micros(datetime(2026, 11, 23, 9, tzinfo=ZONE))


def arrivals(begin: datetime, hours: int) -> int:
    visitors, start = Visitors(7, ZONE), to_micros(begin)
    return sum(visitors.arrival(minute) is not None for minute in range(start, start + hours * HOUR, MINUTE))


def test_visitors_come_by_day_and_on_workdays_more_often() -> None:
    monday = date(2026, 11, 23)

    def on(day: date, hour: int, hours: int) -> int:
        return arrivals(datetime(day.year, day.month, day.day, hour, tzinfo=ZONE), hours)

    workday, restday, night = on(monday, 8, 10), on(monday - timedelta(1), 8, 10), on(monday, 0, 6)
    assert 100 < workday < 200
    assert 30 < restday < 90
    assert night < 6


def test_whoever_comes_leaves_within_two_hours_and_a_seed_gives_it_again() -> None:
    visitors, again = Visitors(7, ZONE), Visitors(7, ZONE)
    minutes = range(MORNING, MORNING + 4 * HOUR, MINUTE)
    shown = [showing for minute in minutes for showing in visitors.showings(minute)]
    assert shown == [showing for minute in minutes for showing in again.showings(minute)]
    assert all(any(minute <= showing.time < minute + MINUTE for minute in minutes) for showing in shown)
    for come in (one for one in shown if one.direction == "in" and one.time < MORNING + 2 * HOUR):
        assert any(
            out.direction == "out" and out.card == come.card and 0 < out.time - come.time <= 2 * HOUR for out in shown
        )


class Enough(Exception):
    """Ends the visits."""


def test_permitted_visitors_pass_and_others_are_refused_and_do_not_leave(tmp_path: Path) -> None:
    wall = MORNING

    async def sleep(seconds: float) -> None:
        nonlocal wall
        wall += round(seconds * SECOND)
        if wall > MORNING + 3 * HOUR:
            raise Enough
        await asyncio.sleep(0)

    permits = [
        Permit(
            id=f"visitor-{number}",
            credential=keyed_hash(PEPPER, f"visitor-{number}"),
            subject="visitor",
            gates=(GATE.id,),
            valid_from=MORNING - HOUR,
            standing="revoked" if number % 10 == 9 else "active",
        )
        for number in range(CARDS)
    ]
    told = GateSettings(
        device=GATE, zone=Zone(id="grounds"), api="http://127.0.0.1:1", token="t", pepper=PEPPER, path=tmp_path / "gate"
    )
    book = GateBook(told.path, wall, os.urandom)
    book.replace("1", permits)
    book.close()
    settings = AgentSettings(id="a", site="demo", broker="mqtt://127.0.0.1:1", outbox=tmp_path / "outbox.db")

    async def run() -> list[Pass]:
        async with Agent(settings, lambda: wall, os.urandom) as agent:
            agent.born(GATE)
            async with Gate(told, "demo", agent, lambda: wall, os.urandom) as gate:
                with pytest.raises(Enough):
                    await visit(gate, Visitors(7, ZONE), lambda: wall, sleep)
            arrived = Arrived((entry.topic, entry.body) for entry in agent._outbox.unsent(0, 10_000))
        return [event for event in arrived.events.values() if isinstance(event, Pass)]

    passes = sorted(asyncio.run(run()), key=lambda event: event.time)
    assert {event.reason for event in passes} == {"ok", "revoked", "unknown"}
    assert all(event.granted == event.passed == (event.reason == "ok") for event in passes)
    inside: set[str] = set()
    for event in passes:
        assert (event.credential in inside) is (event.direction == "out")
        if event.passed:
            inside ^= {event.credential}
    assert sum(event.direction == "out" for event in passes) > 20
