"""What piled up reaches the platform behind what is recorded now, whole, and without making it wait."""

import asyncio
import os
from pathlib import Path

import pytest

from bus.senml import encode
from edge.agent import Agent
from edge.outbox import Message, Outbox
from edge.sender import Sender
from edge.settings import AgentSettings, Device
from schema.instant import MINUTE, SECOND, now
from schema.reading import Reading
from schema.stream import Acknowledged
from schema.text import Text
from tests.broker import mosquitto
from tests.edge.stand import Platform
from tests.servers import free_port

pytestmark = [pytest.mark.broker, pytest.mark.anyio]
TOPIC = "dayuan/demo/a/electricity_meter/m-1/readings"
METER = Device(id="m-1", kind="electricity_meter", building="a", title=Text("电表", "Meter"))
OTHER = Device(id="m-2", kind="water_meter", building="b", title=Text("水表", "Water meter"))


def settings(folder: Path, url: str, patience: float = 20.0) -> AgentSettings:
    return AgentSettings(id="agent-1", site="demo", broker=url, outbox=folder / "o.db", patience=patience)


def reading(number: int, device: str = "m-1") -> Reading:
    return Reading(device, "energy", 1_700_000_000 * SECOND + number, float(number), "kWh")


def piled_up(folder: Path, count: int) -> None:
    box = Outbox(folder / "o.db", "agent-1", lambda: now() - 60 * MINUTE, os.urandom)
    box.append([Message(TOPIC, encode("demo", [reading(number)])) for number in range(count)])
    box.close()


async def heard(platform: Platform, seq: int, patience: float = 60) -> int:
    """How many messages came before this one."""
    async with asyncio.timeout(patience):
        while seq not in platform.heard:  # noqa: ASYNC110 - the platform is a test's own; it tells nobody
            await asyncio.sleep(0.01)
    return platform.heard.index(seq)


async def test_a_reading_of_now_passes_by_a_week_that_waits(tmp_path: Path) -> None:
    count = 8000
    piled_up(tmp_path, count)
    with mosquitto(tmp_path / "broker") as broker:
        platform = Platform(broker.url, slow=0.04)
        async with platform.serving(), Agent(settings(tmp_path, broker.url), now, os.urandom) as edge:
            await heard(platform, 500)
            edge.born(METER)
            before = []
            for number in range(5):
                edge.record([reading(count + number)])
                before.append(len(platform.heard))
                await asyncio.sleep(0.05)
            for number, then in enumerate(before):
                assert await heard(platform, count + 2 + number) - then < 2500
            assert count not in platform.heard, "nothing waited any more"
            await edge.drain(30)
            assert edge.progress.pending == 0
        assert sorted(seq for _, seq in platform.payloads) == list(range(1, count + 7))
        piled = [seq for seq in dict.fromkeys(platform.heard) if seq <= count]
        assert piled == sorted(piled), "what piled up comes in its order"
        assert len(platform.heard) < 1.05 * count, "much was sent twice"


async def test_after_an_outage_the_agents_own_backlog_steps_aside_too(tmp_path: Path) -> None:
    """And what it needs to be understood, the birth of its device, does not."""
    port, count, shift = free_port(), 6000, [0]
    platform = Platform(f"mqtt://127.0.0.1:{port}", slow=0.02)
    async with Agent(settings(tmp_path, platform.url), lambda: now() + shift[0], os.urandom) as edge:
        for device in (METER, OTHER):
            edge.born(device)
            piled = [Message(TOPIC, encode("demo", [reading(number)])) for number in range(count // 2)]
            edge._outbox.append(piled)
        shift[0] = MINUTE
        edge.record([reading(0, "m-2")])
        live = edge._outbox.last
        with mosquitto(tmp_path / "broker", port):
            async with platform.serving():
                assert await heard(platform, live) < count / 2
                assert platform.heard.index(count // 2 + 2) < platform.heard.index(live)
                await edge.drain(30)
                assert edge.progress.pending == 0
    assert sorted(seq for _, seq in platform.payloads) == list(range(1, live + 1))


async def test_cut_off_again_and_again_while_it_catches_up_it_loses_nothing_and_its_gaps_stay_few(
    tmp_path: Path,
) -> None:
    count = 6000
    piled_up(tmp_path, count)
    with mosquitto(tmp_path / "broker") as broker:
        platform = Platform(broker.url, slow=0.02)
        async with platform.serving(), Agent(settings(tmp_path, broker.url, 0.5), now, os.urandom) as edge:
            edge.born(METER)
            number = count
            gaps = 0
            for _ in range(3):
                for _ in range(20):
                    edge.record([reading(number)])
                    number += 1
                    await asyncio.sleep(0.01)
                gaps = max(gaps, *(len(platform._answer(epoch).missing) for epoch in platform.done), 0)
                broker.kill()
                edge.record([reading(number)])
                number += 1
                broker.restart()
            await edge.drain(40)
        assert sorted(seq for _, seq in platform.payloads) == list(range(1, number + 2))
        assert gaps <= 4


async def test_what_a_platform_has_forgotten_is_sent_again(tmp_path: Path) -> None:
    """It keeps so many ranges beyond a gap, and no more."""
    piled_up(tmp_path, 10)
    box = Outbox(tmp_path / "o.db", "agent-1", now, os.urandom)
    sender = Sender(box, 100, 20.0, now, trusting=False)
    sender.rewind()
    assert [entry.seq for entry in sender._next()] == list(range(1, 11))
    sender.settle(Acknowledged(box.epoch, 2, ((3, 4),), 10))
    assert sender._next() == []
    sender.settle(Acknowledged(box.epoch, 4))
    assert [entry.seq for entry in sender._next()] == list(range(5, 11))
    box.close()
