"""A new configuration, from the file or the platform: taken whole or not at all, and only what changed restarts."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from bus.client import Client, Link
from bus.messages import Birth, Command, Death, decode_state, encode_command
from bus.topics import Topic
from dayuan.configuring import send
from edge import configuration
from edge.agent import Agent
from edge.configuration import Configuration
from edge.settings import load
from edge.wiring import Changes, Wiring
from schema.errors import Stop
from schema.instant import SECOND, now
from tests.broker import mosquitto
from tests.edge.drivers.hearing import until
from tests.edge.stand import Platform
from tests.servers import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.broker]
HEAD = """
id = "yard-box"
site = "demo"
outbox = "outbox.db"
broker = "{broker}"
remote_configuration = true
"""
LOG = """
[[devices]]
id = "{name}"
kind = "electricity_meter"
building = "hall"
title = ["表", "{title}"]
interval = 0.05
[devices.file]
path = "{name}.jsonl"
format = "json"
readings.energy = "kwh"
"""


def device(name: str, title: str = "Meter") -> str:
    return LOG.format(name=name, title=title)


class Box(NamedTuple):
    """An agent at work on its file, and the platform that hears it."""

    path: Path
    agent: Agent
    wiring: Wiring
    file: Configuration
    platform: Platform
    broker: str

    def write(self, *devices: str) -> str:
        text = HEAD.format(broker=self.broker) + "".join(devices)
        self.path.write_text(text, encoding="utf-8")
        return text

    def log(self, name: str, kwh: float) -> None:
        with (self.path.parent / f"{name}.jsonl").open("a") as file:
            file.write(f'{{"kwh": {kwh}}}\n')

    async def ask(self, text: str, within: float = 60) -> str:
        link = Link(url=self.broker, client_id="operator", clean_start=True)
        return await send(link, Topic("dayuan", "demo", "agents", "agent", "yard-box", "cmd"), text, now, within)

    def values(self, name: str) -> list[str]:
        return [
            body.decode() for _, (topic, body) in sorted(self.platform.payloads.items()) if f"/{name}/readings" in topic
        ]

    def state(self, name: str) -> Birth | Death | None:
        states = [body for _, (topic, body) in sorted(self.platform.payloads.items()) if f"/{name}/state" in topic]
        return decode_state(states[-1]) if states else None


@asynccontextmanager
async def box(folder: Path) -> AsyncIterator[Box]:
    with mosquitto(folder) as broker:
        path = folder / "agent.toml"
        path.write_text(HEAD.format(broker=broker.url) + device("m-1") + device("m-2"), encoding="utf-8")
        path.chmod(0o600)
        settings = load(path)
        for name in ("m-1", "m-2", "m-3"):
            (folder / f"{name}.jsonl").touch()
        async with (
            Platform(broker.url).serving() as platform,
            Agent(settings, now, os.urandom) as agent,
            Wiring(agent, now, os.urandom) as wiring,
        ):
            file = Configuration(path, wiring)
            agent.obey(file.replace)
            assert await wiring.change(settings) == Changes(2, 0, 0)
            agent.start("watch", file.watch())
            yield Box(path, agent, wiring, file, platform, broker.url)


async def test_a_file_named_from_where_the_agent_stands_can_be_changed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with box(Path()) as it:
        assert not await it.ask(HEAD.format(broker=it.broker) + device("m-3"))
        assert [each.id for each in load(it.path).devices] == ["m-3"]


async def test_only_what_changed_is_begun_anew_and_nothing_is_lost(tmp_path: Path) -> None:
    async with box(tmp_path) as it:
        it.log("m-1", 1)
        await until(lambda: it.values("m-1"))
        it.write(device("m-1"), device("m-2", "Another title"), device("m-3"))
        assert await it.wiring.change(load(it.path)) == Changes(2, 1, 1)
        it.write(device("m-1"), device("m-3"))
        assert await it.wiring.change(load(it.path)) == Changes(0, 1, 2)
        for name in ("m-1", "m-3"):
            it.log(name, 2)
        await until(lambda: len(it.values("m-1")) == 2 and it.values("m-3"))
        await it.agent.drain(5)
        assert isinstance(it.state("m-2"), Death)
        assert isinstance(it.state("m-3"), Birth)
        assert it.agent.progress.dropped == 0


async def test_the_file_is_followed_and_a_fault_in_it_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(configuration, "_LOOK", 0.05)
    async with box(tmp_path) as it:
        it.write(device("m-1"), device("m-9").replace("kwh", "kwh\n"))
        await until(lambda: "stays as it was" in caplog.text)
        assert set(it.wiring.devices) == {"m-1", "m-2"}
        it.write(device("m-1"), device("m-3"))
        await until(lambda: set(it.wiring.devices) == {"m-1", "m-3"})
        it.path.write_text(it.path.read_text().replace('site = "demo"', 'site = "other"'))
        await until(lambda: "site cannot be changed while the agent runs" in caplog.text)
        it.write(device("m-2"))
        it.file.reread()
        await until(lambda: set(it.wiring.devices) == {"m-2"})
    assert caplog.text.count("stays as it was") == 2, "each fault is said once"


METER = """
[[devices]]
id = "{name}"
kind = "electricity_meter"
building = "hall"
title = ["表", "Meter"]
[devices.modbus]
url = "modbus+tcp://127.0.0.1:9"
map_file = "{name}-map.toml"
"""
MAP = """
title = ["表", "Meter"]
kind = "electricity_meter"
[points]
energy = {{ address = {address}, type = "f64", unit = "kWh" }}
"""
PUSHED = """
[[devices]]
id = "gate-1"
kind = "gate"
building = "hall"
title = ["门", "Gate"]
[devices.push]
url = "http://127.0.0.1:{port}/gate-1"
token = {{ file = "gate.token" }}
readings.entries = "n"
"""


async def test_a_file_that_is_named_is_followed_like_the_file_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Maps, secrets, certificates: only what uses the one that changed is begun anew."""
    monkeypatch.setattr(configuration, "_LOOK", 0.05)
    caplog.set_level(logging.WARNING)
    for name in ("a", "b"):
        (tmp_path / f"{name}-map.toml").write_text(MAP.format(address=0))
    token = tmp_path / "gate.token"
    token.write_text("a long word")
    async with box(tmp_path) as it:
        told = len(caplog.messages)

        def said() -> list[str]:
            return [line for line in caplog.messages[told:] if "onfiguration" in line]

        it.write(METER.format(name="a"), METER.format(name="b"), PUSHED.format(port=free_port()))
        await until(lambda: said() == ["new configuration: 3 begun, 2 ended, 0 left alone"])
        (tmp_path / "a-map.toml").write_text(MAP.format(address=50))
        await until(lambda: said()[1:] == ["new configuration: 1 begun, 1 ended, 2 left alone"])
        token.write_text("another long word")
        await until(lambda: said()[2:] == ["new configuration: 1 begun, 1 ended, 2 left alone"])
        token.touch()
        (tmp_path / "b-map.toml").write_text("nonsense")
        await until(lambda: len(said()) == 4)
        assert "stays as it was" in said()[3]
        assert "agent.toml:24: devices[1].modbus.map_file" in said()[3]
        assert set(it.wiring.devices) == {"a", "b", "gate-1"}
        (tmp_path / "b-map.toml").unlink()
        await until(lambda: len(said()) == 5)
        (tmp_path / "b-map.toml").write_text(MAP.format(address=7))
        await until(lambda: said()[5:] == ["new configuration: 1 begun, 1 ended, 2 left alone"])


async def test_the_platform_sends_a_configuration_and_is_answered(tmp_path: Path) -> None:
    async with box(tmp_path) as it:
        before = it.path.read_text()
        fresh = HEAD.format(broker=it.broker) + device("m-1") + device("m-3")
        assert await it.ask(fresh) == ""
        assert set(it.wiring.devices) == {"m-1", "m-3"}
        assert it.path.read_text() == fresh
        assert it.path.stat().st_mode & 0o777 == 0o600
        assert it.path.with_name("agent.toml.before").read_text() == before
        await until(lambda: isinstance(it.state("m-2"), Death))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('kind = "electricity_meter"', 'kind = "toaster"', "agent.toml:10: devices[0].kind: there is no device kind"),
        ('id = "yard-box"', 'id = "other-box"', "id cannot be changed while the agent runs"),
        ('outbox = "outbox.db"', 'outbox = "o.db"', "outbox cannot be changed"),
        ("remote_configuration = true", "remote_configuration = false", "remote_configuration cannot be changed"),
        ('site = "demo"', "site =", "is not TOML"),
    ],
)
async def test_what_is_refused_is_answered_with_the_reason(tmp_path: Path, old: str, new: str, says: str) -> None:
    async with box(tmp_path) as it:
        before = it.path.read_text()
        assert old in before
        assert says in await it.ask(before.replace(old, new, 1))
        assert it.path.read_text() == before
        assert set(it.wiring.devices) == {"m-1", "m-2"}
        it.log("m-1", 1)
        await until(lambda: it.values("m-1"))


async def test_what_cannot_be_begun_leaves_the_old_one_at_work(tmp_path: Path) -> None:
    async with box(tmp_path) as it:
        gate = """
[[gates]]
device = {{ id = "gate-1", kind = "gate", building = "hall", title = ["门", "Gate"] }}
zone = {{ id = "hall" }}
api = "http://127.0.0.1:1"
token = "t"
pepper = "YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k"
path = "{}"
"""
        refused = await it.ask(HEAD.format(broker=it.broker) + device("m-3") + gate.format("agent.toml/gate.db"))
        assert "agent.toml/gate.db" in refused
        assert set(it.wiring.devices) == {"m-1", "m-2"}
        it.log("m-2", 1)
        await until(lambda: it.values("m-2"))
        assert await it.ask(HEAD.format(broker=it.broker) + device("m-3") + gate.format("gate.db")) == ""
        assert set(it.wiring.gates) == {"gate-1"}


async def test_a_command_that_comes_too_late_or_is_none_is_not_obeyed(tmp_path: Path) -> None:
    async with box(tmp_path) as it:
        topic = "dayuan/demo/agents/agent/yard-box"
        async with Client(Link(url=it.broker, client_id="operator", clean_start=True)) as client:
            await client.subscribe([f"{topic}/state"])
            late = Command(id="1", expires=now() - SECOND, configuration=HEAD.format(broker=it.broker))
            for payload in (b"\xff", b"{}", encode_command(late)):
                await client.publish(f"{topic}/cmd", payload)
            answer = None
            async with asyncio.timeout(60):
                while answer is None:
                    inbox = await client.receive()
                    states = map(decode_state, inbox.payloads)
                    answer = next((each.configured for each in states if isinstance(each, Birth)), None)
                    client.acknowledge(inbox)
            assert "expired" in answer.refused
        assert set(it.wiring.devices) == {"m-1", "m-2"}


async def test_nobody_who_answers_is_said_to_be_missing(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        link = Link(url=broker.url, client_id="operator", clean_start=True)
        topic = Topic("dayuan", "demo", "agents", "agent", "yard-box", "cmd")
        with pytest.raises(Stop, match="no agent 'yard-box' of demo"):
            await send(link, topic, "", now, 1)
    with pytest.raises(Stop, match="are names of"):
        await send(link, topic._replace(device="Yard Box"), "", now, 1)
