"""`dayuan edge` with meters on Modbus, and `dayuan edge probe`, as a person runs them."""

import asyncio
import signal
from pathlib import Path

import pytest

from edge.settings import load
from tests.broker import mosquitto
from tests.edge.drivers.modbus_peers import generic, server
from tests.edge.stand import Platform
from tests.edge.test_commands import arrived, begun, ran, until
from tests.servers import free_port

AGENT = """
id = "yard-box"
site = "demo"
outbox = "outbox.db"
broker = "{broker}"
"""
METER = """
[[devices]]
id = "m{unit}"
kind = "electricity_meter"
building = "hall"
title = ["电表", "Meter"]
interval = 0.5
[devices.modbus]
url = "modbus+tcp://127.0.0.1:{port}"
unit = {unit}
"""


@pytest.mark.broker
def test_an_agent_reads_its_meters_and_one_that_is_dead_keeps_none_waiting(tmp_path: Path) -> None:
    port, config = free_port(), tmp_path / "agent.toml"

    async def run(broker: str) -> tuple[dict[tuple[str, str], dict[int, float]], str]:
        meters = "".join(METER.format(unit=unit, port=port) for unit in (1, 2, 66))
        config.write_text(AGENT.format(broker=broker) + meters, encoding="utf-8")
        async with Platform(broker).serving() as platform:
            process = await begun("edge", "--config", config)
            await until(lambda: len(arrived(platform).values.get(("m2", "energy"), ())) > 3)
            process.send_signal(signal.SIGTERM)
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            return arrived(platform).values, errors.decode()

    with mosquitto(tmp_path) as broker, server(tmp_path, port, {"1": generic(1), "2": generic(2)}):
        seen, said = asyncio.run(run(broker.url))
    assert {device for device, _ in seen} == {"m1", "m2"}
    for device, energy in (("m1", 1.0), ("m2", 2.0)):
        times = sorted(seen[device, "energy"])
        assert set(seen[device, "energy"].values()) == {energy}
        assert all(time % 500_000 == 0 for time in times), "aligned to the wall clock"
    assert said.count("m66: cannot be read: RetryLater: unit 66 did not answer in 0.25 s") == 1, said


def test_what_a_probe_prints_is_a_configuration_that_reads_the_meter(tmp_path: Path) -> None:
    port, config = free_port(), tmp_path / "agent.toml"
    with server(tmp_path, port, {"2": generic(2)}):
        code, output = asyncio.run(ran("edge", "probe", f"modbus+tcp://127.0.0.1:{port}?units=2"))
    assert code == 0, output
    assert "energy 2 kWh" in output
    config.write_text(AGENT.format(broker="mqtt://127.0.0.1:1") + output, encoding="utf-8")
    [wired] = load(config).wired
    assert (wired.bus, wired.section.unit, wired.section.map) == ("modbus", 2, "generic")


def test_a_probe_of_a_line_that_is_not_there_ends_in_one_line() -> None:
    code, output = asyncio.run(ran("edge", "probe", f"modbus+tcp://127.0.0.1:{free_port()}"))
    assert code == 2
    assert output.count("\n") == 1
    assert "cannot be opened" in output
