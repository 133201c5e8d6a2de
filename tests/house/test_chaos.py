"""The chaos run at small size: what dies together and comes back leaves no trace in the books."""

import random
from itertools import chain
from pathlib import Path

import pytest
from rich.console import Console

from dayuan.bench.chaos.house import COMPONENTS
from dayuan.bench.chaos.run import Plan, run, sound, strikes, summary
from tests.broker import mosquitto
from tests.servers import program


@pytest.mark.broker
@pytest.mark.influx
def test_parts_that_die_together_lose_nothing_double_nothing_and_leave_the_books_as_they_were(tmp_path: Path) -> None:
    program("influxd", "influxdb")
    with mosquitto(tmp_path / "probe"):
        pass
    house = tmp_path / "house"
    house.mkdir()
    plan = Plan(kills=5, seed=3, agents=2, meters=3, rate=30, disks=1, pause=1.0, outage=1.0)
    result = run(plan, house, Console(quiet=True))
    assert sound(result), summary(result)
    assert result["kills"] == result["combinations"] == 5
    assert all(result["killed"].values())
    assert result["disks_replaced"] == 1
    assert result["readings"] > 500
    assert result["intervals"] > 20


def test_fifty_strikes_are_every_combination_of_parts_and_more() -> None:
    schedule = strikes(50, random.Random(7))
    assert len(schedule) == 50
    assert len(set(schedule)) == 2 ** len(COMPONENTS) - 1
    assert schedule[0] == COMPONENTS
    assert set(chain.from_iterable(schedule)) == set(COMPONENTS)
    assert schedule == strikes(50, random.Random(7)) != strikes(50, random.Random(8))
