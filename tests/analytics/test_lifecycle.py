"""The lifecycle of alarms: transitions, idempotence, history, restarts in every state."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from analytics.alarms.acts import (
    acknowledge,
    acknowledge_all,
    comment,
    judge,
    put_back_in_service,
    shelve,
    take_out_of_service,
    unshelve,
)
from analytics.alarms.clock import RELEASE, tick
from analytics.alarms.lifecycle import FLAPPING, STILL, Phase, Signal, apply, step
from analytics.alarms.roster import ESCALATION
from schema.errors import Reject
from schema.finding import Finding, Severity
from schema.instant import HOUR, MINUTE
from schema.series import SeriesKey
from schema.text import Text
from store.registry.alarms import Alarm, AlarmStep, explained, history, open_alarms, past_alarms
from store.registry.base import Base, Registry
from store.registry.places import Device, Site
from store.registry.snapshots import load, save
from store.registry.treatments import Treatment

METER = SeriesKey("demo", "b1", "electricity_meter_15min", "m1", "energy")
NOW = 1_780_243_200_000_000


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    Base.metadata.create_all(registry.engine)
    yield registry
    registry.close()


def finding(
    end: int,
    *,
    begin: int = 100,
    series: SeriesKey = METER,
    active: bool = True,
    severity: Severity = "warning",
    rule: str = "seasonal",
    observed: float = 9.0,
    cost: float = 16.0,
) -> Finding:
    return Finding(
        series=series,
        rule=rule,
        begin=begin,
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
        cost_kwh_per_hour=cost,
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
            (1000, "pending", "unacknowledged", "", ""),
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
        assert tick(session, 1999) == []
        assert [change.effect for change in tick(session, 2000)] == ["unshelved"]
        shelve(session, 1, 3000, "ops", "again", 2000)
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
            shelve(session, 1, 1200, "ops", "late", 1200)
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
        if before == "pending":
            assert phase == ("unacknowledged" if signal == "raise" else "pending")
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


def ticked(registry: Registry, now: int) -> list[str]:
    with registry.writing() as session:
        return [change.effect for change in tick(session, now)]


def treat(registry: Registry, rule: str = "", device: str = "", **values: float) -> None:
    with registry.writing() as session:
        row = Treatment(site="demo", device=device, rule=rule, who="chief", comment="", changed=NOW, **values)
        session.merge(row)


def at(minutes: float, *, active: bool = True, begin: float = 0, rule: str = "seasonal") -> Finding:
    """Evidence that came so many minutes after NOW."""
    return finding(NOW + round(minutes * MINUTE), begin=NOW + round(begin * MINUTE), active=active, rule=rule)


def test_an_alarm_waits_for_its_on_delay(registry: Registry) -> None:
    treat(registry, "seasonal", on_delay=10 * MINUTE)
    assert effects(registry, at(1), now=NOW + MINUTE) == []
    with registry.reading() as session:
        assert open_alarms(session) == []
    assert ticked(registry, NOW + 9 * MINUTE) == []
    assert effects(registry, at(9, active=False), now=NOW + 9 * MINUTE) == [], "gone before anybody heard of it"
    assert phases(registry) == []
    assert effects(registry, at(20, begin=15), now=NOW + 20 * MINUTE) == []
    assert ticked(registry, NOW + 25 * MINUTE) == ["opened"]
    assert ticked(registry, NOW + 25 * MINUTE) == []
    assert phases(registry) == ["unacknowledged"]


def test_evidence_that_outlasts_the_on_delay_opens_at_once(registry: Registry) -> None:
    treat(registry, on_delay=10 * MINUTE)
    assert effects(registry, at(3), at(11), now=NOW + 11 * MINUTE) == ["opened"]


def test_an_alarm_returns_only_after_its_off_delay(registry: Registry) -> None:
    treat(registry, device="m1", off_delay=10 * MINUTE)
    assert effects(registry, at(1), at(2, active=False), now=NOW + 2 * MINUTE) == ["opened"]
    assert effects(registry, at(5), now=NOW + 5 * MINUTE) == ["updated"], "it never went away"
    assert ticked(registry, NOW + 13 * MINUTE) == []
    assert effects(registry, at(20, active=False), now=NOW + 20 * MINUTE) == []
    assert ticked(registry, NOW + 29 * MINUTE) == []
    assert ticked(registry, NOW + 30 * MINUTE) == ["returned"]


def test_a_flapping_alarm_is_told_once_and_has_to_keep_still(registry: Registry) -> None:
    seen = []
    for turn in range(FLAPPING + 2):
        seen += effects(registry, at(10 * turn + 1), now=NOW + (10 * turn + 1) * MINUTE)
        seen += effects(registry, at(10 * turn + 2, active=False), now=NOW + (10 * turn + 2) * MINUTE)
    assert seen == ["opened", *["returned", "reopened"] * (FLAPPING - 2), "returned", "flapping", *["updated"] * 2]
    last = NOW + (10 * (FLAPPING + 1) + 2) * MINUTE
    assert ticked(registry, last + STILL - 1) == []
    assert ticked(registry, last + STILL) == ["returned"]
    with registry.reading() as session:
        assert not open_alarms(session)[0].flapping


GATEWAY = SeriesKey("demo", "agents", "agent", "box", "")


def compound(registry: Registry) -> None:
    """A gateway, a main meter behind it, and a sub-meter of that."""
    with registry.writing() as session:
        session.add(Site(id="demo", title_zh="示范", title_en="Demo"))
        session.flush()
        for name, kind, parent in (
            ("box", "agent", None),
            ("m1", "electricity_meter", None),
            ("m2", "electricity_meter", "m1"),
        ):
            device = Device(site="demo", id=name, building="b1", kind=kind, title_zh=name, title_en=name, interval=15)
            device.state_since, device.parent, device.agent = 0, parent, "box"
            session.add(device)


def device_silent(name: str, minute: float, *, active: bool = True) -> Finding:
    series = GATEWAY if name == "box" else SeriesKey("demo", "b1", "electricity_meter", name, "")
    end = NOW + round(minute * MINUTE)
    return finding(end, begin=NOW, series=series, rule="silent", active=active, cost=0)


def test_a_gateway_that_is_away_hides_the_silence_of_its_meters(registry: Registry) -> None:
    compound(registry)
    assert effects(registry, device_silent("m1", 1), now=NOW + MINUTE) == ["opened"]
    later = NOW + 2 * MINUTE
    assert effects(registry, device_silent("m2", 2), device_silent("box", 2), now=later) == ["opened", "opened"]
    with registry.reading() as session:
        known = {alarm.device: alarm for alarm in open_alarms(session)}
        assert [known[name].suppressed for name in ("box", "m1", "m2")] == [False, True, True]
        assert {known[name].root for name in ("m1", "m2")} == {known["box"].id}
    back = NOW + 5 * MINUTE
    findings = [device_silent("box", 5, active=False), device_silent("m1", 5, active=False)]
    assert effects(registry, *findings, now=back) == ["returned", "closed"], "nobody heard of the meter's"
    assert ticked(registry, back + RELEASE - 1) == []
    assert ticked(registry, back + RELEASE) == ["unsuppressed"], "the other meter is still silent"


def test_a_sub_meter_explains_the_excess_of_its_parent(registry: Registry) -> None:
    compound(registry)
    child = METER._replace(device="m2")
    assert effects(registry, finding(200, cost=20.0), now=1000) == ["opened"]
    effects(registry, finding(210, series=child, cost=16.0), now=1000)
    with registry.reading() as session:
        parent, sub = sorted(open_alarms(session), key=lambda alarm: alarm.device)
        assert (parent.root, parent.suppressed, sub.root) == (sub.id, True, None)


def test_nobody_answers_so_the_next_tier_is_told(registry: Registry) -> None:
    effects(registry, finding(NOW, severity="critical"), now=NOW)
    first, second = ESCALATION["high"]
    assert ticked(registry, NOW + first - 1) == []
    assert ticked(registry, NOW + first) == ["unanswered"]
    assert ticked(registry, NOW + first) == [], "also after a restart"
    assert ticked(registry, NOW + second) == ["unanswered"]
    with registry.writing() as session:
        acknowledge(session, 1, "ops", "", NOW + second)
    assert ticked(registry, NOW + 10 * second) == []


def test_out_of_service_tells_nobody_until_it_is_over(registry: Registry) -> None:
    effects(registry, finding(NOW), now=NOW)
    with registry.writing() as session:
        changes = take_out_of_service(session, "demo", "m1", "", NOW + HOUR, "ops", "rewired", NOW)
        assert [change.effect for change in changes] == ["removed"]
        assert open_alarms(session)[0].quiet(NOW)
    effects(registry, finding(NOW, rule="stuck"), now=NOW)
    with registry.reading() as session:
        assert all(alarm.removed for alarm in open_alarms(session))
    assert ticked(registry, NOW + HOUR) == ["restored", "restored"]
    with registry.writing() as session:
        take_out_of_service(session, "demo", "m1", "stuck", None, "ops", "rewired", NOW + HOUR)
        changes = put_back_in_service(session, "demo", "m1", "stuck", "ops", NOW + 2 * HOUR)
        assert [change.effect for change in changes] == ["restored"]
        with pytest.raises(Reject, match="in_service"):
            put_back_in_service(session, "demo", "m1", "stuck", "ops", NOW)


def test_a_false_alarm_makes_the_same_deviation_harmless(registry: Registry) -> None:
    effects(registry, finding(200, observed=9.0), finding(300, active=False))
    with registry.writing() as session:
        judge(session, 1, "false", "planned", "ops", "party", 1000)
        acknowledge(session, 1, "ops", "", 1000)
    assert effects(registry, finding(400, observed=9.0)) == []
    assert effects(registry, finding(500, observed=9.0, rule="other")) == ["opened"], "other rules are as they were"
    assert effects(registry, finding(600, observed=9.5)) == ["opened"]
    with registry.reading() as session:
        alarm = session.get_one(Alarm, 1)
        assert (alarm.verdict, alarm.cause) == ("false", "planned")


def test_where_there_is_no_band_a_false_alarm_lengthens_the_on_delay(registry: Registry) -> None:
    odd = Finding(**{name: getattr(at(30), name) for name in Finding.__struct_fields__} | {"low": 5.0, "high": 5.0})
    effects(registry, odd, now=NOW + 30 * MINUTE)
    with registry.writing() as session:
        judge(session, 1, "false", None, "ops", "", NOW + 31 * MINUTE)
        row = session.get_one(Treatment, ("demo", "m1", "seasonal"))
        assert row.on_delay == 30 * MINUTE
        with pytest.raises(Reject, match="bad_verdict"):
            judge(session, 1, "perhaps", None, "ops", "", NOW)  # type: ignore[arg-type]


def test_many_are_acknowledged_at_once_and_words_are_kept(registry: Registry) -> None:
    effects(registry, finding(200), finding(200, rule="stuck"), finding(200, rule="spike"))
    with registry.writing() as session:
        acknowledge(session, 1, "ops", "", 1000)
        changes = acknowledge_all(session, [1, 2, 3, 77], "chief", "all seen", 1100)
        assert [change.alarm.id for change in changes] == [2, 3]
        comment(session, 1, "ops", "fuse replaced", 1200)
        assert [entry.signal for entry in history(session, 1)] == ["raise", "acknowledge", "comment"]
        with pytest.raises(Reject, match="no_comment"):
            comment(session, 1, "ops", " ", 1200)


LIFE = [
    (0, at(1)),
    (5, None),
    (12, at(12)),
    (30, at(30, active=False)),
    (45, None),
    (50, at(50, begin=49)),
    (61, None),
    (70, at(70, active=False, begin=49)),
    (90, None),
]
"""Minutes after NOW, and the evidence that came then (None: only the clock moved)."""


@pytest.mark.parametrize("restart_after", range(len(LIFE) + 1))
def test_delays_go_on_after_a_restart_in_every_state(tmp_path: Path, restart_after: int) -> None:
    def lived(url: str, restart_after: int) -> tuple[list[tuple[int, str, int]], list[tuple[str, str]]]:
        registry = Registry(url)
        Base.metadata.create_all(registry.engine)
        treat(registry, on_delay=10 * MINUTE, off_delay=10 * MINUTE)
        for count, (minute, seen) in enumerate(LIFE):
            if count == restart_after:
                registry.close()
                registry = Registry(url)
            now = NOW + minute * MINUTE
            effects(registry, *([seen] if seen else []), now=now)
            if count == restart_after:
                effects(registry, *([seen] if seen else []), now=now)  # told again: it was not saved as done
            ticked(registry, now)
        everything = table(registry)
        registry.close()
        return everything

    undisturbed = lived(f"sqlite:///{tmp_path}/one.db", -1)
    assert undisturbed == lived(f"sqlite:///{tmp_path}/two.db", restart_after)
    assert [row[1] for row in undisturbed[0]] == ["returned"]


def test_the_most_specific_alarm_of_a_device_speaks_for_the_others(registry: Registry) -> None:
    compound(registry)
    assert effects(registry, finding(200, rule="seasonal"), now=1000) == ["opened"]
    effects(registry, finding(210, rule="night_flow"), now=1000)
    effects(registry, finding(220, rule="balance"), now=1000)
    with registry.reading() as session:
        known = {alarm.rule: alarm for alarm in open_alarms(session)}
        assert [known[rule].suppressed for rule in ("night_flow", "seasonal", "balance")] == [False, True, True]
        assert {known[rule].root for rule in ("seasonal", "balance")} == {known["night_flow"].id}


def test_a_sub_meter_that_stands_still_explains_the_balance_of_its_parent(registry: Registry) -> None:
    compound(registry)
    effects(registry, finding(200, rule="balance", cost=0.0), now=1000)
    effects(registry, finding(210, series=METER._replace(device="m2"), rule="stuck", cost=0.0), now=1000)
    with registry.reading() as session:
        known = {alarm.rule: alarm for alarm in open_alarms(session)}
        assert known["balance"].suppressed
        assert known["balance"].root == known["stuck"].id


def test_two_alarms_of_one_cause_call_once(registry: Registry) -> None:
    """Load while nobody is in, then a high base load of the same meter: the second takes the first with it."""
    compound(registry)
    start = NOW - HOUR
    assert effects(registry, finding(start, rule="vacancy"), now=NOW) == ["opened"]
    assert effects(registry, finding(start + 1, rule="base_load"), now=NOW) == ["took_over"]
    with registry.reading() as session:
        known = {alarm.rule: alarm for alarm in open_alarms(session)}
        assert (known["vacancy"].suppressed, known["base_load"].suppressed) == (True, False)
        assert [alarm.rule for alarm in explained(session, known["base_load"].id)] == ["vacancy"]


def test_what_somebody_has_seen_does_not_silence_the_next(registry: Registry) -> None:
    compound(registry)
    effects(registry, finding(NOW - HOUR, rule="vacancy"), now=NOW)
    with registry.writing() as session:
        acknowledge(session, 1, "ops", "", NOW)
    assert effects(registry, finding(NOW - HOUR + 1, rule="base_load"), now=NOW) == ["opened"]


def test_sub_meters_explain_their_parent_together_and_each_kilowatt_once(registry: Registry) -> None:
    """Two of 40 % do; one of 40 % with what is below it does not."""
    compound(registry)
    with registry.writing() as session:
        for name, parent in (("m3", "m1"), ("m4", "m2")):
            row = session.get_one(Device, ("demo", "m2"))
            values = {column.key: getattr(row, column.key) for column in Device.__table__.columns}
            session.add(Device(**values | {"id": name, "parent": parent}))
    below = {name: METER._replace(device=name) for name in ("m2", "m3", "m4")}
    effects(registry, finding(200, cost=10.0), now=1000)
    effects(registry, finding(210, series=below["m2"], cost=4.0), now=1000)
    effects(registry, finding(210, series=below["m4"], cost=1.5), now=1000)
    with registry.reading() as session:
        assert not session.get_one(Alarm, 1).suppressed
    effects(registry, finding(220, series=below["m3"], cost=4.0), now=1000)
    with registry.reading() as session:
        assert session.get_one(Alarm, 1).suppressed
