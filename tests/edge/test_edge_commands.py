"""`dayuan edge`, `check` and `configure` as a person runs them, with a gate controller that posts to the agent."""

import asyncio
import signal
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from dayuan.cli import app
from tests.broker import mosquitto
from tests.edge.stand import Platform
from tests.edge.test_commands import arrived, begun, ran, until
from tests.servers import free_port

HEAD = """
id = "yard-box"
site = "demo"
outbox = "outbox.db"
broker = "{broker}"
remote_configuration = true
"""
GATE = """
[[devices]]
id = "{name}"
kind = "gate"
building = "yard"
title = ["门", "Gate"]
[devices.push]
url = "http://127.0.0.1:{port}/{name}"
token = {{ file = "gates.token" }}
pepper = "YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k"
id = "no"
[devices.push.event]
type = "pass"
direction = {{ from = "way", values = {{ 1 = "in", 2 = "out" }} }}
granted = true
passed = true
reason = {{ value = "ok" }}
decided_by = {{ value = "controller" }}
credential = "card"
"""


def test_check_says_every_fault_with_its_line_and_starts_nothing(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    (tmp_path / "gates.token").write_text("a long random word\n")
    config.write_text(HEAD.format(broker="mqtt://127.0.0.1:1") + GATE.format(name="gate-1", port=8900))
    good = CliRunner().invoke(app, ["edge", "check", str(config)])
    assert good.exit_code == 0, good.output
    assert "1 devices and 0 gates of demo; nothing wrong with it" in good.output
    config.write_text(config.read_text().replace('"gate"', '"gait"').replace('site = "demo"', 'sight = "demo"'))
    bad = CliRunner().invoke(app, ["edge", "check", str(config)], env={"COLUMNS": "400"})
    assert bad.exit_code == 2
    for says in (":1: site is missing", ":3: sight: there is no key 'sight'", ":10: devices[0].kind: ", "did you mean"):
        assert says in bad.output, bad.output
    assert not (tmp_path / "outbox.db").exists()


@pytest.mark.broker
def test_a_gate_posts_and_the_agent_is_configured_from_afar_and_by_its_file(tmp_path: Path) -> None:
    port, config, fresh = free_port(), tmp_path / "agent.toml", tmp_path / "fresh.toml"
    (tmp_path / "gates.token").write_text("a long random word\n")

    async def post(name: str, number: int) -> int:
        headers = {"Authorization": "Bearer a long random word"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            try:
                body = {"no": number, "way": 1, "card": "04A2"}
                return (await client.post(f"http://127.0.0.1:{port}/{name}", json=body)).status_code
            except httpx.TransportError:
                return 0

    async def posted(name: str, number: int) -> None:
        async with asyncio.timeout(60):
            while await post(name, number) != 200:  # noqa: ASYNC110 - a process of its own tells nobody
                await asyncio.sleep(0.1)

    async def run(broker: str) -> None:
        gates = [GATE.format(name=f"gate-{n}", port=port) for n in (1, 2, 3)]
        config.write_text(HEAD.format(broker=broker) + gates[0], encoding="utf-8")
        async with Platform(broker).serving() as platform:
            process = await begun("edge", "--config", config)
            await posted("gate-1", 1)
            fresh.write_text(HEAD.format(broker=broker) + gates[0] + gates[1], encoding="utf-8")
            order = ("edge", "configure", "yard-box", fresh, "--site", "demo", "--broker", broker)
            code, output = await ran(*order)
            assert (code, output) == (0, "yard-box works by it\n")
            await posted("gate-2", 2)
            fresh.write_text(fresh.read_text().replace('"gate"', '"gait"'), encoding="utf-8")
            code, output = await ran(*order)
            assert code == 1
            assert "agent.toml:10: devices[0].kind: there is no device kind 'gait'; did you mean 'gate'" in output
            config.write_text(HEAD.format(broker=broker) + gates[0] + gates[2], encoding="utf-8")
            process.send_signal(signal.SIGHUP)
            await posted("gate-3", 3)
            assert await post("gate-2", 4) == 404
            await until(lambda: len(arrived(platform).events) == 3)
            process.send_signal(signal.SIGTERM)
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            assert "a long random word" not in errors.decode()
            events = arrived(platform).events
            assert set(events) == {("gate-1", "1"), ("gate-2", "2"), ("gate-3", "3")}

    with mosquitto(tmp_path) as broker:
        asyncio.run(run(broker.url))
