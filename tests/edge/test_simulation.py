"""The simulated compound: energy is conserved, people drive it, and a restart changes nothing."""

import asyncio
import os
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import correlation
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import kinds
from edge.agent import Agent
from edge.outbox import Outbox
from edge.settings import AgentSettings
from edge.simulation.calendar import CHINA
from edge.simulation.compound import Compound
from edge.simulation.curve import CADENCE, KNOT, Curve
from edge.simulation.devices import HEAT_METERS, PV, SUB_METERS, WATER_METERS, compound_devices
from edge.simulation.faults import Fault, Retrofit, label
from edge.simulation.play import Simulation, paced, recall, remembered
from edge.simulation.stories import demo_faults, demo_reporting, demo_retrofit
from schema.errors import Stop
from schema.event import Event, Meal, Pass, PlateWaste
from schema.instant import DAY, HOUR, MINUTE, SECOND, to_micros
from schema.quantity import conversion
from tests.edge.arrived import Arrived

ZONE = ZoneInfo("Asia/Shanghai")
ORIGIN = date(2026, 10, 26)
START = to_micros(datetime(2026, 10, 26, tzinfo=ZONE))
TODAY = START + 20 * DAY

Values = dict[tuple[str, str], float]


def compound(seed: int = 7, faults: Sequence[Fault] = ()) -> Compound:
    return Compound(seed, ORIGIN, ZONE, faults)


def values(of: Compound, time: int) -> Values:
    return {(reading.device, reading.point): reading.value for reading in of.readings(time)}


@pytest.fixture(scope="module")
def month() -> dict[int, Values]:
    """What an undisturbed compound shows every half hour of a month."""
    quiet = compound()
    return {time: values(quiet, time) for time in range(START, START + 31 * DAY, HOUR // 2)}


def test_every_reading_is_of_a_declared_device_and_plausible(month: dict[int, Values]) -> None:
    declared = {device.id: kinds()[device.kind] for device in compound_devices(5)}
    assert {device for device, _ in month[START]} == set(declared)
    for shown in month.values():
        for (device, name), value in shown.items():
            point = declared[device].point(name)
            assert point is not None
            assert point.low <= value <= point.high, (device, name)
    for reading in compound().readings(START):
        point = declared[reading.device].point(reading.point)
        assert point is not None
        assert conversion(reading.unit, point.quantity) == (1.0, 0.0)


def test_sub_meters_sum_to_the_main_meter(month: dict[int, Values]) -> None:
    for shown in month.values():
        used = sum(shown[name, "power"] for name in SUB_METERS)
        assert used - shown[PV, "power"] == pytest.approx(shown["main-elec", "power"], abs=0.005)
        used = sum(shown[name, "energy"] for name in SUB_METERS)
        net = shown["main-elec", "energy"] - shown["main-elec", "energy_export"]
        assert used - shown[PV, "yield"] == pytest.approx(net, abs=0.005)
        for mains, subs, point in (("main-water", WATER_METERS, "volume"), ("main-heat", HEAT_METERS, "energy")):
            assert sum(shown[name, point] for name in subs) == pytest.approx(shown[mains, point], abs=0.005)


def test_registers_count_what_the_power_says(month: dict[int, Values]) -> None:
    times = sorted(month)
    for device, register in (("office-a-elec", "energy"), ("canteen-elec", "energy"), (PV, "yield")):
        kwh = sum((month[a][device, "power"] + month[b][device, "power"]) / 4 for a, b in pairwise(times))
        counted = month[times[-1]][device, register] - month[times[0]][device, register]
        assert kwh == pytest.approx(counted, rel=0.02)


def test_registers_and_counters_never_go_back(month: dict[int, Values]) -> None:
    declared = {device.id: kinds()[device.kind] for device in compound_devices(5)}
    rising = [key for key in month[START] if (p := declared[key[0]].point(key[1])) is not None and p.kind == "counter"]
    assert len(rising) == 7 + 1 + 5 + 2 + 4 + 3 * 3 + 4 + 1 + 2 + 1
    for key in rising:
        shown = [month[time][key] for time in sorted(month)]
        assert shown == sorted(shown), key
        assert shown[-1] > shown[0] or key == ("main-elec", "energy_export"), key


def test_people_drive_load_water_and_waste(month: dict[int, Values]) -> None:
    quiet = compound()
    times = [time for time in sorted(month) if time < START + 14 * DAY]
    heads = [quiet.inside("office-a", time) for time in times]
    assert correlation(heads, [month[time]["office-a-elec", "power"] for time in times]) > 0.9
    assert correlation(heads, [month[time]["main-water", "flow"] for time in times]) > 0.5
    days = [START + n * DAY for n in range(29)]
    meals, waste, gas = (
        [month[day + DAY][key] - month[day][key] for day in days]
        for key in (("canteen-meals", "meals"), ("canteen-plates", "waste"), ("kitchen-gas", "volume"))
    )
    assert correlation(meals, waste) > 0.9
    assert correlation(meals, gas) > 0.9
    for key in (("lift-a-1", "trips"), ("canteen-bin", "collected"), ("gate-north", "entries")):
        assert correlation(meals, [month[day + DAY][key] - month[day][key] for day in days]) > 0.8, key


def test_magnitudes_are_those_of_600_staff(month: dict[int, Values]) -> None:
    power = [shown["main-elec", "power"] + shown[PV, "power"] for shown in month.values()]
    assert 40 < min(power) < 65
    assert 200 < max(power) < 400
    water, meals, entries = (
        month[START + DAY][key] - month[START][key]
        for key in (("main-water", "volume"), ("canteen-meals", "meals"), ("gate-north", "entries"))
    )
    assert 35 < water < 80
    assert 450 < meals < 700
    assert 300 < entries < 500


def test_holidays_are_quiet_and_days_worked_in_exchange_are_not() -> None:
    assert not CHINA.is_workday(date(2026, 10, 1))
    assert CHINA.is_workday(date(2026, 10, 10))
    assert not CHINA.is_workday(date(2026, 10, 11))
    first = date(2026, 9, 30)
    autumn = Compound(7, first, ZONE)
    noon = to_micros(datetime(2026, 9, 30, 10, tzinfo=ZONE))
    heads = {first + timedelta(days=n): autumn.inside("office-a", noon + n * DAY) for n in (0, 1, 10, 11)}
    assert [count > 100 for count in heads.values()] == [True, False, True, False]


def test_a_seed_gives_the_same_compound_and_another_seed_another() -> None:
    time = START + 3 * DAY + 10 * HOUR
    assert compound().readings(time) == compound().readings(time)
    assert compound().events(time, time + HOUR) == compound().events(time, time + HOUR)
    assert compound(8).readings(time) != compound().readings(time)


def test_what_is_shown_does_not_depend_on_what_was_asked_before() -> None:
    asked = compound()
    for day in (9, 2, 6, 0):
        asked.readings(START + day * DAY)
    time = START + 8 * DAY + 11 * HOUR + 7 * SECOND
    assert asked.readings(time) == compound().readings(time)


def test_counters_count_the_events(month: dict[int, Values]) -> None:
    begin, end = START + DAY, START + 3 * DAY
    events = compound().events(begin, end)
    assert all(begin < event.time <= end for of_device in events.values() for event in of_device)
    grown = {key: month[end][key] - month[begin][key] for key in month[end]}
    gate = [event for event in events["gate-north"] if isinstance(event, Pass) and event.granted]
    assert grown["gate-north", "entries"] == sum(event.direction == "in" for event in gate)
    assert grown["gate-north", "exits"] == sum(event.direction == "out" for event in gate)
    assert grown["canteen-meals", "meals"] == sum(isinstance(event, Meal) for event in events["canteen-meals"])
    plates = [event for event in events["canteen-plates"] if isinstance(event, PlateWaste)]
    assert grown["canteen-plates", "waste"] == pytest.approx(sum(plate.left_g for plate in plates) / 1000)
    keys = [(device, event.id) for device, of_device in events.items() for event in of_device]
    assert len(keys) == len(set(keys))


def test_everyone_who_came_in_has_gone_by_midnight() -> None:
    events = compound().events(START, START + DAY)
    passes = [event for gate in ("gate-north", "gate-south") for event in events[gate] if isinstance(event, Pass)]
    inside: dict[str, int] = {}
    for event in sorted((event for event in passes if event.granted), key=lambda event: event.time):
        inside[event.credential] = inside.get(event.credential, 0) + (1 if event.direction == "in" else -1)
        assert inside[event.credential] in (0, 1)
    assert set(inside.values()) == {0}
    assert {event.reason for event in passes} == {"ok", "unknown"}


def test_the_same_event_has_the_same_id_however_it_is_asked_for() -> None:
    whole = compound().events(START, START + 2 * DAY)
    parts: dict[str, list[Event]] = {}
    for begin in range(START, START + 2 * DAY, 7 * HOUR):
        for device, events in compound().events(begin, min(begin + 7 * HOUR, START + 2 * DAY)).items():
            parts.setdefault(device, []).extend(events)
    assert parts == whole


def test_faults_show_where_their_labels_say() -> None:
    quiet, faulty = compound(), compound(faults=demo_faults(TODAY))

    def rise(device: str, point: str, time: int) -> float:
        return values(faulty, time)[device, point] - values(quiet, time)[device, point]

    night = TODAY - 2 * DAY + 2 * HOUR
    assert rise("office-b-elec", "power", night) == pytest.approx(38, rel=0.05)
    assert rise("main-elec", "power", night) == pytest.approx(38, rel=0.05)
    assert rise("office-b-elec", "power", night + DAY) == 0
    assert rise("main-water", "flow", TODAY - DAY) == pytest.approx(0.7, abs=0.001)
    assert rise("main-water", "volume", TODAY) == pytest.approx(0.7 * 70, rel=0.01)
    assert rise("cold-kitchen", "temperature", TODAY - 10 * HOUR) > 8
    assert values(faulty, TODAY - 10 * HOUR)["cold-kitchen", "door"] == 1
    stuck = [values(faulty, TODAY - 15 * HOUR + n * HOUR)["data-room-elec", "energy"] for n in range(6)]
    assert len(set(stuck)) == 1
    assert rise("data-room-elec", "energy", TODAY - 9 * HOUR) == 0


def test_a_retrofit_saves_its_share_from_its_day_on_and_nothing_elsewhere() -> None:
    begin = START + 2 * DAY
    before, after = compound(), Compound(7, ORIGIN, ZONE, retrofits=(Retrofit("office-a-elec", begin, 0.12),))

    def used(of: Compound, device: str, start: int, end: int) -> float:
        return values(of, end)[device, "energy"] - values(of, start)[device, "energy"]

    for start, left in ((START, 1.0), (begin, 0.88), (begin + 5 * DAY, 0.88)):
        end = start + DAY
        assert used(after, "office-a-elec", start, end) == pytest.approx(
            left * used(before, "office-a-elec", start, end), rel=1e-3
        )
        assert used(after, "office-b-elec", start, end) == used(before, "office-b-elec", start, end)


def test_the_demo_has_a_whole_baseline_before_its_retrofit() -> None:
    today = date(2026, 11, 22)
    assert (demo_reporting(today - timedelta(63), today) - (today - timedelta(63))).days == 37
    assert (demo_reporting(today - timedelta(35), today) - (today - timedelta(35))).days == 28
    said = msgspec.json.decode(label(demo_retrofit(START), ZONE))
    assert (said["fault"], said["device"], said["size"], said["end"]) == ("retrofit", "office-a-elec", 0.12, None)
    assert said["begin"] == "2026-10-26T00:00:00+08:00"


def test_labels_are_json_of_local_times() -> None:
    said = [msgspec.json.decode(label(fault, ZONE)) for fault in demo_faults(TODAY)]
    assert [fault["fault"] for fault in said] == ["left_on", "leak", "door_open", "stuck"]
    assert said[0]["begin"] == "2026-11-12T19:00:00+08:00"
    assert [fault["nature"] for fault in said] == ["physical", "physical", "physical", "metering"]
    assert [fault["point"] for fault in said] == ["power", "flow", "temperature", "energy"]
    assert [fault["seen_at"] for fault in said] == [["main-elec"], [], [], []]


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=30), st.floats(0, 0.99))
def test_the_integral_of_a_curve_grows_by_its_value(knots: list[float], part: float) -> None:
    curve, end = Curve.through(0, knots), (len(knots) - 1) * KNOT
    time = int(part * end)
    grown = curve.until(time + SECOND) - curve.until(time)
    assert grown * HOUR / SECOND == pytest.approx(curve.at(time), abs=4)
    assert curve.until(end) == pytest.approx(curve.total)
    assert min(knots) - 1e-9 <= curve.at(time) <= max(knots) + 1e-9


class Enough(Exception):
    """Ends a live simulation."""


def played(folder: Path, begin: int, end: int, nap: int = 0) -> Arrived:
    """What the outbox holds after a run from one instant of the wall clock to another; each sleep takes `nap` more."""
    wall = begin

    async def sleep(seconds: float) -> None:
        nonlocal wall
        wall += round(seconds * SECOND) + nap
        if wall > end:
            raise Enough

    async def run() -> None:
        async with Agent(settings, lambda: wall, os.urandom) as agent:
            memory = recall(path, 7, ZONE, begin, 2)
            simulation = Simulation(agent, compound(), memory, path, 60)
            await simulation.backfill(begin, lambda *_: None)
            await simulation.live(lambda: wall, sleep)

    path = folder / "compound.json"
    settings = AgentSettings(id="a", site="demo", broker="mqtt://127.0.0.1:1", outbox=folder / f"{begin}.db")
    with pytest.raises(Enough):
        asyncio.run(run())
    outbox = Outbox(settings.outbox, "a", lambda: wall, os.urandom)
    arrived = Arrived((entry.topic, entry.body) for entry in outbox.unsent(0, 100_000))
    outbox.close()
    return arrived


def longest_gap(register: dict[int, float]) -> int:
    return max(after - before for before, after in pairwise(sorted(register)))


def test_a_restart_goes_on_where_the_last_run_stopped(tmp_path: Path) -> None:
    begin = START + 2 * DAY + 9 * HOUR
    before = played(tmp_path, begin, begin + 5 * MINUTE)
    after = played(tmp_path, begin + 2 * HOUR, begin + 2 * HOUR + 5 * MINUTE)
    first, second = before.values["main-elec", "energy"], after.values["main-elec", "energy"]
    undisturbed = compound()
    assert min(first) == START
    assert min(second) == begin + CADENCE
    assert longest_gap(first | second) == CADENCE
    assert all(value == values(undisturbed, time)["main-elec", "energy"] for time, value in second.items())
    assert before.events
    assert after.events
    assert not before.events.keys() & after.events.keys()
    assert [birth.replay for birth in after.births["main-elec"]] == [False, False], "what waits says the newest"


def test_slower_devices_are_read_no_faster_than_they_ask(tmp_path: Path) -> None:
    begin = START + 2 * DAY
    live = played(tmp_path, begin, begin + 10 * MINUTE)
    after = {key: sum(time > begin for time in times) for key, times in live.values.items()}
    assert after["main-elec", "power"] == 10
    assert after["weather", "temperature"] == 2


def test_a_machine_that_slept_makes_up_for_it(tmp_path: Path) -> None:
    begin = START + 2 * DAY
    register = played(tmp_path, begin, begin + 8 * HOUR, nap=3 * HOUR).values["main-elec", "energy"]
    assert max(register) > begin + 3 * HOUR
    assert longest_gap(register) <= 2 * CADENCE


def test_another_compound_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "compound.json"
    path.write_bytes(msgspec.json.encode(recall(path, 7, ZONE, START, 2)))
    with pytest.raises(Stop, match="--seed 7"):
        recall(path, 8, ZONE, START, 2)
    path.write_text("{")
    with pytest.raises(Stop, match="remove it"):
        recall(path, 7, ZONE, START, 2)


def test_what_was_asked_for_is_remembered_and_nothing_else_accepted(tmp_path: Path) -> None:
    path, asked = (
        tmp_path / "compound.json",
        (("leak:main-water@2026-10-28+2d=1", "silent:weather@2030-01-01"), ("spike",)),
    )
    memory = recall(path, 7, ZONE, TODAY, 20, *asked)
    path.write_bytes(msgspec.json.encode(memory))
    compound, built_in = remembered(recall(path, 7, ZONE, TODAY + DAY, 20, *asked), ZONE)
    assert [fault.kind for fault in built_in if isinstance(fault, Fault)] == ["leak", "silent", "spike"]
    time = START + 3 * DAY
    shown, plain = values(compound, time), values(Compound(7, memory.origin, ZONE), time)
    assert shown["main-water", "flow"] == pytest.approx(plain["main-water", "flow"] + 1)
    with pytest.raises(Stop, match="a compound with other faults"):
        recall(path, 7, ZONE, TODAY, 20)


def test_history_can_be_played_at_a_speed() -> None:
    wall, slept = 1_000 * SECOND, []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def run() -> None:
        nonlocal wall
        wait = paced(START, 60, lambda: wall, sleep)
        await wait(START)
        await wait(START + HOUR)
        wall += 50 * SECOND
        await wait(START + HOUR)
        wall += 50 * SECOND
        await wait(START + HOUR)

    asyncio.run(run())
    assert slept == [0, 60, 10, 0]
