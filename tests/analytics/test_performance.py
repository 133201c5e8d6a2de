"""The key figures of an alarm system, from alarms that really went through their lives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.alarms.acts import acknowledge, shelve
from analytics.alarms.lifecycle import FLAPPING, apply
from analytics.alarms.performance import ENOUGH, STANDING, Performance, performance
from schema.finding import Finding, Severity
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey
from schema.text import Text
from store.registry.base import Base, Registry

NOW = 1_780_243_200_000_000


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    Base.metadata.create_all(registry.engine)
    yield registry
    registry.close()


def seen(device: str, at: int, *, active: bool = True, severity: Severity = "warning", age: int = 0) -> Finding:
    """Evidence of a meter up to an instant, `age` us old when it comes."""
    return Finding(
        series=SeriesKey("demo", "b1", "electricity_meter_15min", device, "energy"),
        rule="seasonal",
        begin=at - age - MINUTE,
        end=at - age,
        observed=9.0,
        expected=5.0,
        low=4.0,
        high=6.0,
        unit="kWh",
        severity=severity,
        confidence=0.8,
        reason=Text("过高", "too high"),
        active=active,
    )


def happen(registry: Registry, at: int, *findings: Finding) -> None:
    with registry.writing() as session:
        apply(session, findings, at)


def figures(registry: Registry, length: int = DAY, now: int = NOW) -> Performance:
    with registry.reading() as session:
        return performance(session, "demo", now - length, now, now)


def test_nothing_is_on_target(registry: Registry) -> None:
    found = figures(registry)
    assert (found.raised, found.peak, found.per_interval, found.flooded) == (0, 0, 0.0, 0.0)
    assert (found.floods, found.worst, found.standing, found.flapping) == ([], [], [], [])
    assert found.top_share is None


def test_a_flood_begins_above_ten_and_ends_below_five(registry: Registry) -> None:
    """Eleven, then five, then none: twenty minutes of a day."""
    start = NOW - DAY
    for number in range(11):
        happen(registry, start + HOUR + number, seen(f"a{number}", start + HOUR + number))
    for number in range(5):
        happen(registry, start + HOUR + 10 * MINUTE, seen(f"b{number}", start + HOUR + 10 * MINUTE))
    for number in range(10):
        happen(registry, start + 9 * HOUR, seen(f"c{number}", start + 9 * HOUR))
    found = figures(registry)
    assert [(flood.begin - start, flood.end - start, flood.raised, flood.peak) for flood in found.floods] == [
        (HOUR, HOUR + 20 * MINUTE, 16, 11)
    ]
    assert found.flooded == pytest.approx(20 / 1440)
    assert (found.raised, found.peak) == (26, 11)
    assert found.per_interval == pytest.approx(26 / 144)


def test_what_called_nobody_does_not_count(registry: Registry) -> None:
    """Alarms of the past, and those that another explains."""
    happen(registry, NOW - HOUR, seen("old", NOW - HOUR, age=3 * DAY))
    assert figures(registry).raised == 0
    happen(registry, NOW - HOUR, seen("new", NOW - HOUR))
    assert figures(registry).raised == 1


def test_the_worst_cause_comes_first_and_flaps(registry: Registry) -> None:
    for turn in range(FLAPPING):
        at = NOW - HOUR + turn * 10 * MINUTE
        happen(registry, at, seen("bad", at))
        happen(registry, at + MINUTE, seen("bad", at + MINUTE, active=False))
    happen(registry, NOW - MINUTE, seen("good", NOW - MINUTE))
    found = figures(registry)
    assert [(actor.device, actor.raised) for actor in found.worst] == [("bad", FLAPPING)], "once is not often"
    assert [alarm.device for alarm in found.flapping] == ["bad"]


def test_shares_are_told_once_there_are_enough(registry: Registry) -> None:
    for number in range(ENOUGH - 2):
        happen(registry, NOW - HOUR, seen(f"m{number}", NOW - HOUR))
    assert figures(registry).top_share is None
    happen(registry, NOW - HOUR + 1, seen("m0", NOW - HOUR + 1, active=False))
    happen(registry, NOW - MINUTE, seen("m0", NOW - MINUTE), seen("n", NOW - MINUTE))
    assert figures(registry).top_share == pytest.approx(2 / ENOUGH)


def test_an_alarm_stands_after_a_day_unless_it_was_put_aside(registry: Registry) -> None:
    raised = NOW - STANDING - MINUTE
    happen(registry, raised, seen("one", raised), seen("two", raised, severity="critical"))
    assert {alarm.device for alarm in figures(registry).standing} == {"one", "two"}
    with registry.writing() as session:
        shelve(session, 1, NOW + HOUR, "ops", "part is ordered", NOW - HOUR)
        acknowledge(session, 2, "ops", "", raised + 20 * MINUTE)
    found = figures(registry, 2 * DAY)
    assert {alarm.device for alarm in found.standing} == {"two"}
    assert found.shelved == 1
    assert found.answer == {"high": 20 * MINUTE}
    assert found.priorities == {"medium": 1, "high": 1}
