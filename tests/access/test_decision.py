"""Who may pass: each objection on its own, and what holds for every request."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.decision import TITLES, Decision, Direction, Presence, Reason, Request, Zone, decide
from access.permit import Hours, Permit, Standing
from schema.instant import DAY, HOUR, SECOND, to_micros

MONDAY_9 = to_micros(datetime(2026, 11, 16, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai")))
PERMIT = Permit(
    id="p-1",
    credential="c" * 64,
    subject="staff",
    gates=("north",),
    valid_from=MONDAY_9 - DAY,
    valid_to=MONDAY_9 + DAY,
)
ZONE = Zone(id="yard")
ENTER = Request("north", "in")
LEAVE = Request("north", "out")


def change(**fields: object) -> Permit:
    return msgspec.structs.replace(PERMIT, **fields)


@pytest.mark.parametrize(
    ("permit", "reason"),
    [
        (PERMIT, "ok"),
        (None, "unknown"),
        (change(standing="blacklist"), "blacklist"),
        (change(standing="revoked"), "revoked"),
        (change(valid_from=MONDAY_9 + 1), "not_yet"),
        (change(valid_from=MONDAY_9), "ok"),
        (change(valid_to=MONDAY_9), "expired"),
        (change(valid_to=MONDAY_9 + 1), "ok"),
        (change(valid_to=None), "ok"),
        (change(gates=("south",)), "wrong_zone"),
        (change(gates=()), "wrong_zone"),
        (change(gates=(), zones=("yard",)), "ok"),
        (change(schedule=()), "out_of_schedule"),
        (change(schedule=(Hours((0,), 9 * 60, 17 * 60),)), "ok"),
        (change(schedule=(Hours((0,), 9 * 60 + 1, 17 * 60),)), "out_of_schedule"),
        (change(schedule=(Hours((0,), 0, 9 * 60),)), "out_of_schedule"),
        (change(schedule=(Hours((1, 2, 3, 4)), Hours((0,)))), "ok"),
        (change(schedule=(Hours((6,)),)), "out_of_schedule"),
        (change(max_uses=1), "ok"),
        (change(max_uses=0), "already_used"),
    ],
)
def test_each_objection(permit: Permit | None, reason: Reason) -> None:
    assert decide(ENTER, permit, ZONE, Presence(), MONDAY_9) == Decision(reason == "ok", reason)


@pytest.mark.parametrize(("uses", "granted"), [(2, True), (3, False), (4, False)])
def test_uses_are_counted_on_the_way_in_only(uses: int, granted: bool) -> None:
    permit = change(max_uses=3)
    assert decide(ENTER, permit, ZONE, Presence(uses=uses), MONDAY_9).granted is granted
    assert decide(LEAVE, permit, ZONE, Presence(uses=uses), MONDAY_9) == (True, "ok")


def test_hard_anti_passback_refuses_and_soft_only_says_so() -> None:
    inside = Presence(inside=True, since=MONDAY_9 - HOUR)
    assert decide(ENTER, PERMIT, Zone(id="yard"), inside, MONDAY_9) == (True, "ok")
    assert decide(ENTER, PERMIT, Zone(id="yard", anti_passback="soft"), inside, MONDAY_9) == (True, "anti_passback")
    hard = Zone(id="yard", anti_passback="hard", reset=2 * HOUR)
    assert decide(ENTER, PERMIT, hard, inside, MONDAY_9) == (False, "anti_passback")
    assert decide(ENTER, PERMIT, hard, inside, MONDAY_9 + HOUR) == (True, "ok"), "not reset"
    assert decide(ENTER, PERMIT, hard, Presence(), MONDAY_9) == (True, "ok"), "refused for what is not known"
    assert decide(ENTER, PERMIT, hard, Presence(inside=True, since=MONDAY_9 + DAY), MONDAY_9).granted, "clock set back"
    assert decide(LEAVE, PERMIT, hard, Presence(inside=False, since=MONDAY_9 - 1), MONDAY_9) == (True, "anti_passback")


def test_a_full_zone_refuses_also_where_anti_passback_is_soft() -> None:
    zone = Zone(id="yard", capacity=10, anti_passback="soft")
    assert decide(ENTER, PERMIT, zone, Presence(occupancy=9), MONDAY_9) == (True, "ok")
    assert decide(ENTER, PERMIT, zone, Presence(occupancy=10), MONDAY_9) == (False, "capacity")
    assert decide(ENTER, PERMIT, zone, Presence(inside=True, since=MONDAY_9 - 1, occupancy=10), MONDAY_9) == (
        False,
        "capacity",
    )
    assert decide(ENTER, PERMIT, zone, Presence(), MONDAY_9) == (True, "ok")


def test_the_first_objection_is_the_one_given() -> None:
    permit = change(standing="revoked", valid_to=0, gates=(), schedule=(), max_uses=0)
    order: list[Reason] = []
    for repair in (
        {"standing": "active"},
        {"valid_to": None},
        {"gates": ("north",)},
        {"schedule": None},
        {"max_uses": 1},
    ):
        order.append(decide(ENTER, permit, ZONE, Presence(), MONDAY_9).reason)
        permit = msgspec.structs.replace(permit, **repair)
    assert order == ["revoked", "expired", "wrong_zone", "out_of_schedule", "already_used"]
    assert decide(ENTER, permit, ZONE, Presence(), MONDAY_9).granted


@pytest.mark.parametrize("hours", [{"days": [7]}, {"days": [0], "begin": 600, "end": 600}, {"days": [0], "end": 1441}])
def test_hours_that_are_none_are_refused(hours: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(hours, Hours)


def test_every_reason_has_words_in_both_languages() -> None:
    assert all(title.zh and title.en for title in TITLES.values())
    assert set(TITLES) == set(Reason.__args__)  # type: ignore[attr-defined]


times = st.integers(MONDAY_9 - 30 * DAY, MONDAY_9 + 30 * DAY)
gates = st.sampled_from(["north", "south"])
permits = st.builds(
    Permit,
    id=st.just("p"),
    credential=st.just("c"),
    subject=st.sampled_from(["staff", "visitor", "vehicle"]),
    gates=st.lists(gates, max_size=2).map(tuple),
    zones=st.lists(st.sampled_from(["yard", "lab"]), max_size=2).map(tuple),
    valid_from=times,
    valid_to=st.none() | times,
    schedule=st.none() | st.lists(st.builds(Hours, days=st.lists(st.integers(0, 6)).map(tuple)), max_size=2).map(tuple),
    max_uses=st.none() | st.integers(0, 3),
    standing=st.sampled_from(Standing.__args__),  # type: ignore[attr-defined]
)
zones = st.builds(
    Zone,
    id=st.sampled_from(["yard", "lab"]),
    anti_passback=st.sampled_from(["off", "soft", "hard"]),
    reset=st.integers(0, DAY),
    capacity=st.none() | st.integers(0, 5),
)
presences = st.builds(
    Presence,
    inside=st.none() | st.booleans(),
    since=times,
    uses=st.integers(0, 5),
    occupancy=st.none() | st.integers(0, 9),
)


@given(gates, st.none() | permits, zones, presences, times)
def test_whoever_wants_out_gets_out(gate: str, permit: Permit | None, zone: Zone, presence: Presence, now: int) -> None:
    assert decide(Request(gate, "out"), permit, zone, presence, now).granted


@given(gates, permits, zones, presences, times)
def test_who_comes_in_has_a_permit_for_here_and_now(
    gate: str, permit: Permit, zone: Zone, presence: Presence, now: int
) -> None:
    decision = decide(Request(gate, "in"), permit, zone, presence, now)
    if decision.granted:
        assert permit.standing == "active"
        assert permit.valid_from <= now
        assert permit.valid_to is None or now < permit.valid_to
        assert gate in permit.gates or zone.id in permit.zones
        assert permit.max_uses is None or presence.uses < permit.max_uses
        assert zone.capacity is None or presence.occupancy is None or presence.occupancy < zone.capacity
        assert decision.reason == "ok" or (decision.reason, zone.anti_passback) == ("anti_passback", "soft")
    else:
        assert decision.reason != "ok"


@given(gates, zones, presences, times)
def test_who_is_not_known_stays_out(gate: str, zone: Zone, presence: Presence, now: int) -> None:
    assert decide(Request(gate, "in"), None, zone, presence, now) == (False, "unknown")


@given(gates, st.sampled_from(["in", "out"]), st.none() | permits, zones, presences, times)
def test_a_permit_survives_the_way_to_the_gate(
    gate: str, direction: Direction, permit: Permit | None, zone: Zone, presence: Presence, now: int
) -> None:
    """Online and offline decide the same: the copy a gate keeps is the permit itself."""
    copy = msgspec.json.decode(msgspec.json.encode(permit), type=Permit | None)
    request = Request(gate, direction)
    assert decide(request, copy, zone, presence, now) == decide(request, permit, zone, presence, now)


def test_hours_follow_the_local_day_of_the_site() -> None:
    """00:30 on Tuesday in Shanghai is still Monday in UTC."""
    half_past = to_micros(datetime(2026, 11, 17, 0, 30, tzinfo=ZoneInfo("Asia/Shanghai")))
    permit = change(schedule=(Hours((1,), 0, 60),), valid_to=None)
    assert decide(ENTER, permit, ZONE, Presence(), half_past) == (True, "ok")
    assert decide(ENTER, permit, ZONE, Presence(), half_past + 1800 * SECOND) == (False, "out_of_schedule")
