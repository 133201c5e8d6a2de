"""Reading meters over DL/T 645: a meter process of our own, and the server of the dlt645 package."""

import asyncio
import logging
import tomllib
from collections.abc import Iterator

import msgspec
import pytest

from devices import kinds
from edge.drivers import Wired, probe
from edge.drivers.byte_line import Line, place
from edge.drivers.dlt645 import Meter, Section, ask, connect
from edge.drivers.dlt645_frame import values
from edge.settings import Device
from schema.errors import Reject, RetryLater, Stop
from schema.instant import MINUTE
from schema.reading import Reading
from tests.edge.drivers.bus_peers import Bus, bus
from tests.servers import free_port

KIND = kinds()["electricity_meter"]
METER = "202610010042"
NOW = 1_780_000_000_000_000


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with bus(tmp_path_factory.mktemp("bus")) as found:
        yield found


@pytest.fixture
def running(lasting: Bus) -> Bus:
    lasting.tell("reset")
    return lasting


def section(running: Bus, **more: object) -> Section:
    told: dict[str, object] = {"url": f"dlt645+{running.tail}", "address": METER, "timeout": 5.0}
    return msgspec.convert(told | more, Section)


def meter(running: Bus, **more: object) -> tuple[Meter, Line]:
    told = section(running, **more)
    line = Line(place(told.url))
    return Meter("m-1", KIND, told, line), line


def shown(readings: list[Reading]) -> dict[str, float]:
    return {reading.point: reading.value for reading in readings}


def test_a_meter_is_read(running: Bus) -> None:
    async def play() -> None:
        wired = Wired("m-1", KIND, 15.0, "dlt645", section(running))
        async with connect([wired]) as drivers:
            readings = list(await drivers["m-1"].read(NOW))
        assert readings[0] == Reading("m-1", "energy", NOW, 123456.78, "kWh")
        assert shown(readings) == {
            "energy": 123456.78,
            "power": -12.3456,
            "voltage": 220.4,
            "current": 5.123,
            "power_factor": 0.987,
        }

    asyncio.run(play())


def test_ratios_are_applied_once_and_only_where_they_belong(running: Bus) -> None:
    async def play() -> None:
        driver, line = meter(running, ct=40, pt=1.5)
        assert driver.width == 60e6
        assert shown(await driver.read(NOW)) == {
            "energy": 7_407_406.8,
            "power": -740.736,
            "voltage": 330.6,
            "current": 204.92,
            "power_factor": 0.987,
        }
        line.close()

    asyncio.run(play())


def test_a_register_up_to_its_end_and_over_it(running: Bus) -> None:
    async def play() -> None:
        driver, line = meter(running, points={"energy": "00010000"})
        for minute, value in enumerate(["799999.99", "800000.00", "999999.99", "0.01"]):
            running.tell("energy", value)
            assert shown(await driver.read(NOW + minute * MINUTE)) == {"energy": float(value)}
        line.close()

    asyncio.run(play())


def test_a_damaged_answer_is_no_reading(running: Bus) -> None:
    async def play() -> None:
        driver, line = meter(running, timeout=0.5)
        await driver.read(NOW)
        running.tell("damage", "1")
        with pytest.raises(RetryLater):
            await driver.read(NOW + MINUTE)
        running.tell("damage")
        line.close()
        driver, line = meter(running)
        assert len(await driver.read(NOW + MINUTE)) == 5
        line.close()

    asyncio.run(play())


def test_one_lost_answer_is_asked_for_again(running: Bus) -> None:
    async def play() -> None:
        driver, line = meter(running, timeout=1.0)
        running.tell("slow", "1.1")
        task = asyncio.create_task(driver.read(NOW))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(running.tell, "slow", "0")
        assert len(await task) == 5
        line.close()

    asyncio.run(play())


def test_what_the_meter_lacks_is_left_out_and_said_once(running: Bus, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        driver, line = meter(running)
        running.tell("lack", "02060000")
        for minute in range(3):
            assert shown(await driver.read(NOW + minute * MINUTE)).keys() == {"energy", "power", "voltage", "current"}
        running.tell("lack")
        assert len(await driver.read(NOW + 3 * MINUTE)) == 5
        line.close()

    caplog.set_level(logging.INFO)
    asyncio.run(play())
    assert [record.getMessage() for record in caplog.records] == [
        "m-1: power_factor is left out: refused: 02060000: no such data",
        "m-1: power_factor is read again",
    ]


def test_a_meter_that_has_nothing_of_what_is_wanted(running: Bus) -> None:
    async def play() -> None:
        driver, line = meter(running, points={"energy": "00020000"})
        with pytest.raises(Reject, match="no such data"):
            await driver.read(NOW)
        line.close()

    asyncio.run(play())


def test_an_implausible_value_is_no_reading(running: Bus) -> None:
    async def play() -> None:
        driver, line = meter(running, pt=1000, points={"voltage": "02010100"})
        with pytest.raises(Reject, match="implausible"):
            await driver.read(NOW)
        line.close()

    asyncio.run(play())


def test_a_register_that_does_not_hold_still_is_not_believed(running: Bus) -> None:
    async def play() -> None:
        driver, line = meter(running, points={"energy": "00010000"})
        await driver.read(NOW)
        running.tell("wild", "923456.78")
        with pytest.raises(Reject, match=r"unsteady: energy read 923456.78, then 123456.78"):
            await driver.read(NOW + MINUTE)
        assert shown(await driver.read(NOW + 2 * MINUTE)) == {"energy": 123456.78}
        line.close()

    asyncio.run(play())


@pytest.mark.parametrize("lack", ["", "0201FF00"])
def test_phases_come_as_a_block_and_alone_from_a_meter_that_has_none(running: Bus, lack: str) -> None:
    async def play() -> None:
        running.tell("lack", lack)
        driver, line = meter(running, points=["energy", "voltage_a", "voltage_b", "voltage_c", "current_a"])
        await driver.read(NOW)
        assert shown(await driver.read(NOW + MINUTE)) == {
            "energy": 123456.78,
            "voltage_a": 220.4,
            "voltage_b": 221.5,
            "voltage_c": 222.6,
            "current_a": 5.123,
        }
        line.close()

    asyncio.run(play())


def test_a_block_that_comes_in_several_frames(running: Bus) -> None:
    async def play() -> None:
        line = Line(place(f"dlt645+{running.tail}"))
        part = await ask(line, METER, 0x0001FF00, 10.0)
        assert values(0x0001FF00, part.data) == [100, 40, 30, 20, 10]
        line.close()

    asyncio.run(play())


def test_a_probe_finds_the_meter_and_writes_its_configuration(running: Bus) -> None:
    url = f"dlt645+{running.tail}"
    (found,) = asyncio.run(probe(url))
    assert found.title.zh == "电表 0042-DTSD"
    assert {value.point: value.value for value in found.values}["energy"] == 123456.78
    (told,) = tomllib.loads(found.toml)["devices"]
    assert msgspec.convert(told.pop("dlt645"), Section) == Section(url=url, address=METER)
    assert msgspec.convert(told, Device).kind == "electricity_meter"


def test_a_probe_of_a_silent_line_finds_nobody_and_of_no_line_says_so(running: Bus) -> None:
    running.tell("mute", "1")
    assert asyncio.run(probe(f"dlt645+{running.tail}")) == []
    with pytest.raises(RetryLater):
        asyncio.run(probe("dlt645+serial:///dev/no-such-tty"))
    with pytest.raises(Stop, match="no line"):
        asyncio.run(probe("dlt645+tcp://192.0.2.7"))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"url": "modbus+tcp://h:1"}, "must begin with dlt645"),
        ({"address": "12x"}, "digits"),
        ({"address": "1234567890123"}, "12 digits"),
        ({"ct": 0}, "ct"),
        ({"points": {"energy": "0001"}}, "8 hex digits"),
        ({"points": ["engery"]}, "point 'engery' needs its data identifier"),
        ({"points": {"energy": "04000101"}}, "cannot|not a data identifier"),
        ({"adress": "1"}, "adress"),
    ],
)
def test_a_section_that_is_wrong(told: dict[str, object], why: str) -> None:
    good: dict[str, object] = {"url": "dlt645+tcp://192.0.2.7:4001", "address": "1"}
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.convert(good | told, Section)


def test_a_kind_that_has_nothing_the_meter_shows() -> None:
    async def play() -> None:
        told = Section(url="dlt645+tcp://192.0.2.7:4001", address="1")
        async with connect([Wired("m-1", kinds()["gate"], 15.0, "dlt645", told)]):
            pass

    with pytest.raises(Stop, match="a gate has no point 'energy'"):
        asyncio.run(play())


@pytest.mark.parametrize(
    ("points", "why"),
    [({"engery": "00010000"}, "no point 'engery'"), ({"energy": "02030000"}, "is in kW, but 'energy'")],
)
def test_points_that_do_not_fit_the_kind(points: dict[str, str], why: str) -> None:
    async def play() -> None:
        told = Section(url="dlt645+tcp://192.0.2.7:4001", address="1", points=points)
        async with connect([Wired("m-1", KIND, 15.0, "dlt645", told)]):
            pass

    with pytest.raises(Stop, match=why):
        asyncio.run(play())


def test_the_server_of_the_dlt645_package() -> None:
    package = pytest.importorskip("dlt645", reason="the dlt645 package is not installed")
    port = free_port()
    server = package.MeterServerService.new_tcp_server("127.0.0.1", port, 3000)
    server.set_address(bytes.fromhex(METER)[::-1])
    server.set_00(0x00010000, 123456.78)
    server.set_02(0x02010100, 231.4)
    server.set_02(0x02030000, 12.3456)
    server.start()

    async def play() -> None:
        told = Section(url=f"dlt645+tcp://127.0.0.1:{port}", address=METER)
        async with connect([Wired("m-1", KIND, 15.0, "dlt645", told)]) as drivers:
            said = shown(list(await drivers["m-1"].read(NOW)))
        assert (said["energy"], said["voltage"], said["power"]) == (123456.78, 231.4, 12.3456)
        (found,) = await probe(told.url)
        assert f'address = "{METER}"' in found.toml

    try:
        asyncio.run(play())
    finally:
        server.stop()
