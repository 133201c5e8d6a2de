"""Reading meters over CJ/T 188: a water meter process of our own."""

import asyncio
import tomllib
from collections.abc import Iterator

import msgspec
import pytest

from devices import kinds
from edge.drivers import Wired, dlt645, probe
from edge.drivers.byte_line import Line, place
from edge.drivers.cjt188 import Meter, Section, connect
from edge.drivers.dlt645 import Section as PowerSection
from schema.errors import Reject, RetryLater, Stop
from schema.instant import MINUTE
from schema.reading import Reading
from tests.edge.drivers.bus_peers import Bus, bus

KIND = kinds()["water_meter"]
WATER = "78330011223344"
NOW = 1_780_000_000_000_000


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with bus(tmp_path_factory.mktemp("bus")) as found:
        yield found


@pytest.fixture
def running(lasting: Bus) -> Bus:
    lasting.tell("reset")
    return lasting


def meter(running: Bus, **more: object) -> tuple[Meter, Line]:
    told: dict[str, object] = {"url": f"cjt188+{running.tail}", "address": WATER, "timeout": 1.0}
    section = msgspec.convert(told | more, Section)
    line = Line(place(section.url))
    return Meter("w-1", KIND, section, line), line


@pytest.mark.parametrize("order", ["2004", "2018"])
def test_a_meter_of_either_edition_is_read_without_being_told(running: Bus, order: str) -> None:
    async def play() -> None:
        running.tell("order", order)
        driver, line = meter(running)
        for minute in range(3):
            now = NOW + minute * MINUTE
            assert await driver.read(now) == [Reading("w-1", "volume", now, 1234.56, "m3")]
        line.close()

    asyncio.run(play())


def test_a_lost_answer_does_not_turn_a_known_order(running: Bus) -> None:
    async def play() -> None:
        running.tell("order", "2004")
        driver, line = meter(running)
        await driver.read(NOW)
        running.tell("slow", "1.1")
        task = asyncio.create_task(driver.read(NOW + MINUTE))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(running.tell, "slow", "0")
        assert len(await task) == 1
        line.close()

    asyncio.run(play())


def test_a_told_order_is_kept_to(running: Bus) -> None:
    async def play() -> None:
        running.tell("order", "2004")
        driver, line = meter(running, order="2018", timeout=0.1)
        with pytest.raises(RetryLater):
            await driver.read(NOW)
        line.close()

    asyncio.run(play())


def test_meters_of_both_protocols_share_a_line(running: Bus) -> None:
    async def play() -> None:
        water = Section(url=f"cjt188+{running.tail}", address=WATER)
        power = PowerSection(url=f"dlt645+{running.tail}", address="202610010042")
        first = Wired("w-1", KIND, 60.0, "cjt188", water)
        second = Wired("m-1", kinds()["electricity_meter"], 15.0, "dlt645", power)
        async with connect([first]) as meters, dlt645.connect([second]) as others:
            found = await asyncio.gather(*(driver.read(NOW) for driver in (meters | others).values()))
        assert sorted(len(readings) for readings in found) == [1, 5]

    asyncio.run(play())


def test_noise_and_answers_of_others(running: Bus) -> None:
    async def play() -> None:
        running.tell("noise", "1")
        running.tell("foreign", "1")
        driver, line = meter(running)
        assert [reading.value for reading in await driver.read(NOW)] == [1234.56]
        line.close()

    asyncio.run(play())


def test_a_damaged_answer_is_no_reading(running: Bus) -> None:
    async def play() -> None:
        running.tell("damage", "1")
        driver, line = meter(running, timeout=0.1)
        with pytest.raises(RetryLater):
            await driver.read(NOW)
        line.close()

    asyncio.run(play())


def test_another_makers_layout_is_rejected(running: Bus) -> None:
    async def play() -> None:
        driver, line = meter(running, profile="heat")
        with pytest.raises(Reject, match="another maker's profile"):
            await driver.read(NOW)
        line.close()

    asyncio.run(play())


def test_a_layout_may_be_written_in_the_configuration(running: Bus) -> None:
    async def play() -> None:
        driver, line = meter(running, profile="skip:5 volume:4.2@after clock:7 status:2")
        assert [reading.value for reading in await driver.read(NOW)] == [1200.0]
        line.close()

    asyncio.run(play())


def test_a_low_battery_is_said_once(running: Bus, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        driver, line = meter(running)
        for low in ("1", "1", ""):
            running.tell("low_battery", low)
            await driver.read(NOW)
        line.close()

    asyncio.run(play())
    assert [record.getMessage() for record in caplog.records] == [
        "w-1: its battery is low",
        "w-1: its battery is good again",
    ]


def test_a_probe_finds_the_meter_and_writes_its_configuration(running: Bus) -> None:
    url = f"cjt188+{running.tail}"
    (found,) = asyncio.run(probe(url))
    assert [(value.point, value.value, value.unit) for value in found.values] == [("volume", 1234.56, "m3")]
    (told,) = tomllib.loads(found.toml)["devices"]
    assert told["kind"] == "water_meter"
    assert msgspec.convert(told["cjt188"], Section) == Section(url=url, address=WATER)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"url": "dlt645+tcp://h:1"}, "must begin with cjt188"),
        ({"address": "x"}, "digits"),
        ({"type": 1}, "type"),
        ({"profile": "heet"}, "no profile 'heet'; known are flow, heat"),
        ({"profile": "volume:4.2"}, "field 'volume:4.2'"),
        ({"order": "2010"}, "order"),
    ],
)
def test_a_section_that_is_wrong(told: dict[str, object], why: str) -> None:
    good: dict[str, object] = {"url": "cjt188+tcp://192.0.2.7:4001", "address": "1"}
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.convert(good | told, Section)


def test_a_layout_that_brings_nothing_of_the_kind() -> None:
    async def play() -> None:
        told = Section(url="cjt188+tcp://192.0.2.7:4001", address="1", profile="humidity:2.1@K")
        async with connect([Wired("w-1", KIND, 60.0, "cjt188", told)]):
            pass

    with pytest.raises(Stop, match="none of humidity"):
        asyncio.run(play())
