"""Faults on demand: what each does to what is shown, what it leaves alone, and how it is asked for and labelled."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest

from devices import kinds
from edge.simulation.asked import drawn, parsed, wanted
from edge.simulation.compound import Compound
from edge.simulation.devices import HEAT_METERS, PV, SUB_METERS, WATER_METERS, catalogue
from edge.simulation.faults import MEANINGS, Fault, Kind, fitting, label
from edge.simulation.span import Span
from schema.errors import Stop
from schema.event import Pass
from schema.instant import DAY, HOUR, MINUTE, SECOND, to_micros
from schema.reading import Reading

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = date(2026, 1, 5)
START = to_micros(datetime(2026, 1, 5, tzinfo=ZONE))
BEGIN = START + DAY + 10 * HOUR
"""A Tuesday's morning."""

Values = dict[tuple[str, str], float]


def compound(*faults: str) -> Compound:
    return Compound(7, FIRST, ZONE, [parsed(fault, ZONE) for fault in faults])


@cache
def quiet() -> Compound:
    return compound()


def span(days: int, seed: int = 7) -> Span:
    return Span(seed, FIRST, days, ZONE)


def values(readings: Sequence[Reading]) -> Values:
    return {(reading.device, reading.point): reading.value for reading in readings}


def rise(faulty: Compound, time: int) -> Values:
    """By how much each value differs from that of a compound without the fault."""
    plain, shown = values(quiet().readings(time)), values(faulty.readings(time))
    assert shown.keys() <= plain.keys()
    return {key: round(value - plain[key], 6) for key, value in shown.items() if value != plain[key]}


def used(of: Compound, device: str, point: str, start: int, end: int) -> float:
    return values(of.readings(end))[device, point] - values(of.readings(start))[device, point]


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        ("left_on:office-b-elec@2026-01-06T10:00+8h=40", {"office-b-elec", "main-elec"}),
        ("leak:office-a-water@2026-01-06T10:00+8h=1.5", {"office-a-water", "main-water"}),
        ("leak:main-water@2026-01-06T10:00+8h=1.5", {"main-water"}),
        ("set_point:room-a-305@2026-01-06T10:00+8h=4", {"room-a-305", "office-a-heat", "main-heat"}),
    ],
)
def test_what_is_true_is_seen_by_the_meters_above_too(fault: str, where: set[str]) -> None:
    faulty = compound(fault)
    assert not rise(faulty, BEGIN - MINUTE * 10)
    changed = {
        device for (device, point) in rise(faulty, BEGIN + 4 * HOUR) if point in {"energy", "volume", "set_point"}
    }
    assert changed == where
    for mains, subs, point in (
        ("main-elec", SUB_METERS, "energy"),
        ("main-water", WATER_METERS, "volume"),
        ("main-heat", HEAT_METERS, "energy"),
    ):
        shown = values(faulty.readings(BEGIN + 10 * HOUR))
        entered = shown[mains, point]
        if mains == "main-elec":
            entered += shown[PV, "yield"] - shown[mains, "energy_export"]
        lost = 1.5 * 8 if fault.startswith("leak:main") and mains == "main-water" else 0
        assert sum(shown[name, point] for name in subs) + lost == pytest.approx(entered, abs=0.15)


@pytest.mark.parametrize(
    "fault",
    [
        "stuck:office-a-elec@2026-01-06T10:00+8h",
        "spike:office-a-elec@2026-01-06T14:00+5min=900",
        "level_shift:office-a-elec@2026-01-06T10:00+8h=30%",
        "drift:office-a-elec@2026-01-06T10:00+8h=30%",
        "wrong_ct:office-a-elec@2026-01-06T10:00+8h=0.25",
        "meter_swap:office-a-elec@2026-01-06T10:00=5",
        "rollover:office-a-elec@2026-01-06T10:00",
        "noise:office-a-elec@2026-01-06T10:00+8h=20%",
    ],
)
def test_what_is_only_metered_is_seen_nowhere_else(fault: str) -> None:
    assert {device for device, _ in rise(compound(fault), BEGIN + 4 * HOUR)} == {"office-a-elec"}


def test_a_stuck_register_repeats_itself_and_is_right_again() -> None:
    faulty = compound("stuck:canteen-water@2026-01-06T10:00+6h")
    held = {values(faulty.readings(BEGIN + n * HOUR))["canteen-water", "volume"] for n in range(6)}
    assert held == {values(quiet().readings(BEGIN))["canteen-water", "volume"]}
    assert not rise(faulty, BEGIN + 6 * HOUR)


def test_a_spike_lasts_a_minute_and_is_labelled_for_its_quarter_hour() -> None:
    faulty = compound("spike:main-heat@2026-01-06T10:00=900")
    assert {n for n in range(-2, 3) if rise(faulty, BEGIN + n * MINUTE)} == {0}
    said = msgspec.json.decode(label(parsed("spike:main-heat@2026-01-06T10:00=900", ZONE), ZONE))
    assert (said["begin"], said["end"]) == ("2026-01-06T10:00:00+08:00", "2026-01-06T10:15:00+08:00")
    assert rise(faulty, BEGIN) == {("main-heat", "energy"): 900}


@pytest.mark.parametrize(("kind", "size", "counted"), [("level_shift", "30%", 1.3), ("wrong_ct", "0.25", 0.25)])
def test_a_wrong_factor_is_in_register_power_and_current_alike(kind: str, size: str, counted: float) -> None:
    faulty = compound(f"{kind}:canteen-elec@2026-01-06T10:00+4h={size}")
    true = used(quiet(), "canteen-elec", "energy", BEGIN, BEGIN + 4 * HOUR)
    assert used(faulty, "canteen-elec", "energy", BEGIN, BEGIN + 4 * HOUR) == pytest.approx(counted * true, rel=0.05)
    plain, shown = (values(of.readings(BEGIN + HOUR)) for of in (quiet(), faulty))
    for point in ("power", "current"):
        assert shown["canteen-elec", point] == pytest.approx(counted * plain["canteen-elec", point], abs=0.01)
    assert shown["canteen-elec", "voltage"] == plain["canteen-elec", "voltage"]
    later = BEGIN + 5 * HOUR
    assert used(faulty, "canteen-elec", "energy", later, later + HOUR) == pytest.approx(
        used(quiet(), "canteen-elec", "energy", later, later + HOUR), abs=0.002
    )


def test_a_drift_grows() -> None:
    faulty = compound("drift:data-room-elec@2026-01-06T10:00+10d=50%")
    ratios = [
        used(faulty, "data-room-elec", "energy", at, at + HOUR)
        / used(quiet(), "data-room-elec", "energy", at, at + HOUR)
        for at in (BEGIN + DAY, BEGIN + 5 * DAY, BEGIN + 9 * DAY)
    ]
    assert ratios == pytest.approx([1.05, 1.25, 1.45], abs=0.01)


def test_a_sensor_drifts_in_its_own_unit() -> None:
    faulty = compound("drift:cold-store@2026-01-06T10:00+10d=5")
    assert rise(faulty, BEGIN + 5 * DAY) == {("cold-store", "temperature"): pytest.approx(2.5)}


def test_a_new_meter_begins_anew_and_counts_on() -> None:
    faulty = compound("meter_swap:office-a-elec@2026-01-06T10:00=5", "meter_swap:office-a-elec@2026-01-08T10:00=7")
    for begin, size in ((BEGIN, 5), (BEGIN + 2 * DAY, 7)):
        assert values(faulty.readings(begin))["office-a-elec", "energy"] == size
        assert used(faulty, "office-a-elec", "energy", begin, begin + DAY) == pytest.approx(
            used(quiet(), "office-a-elec", "energy", begin, begin + DAY), abs=0.002
        )


def test_a_register_rolls_over_at_its_width() -> None:
    faulty = compound("rollover:main-water@2026-01-06T10:00")
    shown = [values(faulty.readings(BEGIN + n * HOUR))["main-water", "volume"] for n in (-2, -1, 0, 1)]
    assert 999_900 < shown[0] < shown[1] < 1e6
    assert 0 == shown[2] < shown[3]
    assert (shown[3] - shown[0]) % 1e6 == pytest.approx(
        used(quiet(), "main-water", "volume", BEGIN - 2 * HOUR, BEGIN + HOUR), abs=0.002
    )


def test_a_clock_is_ahead_and_a_silent_device_says_nothing() -> None:
    faulty = compound("clock_skew:kitchen-gas@2026-01-06T10:00+2h=600", "silent:weather@2026-01-06T10:00+2h")
    times = {reading.device: reading.time - BEGIN for reading in faulty.readings(BEGIN)}
    assert times.pop("kitchen-gas") == 10 * MINUTE
    assert set(times.values()) == {0}
    assert "weather" not in times
    assert "weather" in {reading.device for reading in faulty.readings(BEGIN + 2 * HOUR)}


def test_gauges_scatter_and_registers_do_not() -> None:
    faulty = compound("noise:office-a-elec@2026-01-06T10:00+8h=20%")
    changed = [rise(faulty, BEGIN + n * 15 * MINUTE) for n in range(20)]
    assert {point for one in changed for _, point in one} == {"power", "current"}
    assert {one["office-a-elec", "power"] > 0 for one in changed} == {True, False}


def test_phases_of_the_main_supply_can_be_loaded_unevenly() -> None:
    plain, shown = (
        values(of.readings(BEGIN + HOUR)) for of in (quiet(), compound("imbalance:main-elec@2026-01-06T10:00=40%"))
    )
    ratio = {phase: shown["main-elec", f"current_{phase}"] / plain["main-elec", f"current_{phase}"] for phase in "abc"}
    assert ratio == pytest.approx({"a": 1.4, "b": 0.8, "c": 0.8}, abs=0.01)
    assert shown["main-elec", "power"] == plain["main-elec", "power"]
    assert shown["main-elec", "voltage_unbalance"] > 2 * plain["main-elec", "voltage_unbalance"]


def test_those_who_tailgate_are_counted_but_were_granted_nothing() -> None:
    faulty = compound("tailgating:gate-north@2026-01-06+1d=20%")
    passes = [one for one in faulty.events(START + DAY, START + 2 * DAY)["gate-north"] if isinstance(one, Pass)]
    behind = [one for one in passes if one.reason == "tailgating"]
    granted = [one for one in passes if one.granted and one.direction == "in"]
    assert 0.1 < len(behind) / len(granted) < 0.3
    assert {(one.granted, one.passed, one.credential) for one in behind} == {(False, True, "")}
    entries = used(faulty, "gate-north", "entries", START + DAY, START + 2 * DAY)
    assert entries == len(granted) + len(behind)
    assert used(faulty, "gate-north", "exits", START + DAY, START + 2 * DAY) == sum(
        one.direction == "out" for one in passes
    )


def test_faults_compose_on_one_device() -> None:
    faulty = compound(
        "wrong_ct:office-a-elec@2026-01-06T10:00+20h=0.5",
        "meter_swap:office-a-elec@2026-01-06T12:00=100",
        "stuck:office-a-elec@2026-01-06T14:00+2h",
    )
    noon, four = BEGIN + 2 * HOUR, BEGIN + 6 * HOUR
    assert values(faulty.readings(noon))["office-a-elec", "energy"] == 100
    held = values(faulty.readings(four - MINUTE))["office-a-elec", "energy"]
    assert held == pytest.approx(100 + used(quiet(), "office-a-elec", "energy", noon, noon + 2 * HOUR) / 2, abs=0.01)
    assert values(faulty.readings(four))["office-a-elec", "energy"] == pytest.approx(
        100 + used(quiet(), "office-a-elec", "energy", noon, four) / 2, abs=0.01
    )


def test_with_all_that_can_be_wrong_the_truth_still_balances() -> None:
    """Devices without a fault of metering show what they would if there were none; those sum up as always."""
    faults = drawn(["all", "left_on*3", "leak*2"], span(60, seed=5))
    true = Compound(7, FIRST, ZONE, [fault for fault in faults if fault.meaning.nature == "physical"])
    faulty = Compound(7, FIRST, ZONE, faults)
    wrong = {fault.device for fault in faults if fault.meaning.nature == "metering"}
    before: Values = {}
    for time in range(START, START + 60 * DAY, 41 * HOUR):
        truth, shown = values(true.readings(time)), values(faulty.readings(time))
        assert {key: value for key, value in shown.items() if key[0] not in wrong} == {
            key: value for key, value in truth.items() if key[0] not in wrong
        }
        net = truth["main-elec", "energy"] - truth["main-elec", "energy_export"] + truth[PV, "yield"]
        assert sum(truth[name, "energy"] for name in SUB_METERS) == pytest.approx(net, abs=0.01)
        assert sum(truth[name, "energy"] for name in HEAT_METERS) == pytest.approx(
            truth["main-heat", "energy"], abs=0.01
        )
        assert sum(truth[name, "volume"] for name in WATER_METERS) <= truth["main-water", "volume"] + 0.01
        rising = {key: truth[key] for key in truth if key[1] in {"energy", "volume", "yield", "entries", "trips"}}
        assert all(value >= before.get(key, 0) for key, value in rising.items())
        before = rising


def test_every_kind_can_be_drawn_and_the_same_seed_draws_the_same() -> None:
    end = START + 120 * DAY
    faults = drawn(["all"], span(120))
    assert {fault.kind for fault in faults} == set(get_args(Kind)) == set(MEANINGS)
    assert faults == drawn(["all"], span(120)) != drawn(["all"], span(120, seed=8))
    assert all(
        START + 40 * DAY <= fault.begin < fault.end <= end and fault.begin % (15 * MINUTE) == 0 for fault in faults
    )
    assert all(fault.device in fitting(fault.kind) for fault in faults)
    many = drawn(["spike*6", "leak*5"], span(120))
    assert len(many) == 11
    for one, other in pairwise(sorted(many, key=lambda fault: (fault.device, fault.begin))):
        assert one.device != other.device or one.end <= other.begin


def test_what_is_shown_with_all_faults_is_the_same_however_it_is_cut() -> None:
    faults = drawn(["silent", "spike", "door_open", "stuck", "meter_swap", "clock_skew"], span(21, seed=3))
    whole = list(Compound(3, FIRST, ZONE, faults).between(START + 15 * DAY, START + 17 * DAY))
    other = Compound(3, FIRST, ZONE, faults)
    edges = range(START + 15 * DAY, START + 17 * DAY + 1, 7 * HOUR + 13 * MINUTE)
    parts = [other.between(begin, min(begin + edges.step, START + 17 * DAY)) for begin in edges]
    assert [readings for part in parts for readings in part] == whole


def test_a_device_is_read_no_faster_than_its_kind_asks() -> None:
    moments = list(quiet().between(BEGIN, BEGIN + 10 * MINUTE, MINUTE))
    counts = {name: sum(name in {r.device for r in readings} for readings in moments) for name in catalogue()}
    assert (counts["main-elec"], counts["lift-a-1"], counts["weather"], counts["main-heat"]) == (10, 10, 2, 2)
    assert kinds()["weather_station"].interval == 300


def test_a_label_says_what_where_when_and_who_else_sees_it() -> None:
    said = msgspec.json.decode(label(parsed("leak:canteen-water@2026-03-01T02:10+3d=0.7", ZONE), ZONE))
    assert said.pop("title")["en"] == "Water leak"
    assert said == {
        "fault": "leak",
        "device": "canteen-water",
        "point": "flow",
        "begin": "2026-03-01T02:00:00+08:00",
        "end": "2026-03-04T02:00:00+08:00",
        "size": 0.7,
        "unit": "m3/h",
        "nature": "physical",
        "seen_at": ["main-water"],
    }


@pytest.mark.parametrize(
    ("fault", "unit", "size"),
    [
        ("drift:canteen-elec@2026-03-01+7d=20%", "/", 0.2),
        ("drift:cold-store@2026-03-01", "Cel", 4),
        ("spike:canteen-water@2026-03-01", "m3", 400),
        ("spike:kitchen-gas@2026-03-01=-0.5", "kWh", -0.5),
        ("clock_skew:gate-north@2026-03-01", "s", 1800),
    ],
)
def test_a_size_is_in_the_unit_of_its_kind_or_of_the_point(fault: str, unit: str, size: float) -> None:
    said = msgspec.json.decode(label(parsed(fault, ZONE), ZONE))
    assert (said["unit"], said["size"]) == (unit, size)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("leak", "should read like"),
        ("leak:main-water@yesterday", "should read like"),
        ("leek:main-water@2026-01-06", "there is no fault 'leek'; choose of left_on, leak"),
        ("leak:main-elec@2026-01-06", "leak can be of main-water, canteen-water"),
        ("left_on:main-elec@2026-01-06", "left_on can be of office-a-elec"),
        ("leak:main-water@2026-02-30", "day is out of range"),
        ("rollover:main-water@2026-01-06=5000", "rollover of main-water has no size of its own"),
        ("silent:main-water@2026-01-06=3", "no size of its own"),
        ("leak:main-water@2026-01-06=-5", "a size of 0 to 100 m3/h"),
        ("drift:canteen-elec@2026-01-06=-200%", "a size of -1 to 10 /"),
        ("drift:weather@2026-01-06=1e99", "a size of -50 to 50 Cel"),
        ("leak:main-water@2026-02-04", "begins after 2026-02-03"),
        ("leak:main-water@2025-12-31", "begins before 2026-01-05"),
    ],
)
def test_a_fault_asked_for_wrongly_is_answered_with_what_would_be_right(fault: str, says: str) -> None:
    with pytest.raises(Stop, match=says):
        wanted([fault], [], span(30))


@pytest.mark.parametrize(
    ("word", "says"), [("leek", "no fault 'leek'"), ("leak*many", "spike\\*3"), ("leak*99", "no room")]
)
def test_kinds_that_cannot_be_drawn_are_said(word: str, says: str) -> None:
    with pytest.raises(Stop, match=says):
        wanted([], [word], span(30))


def test_drawn_faults_keep_clear_of_those_asked_for() -> None:
    told = "silent:gate-north@2026-01-06+29d"
    faults = wanted([told], ["silent*20", "tailgating"], span(60))
    assert isinstance(faults[0], Fault)
    assert [fault.device for fault in faults].count("gate-north") <= 2
    assert all(fault.begin >= faults[0].end for fault in faults[1:] if fault.device == "gate-north")


def test_a_silent_gate_tells_no_event_and_one_whose_clock_is_ahead_dates_them_so() -> None:
    window = (BEGIN, BEGIN + HOUR)
    true = quiet().events(*window)["gate-north"]
    assert "gate-north" not in compound("silent:gate-north@2026-01-06T10:00+2h").events(*window)
    skewed = compound("clock_skew:gate-north@2026-01-06T10:00+2h=600").events(*window)["gate-north"]
    assert [event.time for event in skewed] == [event.time + 600 * SECOND for event in true]


def test_the_noise_of_a_meter_is_labelled_at_what_it_measures() -> None:
    said = msgspec.json.decode(label(parsed("noise:office-a-elec@2026-01-06T10:00+8h=20%", ZONE), ZONE))
    assert said["point"] == "power"
    with pytest.raises(Stop, match="noise can be of"):
        parsed("noise:kitchen-gas@2026-01-06", ZONE)
