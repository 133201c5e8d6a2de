"""The agent brings everything to the platform, whatever happens to the broker between them."""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from bus.client import Client, Link
from bus.messages import Birth, Death, decode_events, decode_state, encode_ack
from bus.senml import decode
from edge.agent import Agent
from edge.settings import AgentSettings, Device
from schema.errors import Reject, RetryLater
from schema.event import Pass
from schema.instant import SECOND, now
from schema.reading import Reading
from schema.stream import Acknowledged
from schema.text import Text
from tests.broker import mosquitto
from tests.edge.stand import Platform
from tests.servers import free_port

pytestmark = [pytest.mark.broker, pytest.mark.anyio]
METER = Device(id="m-1", kind="electricity_meter", building="a", title=Text("电表", "Meter"))
OTHER = Device(id="m-2", kind="water_meter", building="b", title=Text("水表", "Water meter"), parent="m-0")
PASSAGE = Pass(id="1", time=1, direction="in", granted=True, passed=True, reason="ok", decided_by="platform")


def agent(folder: Path, url: str, **more: object) -> Agent:
    told = {"id": "agent-1", "site": "demo", "broker": url, "outbox": folder / "o.db", "patience": 0.4, **more}
    return Agent(AgentSettings(**told), now, os.urandom)  # type: ignore[arg-type]


def rows(count: int, device: str = "m-1", first: int = 0) -> list[Reading]:
    begin = 1_700_000_000 * SECOND
    return [Reading(device, "energy", begin + n * SECOND, float(n), "kWh") for n in range(first, first + count)]


def stored(platform: Platform, device: str = "m-1") -> list[float]:
    """The values the platform has of a device, in stream order: each message counted once."""
    values = []
    for _, (topic, payload) in sorted(platform.payloads.items()):
        if topic.endswith(f"/{device}/readings"):
            pack = decode(payload, "demo", device, now())
            assert not pack.rejects
            values += pack.values
    return values


async def until_heard(platform: Platform, count: int) -> None:
    async with asyncio.timeout(60):
        while len(platform.heard) < count:  # noqa: ASYNC110 - the platform is a test's own; it tells nobody
            await asyncio.sleep(0.01)


async def test_readings_events_and_births_arrive_and_leave_the_outbox(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with Platform(broker.url).serving() as platform, agent(tmp_path, broker.url) as edge:
            edge.born(METER, OTHER)
            edge.record([*rows(250), *rows(3, "m-2")])
            edge.record_event("m-1", PASSAGE)
            await edge.drain(60)
            assert edge.progress.pending == 0
            assert edge.progress.acknowledged == 7
        assert stored(platform) == [float(n) for n in range(250)]
        topics = [topic for _, (topic, _) in sorted(platform.payloads.items())]
        assert topics == [
            "dayuan/demo/a/electricity_meter/m-1/state",
            "dayuan/demo/b/water_meter/m-2/state",
            *["dayuan/demo/a/electricity_meter/m-1/readings"] * 3,
            "dayuan/demo/b/water_meter/m-2/readings",
            "dayuan/demo/a/electricity_meter/m-1/events",
        ]
        messages = [payload for _, (_, payload) in sorted(platform.payloads.items())]
        birth = decode_state(messages[1])
        assert isinstance(birth, Birth)
        assert (birth.title, birth.parent, birth.interval) == (OTHER.title, "m-0", 60)
        assert birth.position is not None
        assert decode_events(messages[-1]).events == (PASSAGE,)


async def test_the_brokers_puback_alone_deletes_nothing(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with agent(tmp_path, broker.url) as edge:
            edge.born(METER)
            edge.record(rows(10))
            with pytest.raises(RetryLater, match="2 messages"):
                await edge.drain(0.3)
            assert edge.progress.sent >= 2


async def test_with_a_foreign_platform_the_pubacks_count(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with agent(tmp_path, broker.url, acknowledge="broker") as edge:
            edge.born(METER)
            edge.record(rows(1000))
            await edge.drain(60)
            assert edge.progress.acknowledged == 11


async def test_without_a_broker_it_records_and_sends_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    async with agent(tmp_path, f"mqtt://127.0.0.1:{port}") as edge:
        edge.born(METER)
        edge.record(rows(100))
        await asyncio.sleep(0.2)
        assert edge.progress.pending == 2
        with mosquitto(tmp_path, port) as broker:
            async with Platform(broker.url).serving() as platform:
                await edge.drain(60)
    assert stored(platform) == [float(n) for n in range(100)]
    said = [record.message for record in caplog.records if record.name == "edge.uplink"]
    assert len([line for line in said if "recording on disk only" in line]) <= 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_killed_broker_that_loses_its_disk_loses_no_reading(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        platform = Platform(broker.url)
        async with agent(tmp_path, broker.url, window=50) as edge:
            async with platform.serving():
                edge.born(METER)
                for n in range(200):
                    edge.record(rows(5, first=5 * n))
                await until_heard(platform, 40)
            # The platform is away now: the broker takes what comes, and dies with it.
            for n in range(200, 260):
                edge.record(rows(5, first=5 * n))
            await asyncio.sleep(0.2)
            broker.kill()
            edge.record(rows(5, first=1300))
            broker.restart(wipe=True)
            async with platform.serving():
                await edge.drain(60)
            assert edge.progress.pending == 0
    assert stored(platform) == [float(n) for n in range(1305)]


async def test_a_restarted_agent_goes_on_where_it_was(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with agent(tmp_path, broker.url) as edge:
            edge.born(METER)
            edge.record(rows(100))
        async with Platform(broker.url).serving() as platform, agent(tmp_path, broker.url) as edge:
            edge.born(METER)
            edge.record(rows(100, first=100))
            await edge.drain(60)
        assert stored(platform) == [float(n) for n in range(200)]
        assert len({epoch for epoch, _ in platform.payloads}) == 1


async def test_what_the_platform_misses_is_sent_again_at_once(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        deaf = {3, 4, 7}
        async with (
            Platform(broker.url, deaf=set(deaf)).serving() as platform,
            agent(tmp_path, broker.url, patience=60.0) as edge,
        ):
            edge.born(METER)
            for n in range(20):
                edge.record(rows(1, first=n))
            await edge.drain(60)
        assert sorted(stored(platform)) == [float(n) for n in range(20)]
        again = [seq for seq in set(platform.heard) if platform.heard.count(seq) > 1]
        assert set(again) == deaf


async def test_a_large_gap_is_sent_again_only_once(tmp_path: Path) -> None:
    """Each acknowledgement names what is left of it; sending that each time would multiply the traffic."""
    with mosquitto(tmp_path) as broker:
        deaf = set(range(100, 700))
        async with (
            Platform(broker.url, deaf=set(deaf)).serving() as platform,
            agent(tmp_path, broker.url, patience=60.0) as edge,
        ):
            edge.born(METER)
            for n in range(100):
                edge.record(rows(8, first=8 * n))
                edge.record_event("m-1", *[PASSAGE] * 700)
            await edge.drain(60)
        assert set(platform.heard) == set(range(1, 802))
        assert len(platform.heard) == 801 + len(deaf)


async def test_a_lost_tail_is_found_by_probing_not_by_flooding(tmp_path: Path) -> None:
    """Nothing follows that would prove the gap, and the connection stands: only silence tells."""
    with mosquitto(tmp_path) as broker:
        platform = Platform(broker.url, forgotten=True)
        async with agent(tmp_path, broker.url) as edge:
            async with platform.serving():
                edge.born(METER)
                await edge.drain(60)
            for n in range(300):
                edge.record(rows(1, first=n))
            await asyncio.sleep(1.2)
            assert edge.progress.sent <= 301 + 4
            async with platform.serving():
                await edge.drain(60)
        assert stored(platform) == [float(n) for n in range(300)]


async def test_after_a_new_connection_what_nobody_acknowledged_is_sent_again(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with (
            Platform(broker.url, deaf={11}).serving() as platform,
            agent(tmp_path, broker.url, patience=60.0) as edge,
        ):
            edge.born(METER)
            for n in range(10):
                edge.record(rows(1, first=n))
            await until_heard(platform, 11)
            assert edge.progress.pending > 0
            broker.terminate()
            broker.restart()
            await edge.drain(60)
        assert stored(platform) == [float(n) for n in range(10)]


async def test_at_most_a_window_is_under_way(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with agent(tmp_path, broker.url, window=10, patience=60.0) as edge:
            edge.born(METER)
            for n in range(50):
                edge.record(rows(1, first=n))
            async with asyncio.timeout(60):
                while edge.progress.sent < 10:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            assert edge.progress.sent == 10


async def test_an_acknowledgement_that_is_none_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mosquitto(tmp_path) as broker:
        ack = "dayuan/demo/agents/agent/agent-1/ack"
        async with Client(Link(url=broker.url, client_id="vandal")) as vandal:
            await vandal.publish(ack, b"\xff{", retain=True)
            async with Platform(broker.url).serving() as platform, agent(tmp_path, broker.url) as edge:
                edge.born(METER)
                edge.record(rows(10))
                await edge.drain(60)
                await vandal.publish(ack, encode_ack(Acknowledged("feedfeedfeedfeed", 999)))
                edge.record(rows(10, first=10))
                await edge.drain(60)
        assert stored(platform) == [float(n) for n in range(20)]
        assert "acknowledgement not taken" in caplog.text


@pytest.mark.parametrize("end", ["clean", "killed"])
async def test_the_agents_own_state_is_retained(tmp_path: Path, end: str) -> None:
    with mosquitto(tmp_path) as broker:
        watcher = Client(Link(url=broker.url, client_id="watcher", clean_start=True))
        async with watcher:
            await watcher.subscribe(["dayuan/demo/agents/agent/agent-1/state"])
            states = []
            edge = agent(tmp_path, broker.url)
            async with edge:
                states += (await watcher.receive(1)).payloads
                if end == "killed":
                    # Another client of the same id makes the broker drop ours as a crash would.
                    async with Client(Link(url=broker.url, client_id="dayuan-demo-agent-1", clean_start=True)):
                        states += (await watcher.receive(1)).payloads
            if end == "clean":
                states += (await watcher.receive(1)).payloads
    assert isinstance(decode_state(states[0]), Birth)
    assert isinstance(decode_state(states[1]), Death)


async def test_an_unannounced_device_is_refused(tmp_path: Path) -> None:
    async with agent(tmp_path, "mqtt://127.0.0.1:1") as edge:
        with pytest.raises(Reject, match="unknown_device"):
            edge.record(rows(1))
        assert edge.progress.pending == 0


async def test_a_slow_driver_does_not_delay_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Slow:
        async def read(self, now: int) -> Sequence[Reading]:
            await asyncio.sleep(60)
            return [Reading("m-1", "energy", now, 1.0, "kWh")]

    class Flaky:
        def __init__(self) -> None:
            self.times: list[int] = []

        async def read(self, now: int) -> Sequence[Reading]:
            self.times.append(now)
            if len(self.times) in {2, 3}:
                raise OSError("line down")
            return [Reading("m-1", "energy", now, 1.0, "kWh")]

    flaky = Flaky()
    with caplog.at_level(logging.INFO, "edge.health"):
        async with agent(tmp_path, "mqtt://127.0.0.1:1") as edge:
            edge.born(METER)
            edge.poll("slow", Slow(), 0.1)
            edge.poll("flaky", flaky, 0.1)
            async with asyncio.timeout(60):
                while edge.progress.pending < 6:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
    assert all(time % (SECOND // 10) == 0 for time in flaky.times), "not aligned to the wall clock"
    assert len(set(flaky.times)) == len(flaky.times)
    said = [record.message for record in caplog.records if record.name == "edge.health"]
    assert said.count("flaky: cannot be read: OSError: line down") == 1
    assert said.count("flaky: can be read again") == 1
    assert len([line for line in said if line.startswith("slow:")]) == 1


async def test_an_error_in_the_block_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        async with agent(tmp_path, "mqtt://127.0.0.1:1"):
            raise KeyError("mine")


async def test_a_task_that_fails_ends_the_agent(tmp_path: Path) -> None:
    async def breaks() -> None:
        raise KeyError("line")

    async def scene() -> None:
        async with agent(tmp_path, "mqtt://127.0.0.1:1") as edge:
            edge.start("reader", breaks())
            await asyncio.sleep(10)

    with pytest.raises(ExceptionGroup) as caught:
        await scene()
    assert caught.group_contains(KeyError, match="line")
