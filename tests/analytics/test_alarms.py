"""The lifecycle of alarms: transitions, idempotence, history, restarts in every state."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from analytics.alarms import Phase, Signal, acknowledge, apply, shelve, step, unshelve, unshelve_due
from schema.errors import Reject
from schema.finding import Finding, Severity
from schema.series import SeriesKey
from schema.text import Text
from store.registry.alarms import Alarm, AlarmStep, history, open_alarms, past_alarms
from store.registry.base import Base, Registry
from store.registry.places import Device, Site
from store.registry.snapshots import load, save

METER = SeriesKey("demo", "b1", "electricity_meter_15min", "m1", "energy")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    Base.metadata.create_all(registry.engine)
    yield registry
    registry.close()


def finding(
    end: int, *, active: bool = True, severity: Severity = "warning", rule: str = "seasonal", observed: float = 9.0
) -> Finding:
    return Finding(
        series=METER,
        rule=rule,
        begin=100,
        end=end,
        observed=observed,
        expected=5.0,
        low=4.0,
        high=6.0,
        unit="kWh",
        severity=severity,
        confidence=0.8,
        reason=Text(f"自某时起 {end}", f"since some time {end}"),
        active=active,
        cost_kwh_per_hour=16.0,
    )


def effects(registry: Registry, *findings: Finding, now: int = 1000) -> list[str]:
    with registry.writing() as session:
        return [change.effect for change in apply(session, findings, now)]


def phases(registry: Registry) -> list[str]:
    with registry.reading() as session:
        return list(session.scalars(select(Alarm.phase).order_by(Alarm.id)))


def test_an_alarm_opens_updates_is_acknowledged_and_closes(registry: Registry) -> None:
    with registry.writing() as session:
        session.add(Site(id="demo", title_zh="示范", title_en="Demo"))
        session.flush()
        session.add(
            Device(
                site="demo", id="m1", building="b1", kind="electricity_meter", title_zh="一号楼总表",
                title_en="Main meter 1", interval=15, state_since=0,
            )
        )  # fmt: skip
    assert effects(registry, finding(200)) == ["opened"]
    assert effects(registry, finding(300, observed=11.0), finding(400, severity="critical")) == ["updated", "escalated"]
    with registry.writing() as session:
        (alarm,) = open_alarms(session, "demo")
        assert alarm.title == Text("用量异常：一号楼总表", "Unusual consumption: Main meter 1")
        assert (alarm.phase, alarm.count, alarm.begin, alarm.end) == ("unacknowledged", 3, 100, 400)
        assert (alarm.priority, alarm.observed, alarm.reason.en) == ("high", 9.0, "since some time 400")
        assert alarm.action.en
        acknowledge(session, alarm.id, "ops", "on the way", 1100)
    assert effects(registry, finding(500, active=False), now=1200) == ["closed"]
    with registry.reading() as session:
        assert open_alarms(session, "demo") == []
        (alarm,) = past_alarms(session, "demo", 0, 1000)
        assert (alarm.closed, alarm.acknowledged_by, alarm.comment) == (1200, "ops", "on the way")
        steps = [(entry.time, entry.before, entry.after, entry.who, entry.comment) for entry in history(session, 1)]
        assert steps == [
            (1000, "", "unacknowledged", "", ""),
            (1100, "unacknowledged", "acknowledged", "ops", "on the way"),
            (1200, "acknowledged", "closed", "", ""),
        ]


def test_returned_stays_listed_until_acknowledged(registry: Registry) -> None:
    assert effects(registry, finding(200), finding(300, active=False)) == ["opened", "returned"]
    with registry.writing() as session:
        (alarm,) = open_alarms(session)
        acknowledge(session, alarm.id, "ops", "", 1100)
    assert phases(registry) == ["closed"]
    assert effects(registry, finding(400)) == ["opened"]
    assert phases(registry) == ["closed", "unacknowledged"]


def test_an_alarm_that_comes_back_before_anybody_looked_is_the_same(registry: Registry) -> None:
    assert effects(registry, finding(200), finding(300, active=False), finding(400)) == [
        "opened",
        "returned",
        "reopened",
    ]
    assert phases(registry) == ["unacknowledged"]


STREAM = [finding(200), finding(300), finding(400, severity="critical"), finding(500, active=False), finding(600)]


@pytest.mark.parametrize("restart_after", range(len(STREAM) + 1))
def test_the_same_findings_again_change_nothing(tmp_path: Path, restart_after: int) -> None:
    """Also when the platform stopped in any state and everything is told again from the beginning."""
    url = f"sqlite:///{tmp_path}/registry.db"
    first = Registry(url)
    Base.metadata.create_all(first.engine)
    effects(first, *STREAM[:restart_after])
    first.close()
    again = Registry(url)
    effects(again, *STREAM)
    everything = table(again)
    assert effects(again, *STREAM, now=5000) == []
    assert table(again) == everything
    again.close()
    assert [row[1:3] for row in everything[0]] == [("unacknowledged", 4)]


def table(registry: Registry) -> tuple[list[tuple[int, str, int]], list[tuple[str, str]]]:
    with registry.reading() as session:
        alarms = [(row.id, row.phase, row.count) for row in session.scalars(select(Alarm).order_by(Alarm.id))]
        steps = [(row.before, row.after) for row in session.scalars(select(AlarmStep).order_by(AlarmStep.id))]
    return alarms, steps


def test_a_return_without_an_alarm_is_nothing_and_rules_are_apart(registry: Registry) -> None:
    assert effects(registry, finding(200, active=False)) == []
    assert effects(registry, finding(200), finding(200, rule="stuck")) == ["opened", "opened"]


def test_a_shelved_alarm_comes_back_by_the_clock(registry: Registry) -> None:
    effects(registry, finding(200))
    with registry.writing() as session:
        alarm = shelve(session, 1, 2000, "ops", "contractor is coming", 1000).alarm
        assert alarm.shelved(1999)
        assert not alarm.shelved(2000)
        assert unshelve_due(session, 1999) == []
        assert [change.effect for change in unshelve_due(session, 2000)] == ["unshelved"]
        shelve(session, 1, 3000, "ops", "", 2000)
        assert unshelve(session, 1, "chief", "no", 2100).alarm.shelved_until is None
        assert [entry.signal for entry in history(session, 1)] == ["raise", "shelve", "unshelve", "shelve", "unshelve"]


def test_what_makes_no_sense_is_rejected(registry: Registry) -> None:
    effects(registry, finding(200))
    with registry.writing() as session:
        acknowledge(session, 1, "ops", "", 1100)
        with pytest.raises(Reject, match="unknown_alarm"):
            acknowledge(session, 99, "ops", "", 1200)
        with pytest.raises(Reject, match="already_acknowledged"):
            acknowledge(session, 1, "ops", "", 1200)
        with pytest.raises(Reject, match="bad_time"):
            shelve(session, 1, 1200, "ops", "", 1200)
        with pytest.raises(Reject, match="not_shelved"):
            unshelve(session, 1, "ops", "", 1200)
    effects(registry, finding(500, active=False))
    with registry.writing() as session, pytest.raises(Reject, match="alarm_closed"):
        acknowledge(session, 1, "ops", "", 1300)


@given(st.sampled_from(get_args(Phase)), st.lists(st.sampled_from(get_args(Signal)), max_size=20))
def test_transitions(phase: Phase, signals: list[Signal]) -> None:
    """A signal twice is a signal once; closed is left only by a new cause and needs return and acknowledgement."""
    for signal in signals:
        before, phase = phase, step(phase, signal)
        assert phase in get_args(Phase)
        if phase == "closed" and before != "closed":
            assert (before, signal) in {("acknowledged", "clear"), ("returned", "acknowledge")}
        if before == "closed":
            assert phase == ("unacknowledged" if signal == "raise" else "closed")
        if phase != "unacknowledged":
            assert step(phase, signal) == phase


def test_snapshots_keep_the_newest(registry: Registry) -> None:
    with registry.writing() as session:
        assert load(session, "detection") is None
        save(session, "detection", b"one", 1)
    with registry.writing() as session:
        save(session, "detection", b"two", 2)
    with registry.reading() as session:
        assert load(session, "detection") == b"two"
