"""The Modbus driver against real servers, and against peers that misbehave."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from devices import kinds
from edge.driver import Doubting, Driver, poll
from edge.drivers import probe
from edge.drivers.modbus import Section, connect
from edge.source import Source
from schema.errors import Reject, RetryLater, Stop
from schema.instant import SECOND, now
from schema.reading import Reading
from tests.edge.drivers.modbus_peers import Units, floats, generic, line_pair, peer, server, wired
from tests.servers import free_port

pytestmark = pytest.mark.anyio

# An Acrel behind 200/5 A and 10/0.1 kV: registers 000AH, 0014H, 97 to 119.
ACREL = {
    "10": [0x0001, 0xE240],
    "20": [0, 7],
    "97": [2305, 2310, 2300, 250, 260, 255, 0, 0, 0, 65036, 0, 0, 0, 120, 0, 0, 0, 0, 0, 0, 0, 950, 5001],
}
# A Schneider that has no power factor at the moment, refuses what is not in its list, and lacks reactive energy.
SCHNEIDER = {
    "2999": floats(12.0, 12.5, 13.0),
    "3009": floats(12.5),
    "3027": floats(231.0, 231.5, 232.0),
    "3035": floats(231.5),
    "3059": floats(8.25),
    "3067": floats(1.5),
    "3083": [0xFFC0, 0x0000],
    "3109": floats(49.98),
    "3203": [0, 0, 0x0001, 0xE240, 0, 0, 0, 9],
}
UNITS: Units = {"1": ACREL, "2": SCHNEIDER, "3": generic(900000.25), "9": {"500": [1]}}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    chosen = free_port()
    with server(tmp_path_factory.mktemp("modbus"), chosen, UNITS):
        yield chosen


def values(readings: list[Reading] | tuple[Reading, ...]) -> dict[str, float]:
    return {reading.point: round(reading.value, 6) for reading in readings}


async def test_an_acrel_behind_transformers_reads_primary_values(port: int) -> None:
    meter = wired("m", url=f"modbus+tcp://127.0.0.1:{port}", unit=1, map="acrel-adl3000", ct=40, pt=100)
    async with connect([meter]) as drivers:
        readings = await drivers["m"].read(7)
    assert {reading.time for reading in readings} == {7}
    assert values(list(readings)) == {
        "energy": 1234.56 * 4000,
        "energy_export": 280.0,
        "voltage": 23050.0,
        "voltage_a": 23050.0,
        "voltage_b": 23100.0,
        "voltage_c": 23000.0,
        "current": 102.0,
        "current_a": 100.0,
        "current_b": 104.0,
        "current_c": 102.0,
        "power": -0.5 * 4000,
        "reactive_power": 480.0,
        "power_factor": 0.95,
        "frequency": 50.01,
    }


async def test_a_point_without_a_value_is_left_out_and_what_is_refused_together_is_asked_alone(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    meter = wired("m", url=f"modbus+tcp://127.0.0.1:{port}", unit=2, map="schneider-pm5000")
    async with connect([meter]) as drivers:
        for _ in range(2):
            read = values(list(await drivers["m"].read(0)))
            assert (read["current_b"], read["voltage"], read["power"]) == (12.5, 231.5, 8.25)
            assert (read["energy"], read["energy_export"], read["frequency"]) == (123456.0, 9.0, 49.98)
            assert not read.keys() & {"power_factor", "reactive_energy"}
    [said] = caplog.messages
    assert said.startswith("m: reactive_energy is left out: modbus_refused: unit 2 answers illegal address")


async def test_a_meter_of_another_model_is_refused_and_the_reason_told(port: int) -> None:
    async with connect([wired("m", url=f"modbus+tcp://127.0.0.1:{port}", unit=9)]) as drivers:
        with pytest.raises(Reject, match="unit 9 answers illegal address to registers 0 to 3"):
            await drivers["m"].read(0)


async def test_points_a_meter_lacks_are_told_once(tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'title = ["表", "Meter"]\nkind = "electricity_meter"\n[points]\n'
        'energy = { address = 0, type = "f64", unit = "kWh" }\npower = { address = 900, type = "f32", unit = "kW" }\n'
    )
    async with connect([wired("m", url=f"modbus+tcp://127.0.0.1:{port}", unit=3, map_file=Source(mine))]) as drivers:
        for _ in range(3):
            assert values(list(await drivers["m"].read(0))) == {"energy": 900000.25}
    assert [record.message for record in caplog.records] == [
        "m: power is left out: modbus_refused: unit 3 answers illegal address to registers 900 to 901"
    ]


async def test_a_silent_unit_costs_the_others_of_its_line_one_time_out_and_then_nothing(port: int) -> None:
    url = f"modbus+tcp://127.0.0.1:{port}"
    meters = [wired("dead", url=url, unit=77, timeout=1.0), wired("alive", url=url, unit=3, timeout=10.0)]
    async with connect(meters) as drivers:
        with pytest.raises(RetryLater, match=r"unit 77 did not answer in 1 s"):
            await drivers["dead"].read(0)
        began = time.monotonic()
        for _ in range(10):
            with pytest.raises(RetryLater, match="is asked again in"):
                await drivers["dead"].read(0)
            assert await drivers["alive"].read(0)
        assert time.monotonic() - began < 5, "half of the time that 10 time-outs would cost"


async def test_fifty_meters_of_a_gateway_are_read_every_second(tmp_path: Path) -> None:
    """Two rounds in which none is missing; the machine may be too busy for one in between."""
    port = free_port()
    url = f"modbus+tcp://127.0.0.1:{port}"
    energy: dict[int, dict[str, float]] = defaultdict(dict)

    def take(readings: Iterable[Reading]) -> None:
        for reading in readings:
            if reading.point == "energy":
                energy[reading.time][reading.device] = reading.value

    def whole() -> list[int]:
        return [slot for slot, values in energy.items() if len(values) == 50]

    with server(tmp_path, port, {str(unit): generic(unit) for unit in range(1, 51)}):
        meters = [wired(f"m{unit}", url=url, unit=unit, timeout=10.0) for unit in range(1, 51)]
        async with connect(meters) as drivers:
            polls = [asyncio.create_task(poll(name, each, 1.0, take, now)) for name, each in drivers.items()]
            try:
                async with asyncio.timeout(60):
                    while len(whole()) < 2:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
            finally:
                for task in polls:
                    task.cancel()
                await asyncio.gather(*polls, return_exceptions=True)
    for slot in whole():
        assert slot % SECOND == 0
        assert energy[slot] == {f"m{unit}": unit for unit in range(1, 51)}


async def test_a_server_killed_and_started_again_is_told_once_each_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    took: list[Reading] = []

    async def until(count: int) -> None:
        async with asyncio.timeout(60):
            while len(took) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async with connect([wired("m", url=f"modbus+tcp://127.0.0.1:{port}", interval=0.2, timeout=10.0)]) as drivers:
        with server(tmp_path, port, {"1": generic(5)}) as process:
            task = asyncio.create_task(poll("m", drivers["m"], 0.2, took.extend, now))
            await until(10)
            process.kill()
            process.wait()
        await asyncio.sleep(0.5)
        before = len(took)
        with server(tmp_path, port, {"1": generic(6)}):
            await until(before + 20)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert {reading.value for reading in took if reading.point == "energy"} == {5, 6}
    ours = [record.message for record in caplog.records]
    assert len(ours) == 2, ours
    assert ours[0].startswith("m: cannot be read: RetryLater: ")
    assert ours[1] == "m: can be read again"


async def test_nobody_listening_is_told_and_not_tried_at_every_turn() -> None:
    port = free_port()
    async with connect([wired("m", url=f"modbus+tcp://127.0.0.1:{port}")]) as drivers:
        with pytest.raises(RetryLater, match=f"127.0.0.1:{port} cannot be opened: .*Connect"):
            await drivers["m"].read(0)
        with pytest.raises(RetryLater, match=r"the line did not answer and is asked again in [01] s"):
            await drivers["m"].read(0)


async def test_a_serial_line_that_dies_and_comes_back(tmp_path: Path) -> None:
    units: Units = {"1": generic(11), "2": generic(22)}
    with line_pair(tmp_path) as (here, there):
        url = f"modbus+rtu://{here}?baud=115200"
        meters = [wired(f"m{unit}", url=url, unit=unit, timeout=1.0 if unit < 3 else 0.3) for unit in (1, 2, 3)]
        async with connect(meters) as drivers:
            with server(tmp_path, there, units):
                for name, energy in (("m1", 11), ("m2", 22)):
                    assert values(list(await drivers[name].read(0)))["energy"] == energy
                with pytest.raises(RetryLater, match="unit 3 did not answer"):
                    await drivers["m3"].read(0)
                assert await drivers["m1"].read(0)
            with pytest.raises(RetryLater, match="unit 1 did not answer"):
                await drivers["m1"].read(0)
            with server(tmp_path, there, units):
                assert values(await again(drivers["m1"]))["energy"] == 11


async def again(meter: Driver) -> list[Reading]:
    """What a meter shows once it is asked, and answers, again."""
    async with asyncio.timeout(60):
        while True:
            try:
                return list(await meter.read(0))
            except RetryLater as error:
                await asyncio.sleep(error.after)


async def test_a_serial_device_pulled_out_and_put_back(tmp_path: Path) -> None:
    url = f"modbus+rtu://{tmp_path}/here?baud=115200"
    async with connect([wired("m", url=url, timeout=0.2)]) as drivers:
        for energy in (3, 4):
            with line_pair(tmp_path) as (_, there), server(tmp_path, there, {"1": generic(energy)}):
                assert values(await again(drivers["m"]))["energy"] == energy
            with pytest.raises(RetryLater):
                await drivers["m"].read(0)


async def test_a_probe_tells_the_models_on_a_line_and_prints_what_reads_them(port: int) -> None:
    url = f"modbus+tcp://127.0.0.1:{port}"
    found = [each for units in ("1-4", "9") for each in await probe(f"{url}?units={units}")]
    assert [each.title.en for each in found] == [
        "Acrel ADL3000",
        "Schneider PM5000",
        "Generic meter (PLC, gateway)",
        "Modbus device of no shipped map",
    ]
    assert 'unit = 1\nmap = "acrel-adl3000"\nct = 1  #' in found[0].toml
    assert ("voltage", 231.5, "V") in found[1].values


async def test_a_probe_of_nobody_says_so() -> None:
    with pytest.raises(RetryLater, match="cannot be opened"):
        await probe(f"modbus+tcp://127.0.0.1:{free_port()}")
    with pytest.raises(Stop, match=r"there is no driver 'profibus'; known are .*modbus"):
        await probe("profibus+tcp://127.0.0.1")


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"url": "modbus://x"}, "no Modbus line; write modbus\\+tcp://host"),
        ({"url": "modbus+rtu://gateway"}, "no Modbus line"),
        ({"url": "modbus+tcp:///dev/ttyUSB0"}, "no Modbus line"),
        ({"url": "modbus+tcp://h:99999"}, "Port out of range"),
        ({"url": "modbus+tcp://h?baud=9600"}, "unknown baud"),
        ({"url": "modbus+rtu:///dev/ttyUSB0?speed=9600"}, "unknown speed"),
        ({"url": "modbus+rtu:///dev/ttyUSB0?parity=even"}, "parity N, E or O"),
        ({"url": "modbus+rtu:///dev/ttyUSB0", "unit": 248}, "units are 1 to 247"),
        ({"url": "modbus+tcp://h", "unit": 256}, "<= 255"),
        ({"url": "modbus+tcp://h", "map": "acrel"}, "no map 'acrel'; did you mean|known are acrel-adl3000"),
        ({"url": "modbus+tcp://h", "ct": 0}, "> 0"),
        ({"url": "modbus+tcp://h", "CT": 40}, "unknown field `CT`"),
        ({}, "missing required field `url`"),
    ],
)
def test_a_fault_in_a_section_is_named(section: dict[str, object], says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(section, Section)


async def test_a_map_of_another_kind_and_a_line_with_two_settings_are_refused() -> None:
    meter = wired("m", url="modbus+rtu:///dev/ttyUSB0?baud=9600")
    for others, says in (
        ([meter._replace(kind=kinds()["water_meter"])], "'m' is a water_meter, its register map is of a electricity"),
        ([meter, wired("n", url="modbus+rtu:///dev/ttyUSB0?baud=2400", unit=2)], "'m': another device has other sett"),
    ):
        with pytest.raises(Stop, match=says):
            async with connect(others):
                pass


async def test_a_serial_device_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with connect([wired("m", url=f"modbus+rtu://{tmp_path}/ttyUSB0")]) as drivers:
        with pytest.raises(RetryLater, match=r"ttyUSB0 cannot be opened: .*No such file"):
            await drivers["m"].read(0)


async def test_ratios_for_a_meter_that_sends_primary_values_are_refused() -> None:
    meter = wired("m", url="modbus+tcp://127.0.0.1", map="schneider-pm5000", ct=40)
    with pytest.raises(Stop, match="need no ct; leave ct = 40 out"):
        async with connect([meter]):
            pass


async def test_a_register_that_jumps_is_read_again_before_it_is_believed() -> None:
    shows = [1000.0, 1000.0, 1001.0, 66536.0, 1002.0, 1003.0, 5.0, 5.0]

    def answer(question: bytes) -> bytes | None:
        registers = generic(shows.pop(0))["0"]
        values = b"".join(word.to_bytes(2, "big") for word in registers)
        return question[:4] + (len(values) + 3).to_bytes(2, "big") + question[6:8] + bytes([len(values)]) + values

    async with peer(answer) as port:
        async with connect([wired("m", url=f"modbus+tcp://127.0.0.1:{port}")]) as drivers:
            meter = drivers["m"]
            assert isinstance(meter, Doubting)
            energies = []
            for turn in range(5):
                found = {reading.point: reading.value for reading in await meter.read(turn * SECOND)}
                assert found["power"] == 1.5
                energies.append((found.get("energy"), [str(error) for error in meter.doubts.values()]))
        await asyncio.sleep(0.01)
    torn = "unsteady: energy read 66536.0, then 1002.0"
    assert energies == [(1000, []), (1001, []), (None, [torn]), (1003, []), (5, [])], "a new meter is believed"
    assert not shows
