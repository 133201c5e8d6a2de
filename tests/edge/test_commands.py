"""`dayuan replay`, `dayuan simulate` and `dayuan edge` as a person runs them, through a real broker."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dayuan.child import bound
from dayuan.cli import app
from schema.instant import DAY, HOUR, now
from tests.broker import Broker, mosquitto
from tests.edge.arrived import Arrived
from tests.edge.stand import Platform
from tests.edge.test_replay import START, hourly

pytestmark = pytest.mark.broker

COMMAND = (sys.executable, "-c", "from dayuan.cli import app; app()")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


def arrived(platform: Platform) -> Arrived:
    return Arrived(platform.payloads.values())


async def begun(*arguments: object, stdin: int = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    environment = os.environ | {"COLUMNS": "400", "DAYUAN_CONFIG": ""}
    words = [str(word) for word in arguments]
    return await asyncio.create_subprocess_exec(
        *bound(*COMMAND, *words), stdin=stdin, stdout=pipe, stderr=pipe, env=environment
    )


async def ran(*arguments: object) -> tuple[int, str]:
    process = await begun(*arguments)
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode() + errors.decode()


async def until(holds: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def test_a_replay_arrives_whole_and_says_so(broker: Broker, tmp_path: Path) -> None:
    rows = [f"{n / 10:.1f},{'' if n == 5 else n}" for n in range(300)]
    path = hourly(tmp_path, *rows, titles="b0,b1")

    async def run() -> tuple[int, str, Arrived]:
        async with Platform(broker.url).serving() as platform:
            code, output = await ran("replay", path, "--broker", broker.url, "--outbox", tmp_path, "--speed", "max")
        return code, output, arrived(platform)

    code, output, seen = asyncio.run(run())
    assert code == 0, output
    assert "all acknowledged by the platform" in output
    assert "1 cells without a number gave no reading" in output
    register = seen.values["b0-elec", "energy"]
    assert len(register) == 301
    assert register[START + 300 * HOUR] == 4485.0
    assert START + 6 * HOUR not in seen.values["b1-elec", "energy"]
    assert [(birth.interval, birth.replay) for birth in seen.births["b0-elec"]] == [(3600.0, True)]
    assert seen.packs == 2 * 4


def test_an_interrupted_replay_keeps_its_outbox_and_the_next_run_sends_it(broker: Broker, tmp_path: Path) -> None:
    path = hourly(tmp_path, *["1"] * 300)
    arguments = ("replay", path, "--broker", broker.url, "--outbox", tmp_path)

    async def run() -> tuple[int, str, Arrived]:
        process = await begun(*arguments, "--speed", 36_000)
        await until((tmp_path / "outbox.db").exists)
        await asyncio.sleep(1.5)
        process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
        assert process.returncode is not None
        async with Platform(broker.url).serving() as platform:
            code, after = await ran(*arguments, "--speed", "max", "--from", "2018-01-13T11:00")
            assert code == 0, after
        return process.returncode, output.decode(), arrived(platform)

    code, output, seen = asyncio.run(run())
    assert code == 130, output
    assert "messages wait in" in output
    assert "go on with --from 2018-01-01T" in output
    register = seen.values["b0-elec", "energy"]
    assert register[START + HOUR] == 1
    assert register[START + 300 * HOUR] == 300


def test_a_platform_that_stays_silent_is_said_to_be_waited_for(broker: Broker, tmp_path: Path) -> None:
    path = hourly(tmp_path, "1", "1")

    async def run() -> str:
        process = await begun("replay", path, "--broker", broker.url, "--outbox", tmp_path, "--speed", "max")
        assert process.stdout is not None
        await process.stdout.readline()
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        process.send_signal(signal.SIGINT)
        await process.communicate()
        return line.decode()

    assert "waiting for the platform's acknowledgement, " in asyncio.run(run())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("none.csv",), "none.csv: No such file"),
        (("--kind", "electric"), "there is no device kind 'electric'; choose one of"),
        (("--columns", "b7"), "no column b7; it has b0"),
        (("--speed", "fast"), "--speed fast: give"),
        (("--timezone", "Mars"), "no time zone 'Mars'"),
        (("--from", "March"), "'March' is no ISO 8601 time"),
        (("--site", "大院"), "site id"),
        (("--broker", "mqtt://127.0.0.1:1"), "start the platform with `dayuan run`"),
        (("--broker", "localhost"), "it should read mqtt://host:1883"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    path = hourly(tmp_path, "1", "1")
    file = [] if arguments[0].endswith(".csv") else [path]
    result = CliRunner().invoke(app, ["replay", *map(str, file), *arguments, "--outbox", str(tmp_path)])
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert "Traceback" not in result.output


@asynccontextmanager
async def simulating(broker: Broker, folder: Path, platform: Platform) -> Any:
    """A simulation that has come to its live part; interrupted at the end of the block."""
    before = now()
    process = await begun(
        *("simulate", "--broker", broker.url, "--outbox", folder, "--labels", folder / "faults.jsonl"),
        *("--backfill-days", 2, "--interval", 0.2),
    )
    try:
        await until(lambda: sum(at > before for at in arrived(platform).values.get(("main-elec", "power"), ())) >= 3)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert "the next run goes on" in output.decode()


def test_a_simulation_sends_its_history_then_live_and_goes_on_after_a_restart(broker: Broker, tmp_path: Path) -> None:
    async def run() -> Arrived:
        async with Platform(broker.url).serving() as platform:
            async with simulating(broker, tmp_path, platform):
                pass
            async with simulating(broker, tmp_path, platform):
                pass
        return arrived(platform)

    seen = asyncio.run(run())
    register = seen.values["main-elec", "energy"]
    times = sorted(register)
    assert times[0] <= now() - 2 * DAY
    assert sum(at < now() - HOUR for at in times) >= 2 * 96 - 5
    values = [register[at] for at in times]
    assert values == sorted(values)
    assert values[-1] - values[-2] < 1
    assert [birth.replay for birth in seen.births["main-elec"]][:2] == [True, False]
    assert seen.births["office-a-elec"][-1].parent == "main-elec"
    assert len((tmp_path / "faults.jsonl").read_text().splitlines()) == 4 + 1


AGENT = """
id = "yard-box"
site = "demo"
outbox = "outbox.db"
broker = "{broker}"

[[devices]]
id = "hall-elec"
kind = "electricity_meter"
building = "hall"
title = ["礼堂电表", "Hall"]

[[gates]]
device = {{ id = "gate-1", kind = "gate", building = "hall", title = ["礼堂", "Hall gate"] }}
zone = {{ id = "hall" }}
api = "http://127.0.0.1:1"
token = "t"
pepper = "YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k"
path = "gate.db"
"""


def test_an_agent_takes_readings_and_cards_as_lines_and_says_what_it_leaves_out(broker: Broker, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(AGENT.format(broker=broker.url), encoding="utf-8")
    lines = (
        *("hall-elec energy 12.5", "hall-elec energy nan", "hall-elec colour 1", "shed energy 1", "hello"),
        *("x" * 5000, "gate-1 in 04A2", "gate-1 out 04A2", "gate-1 over 04A2"),
    )

    async def run() -> tuple[int, str, Arrived]:
        async with Platform(broker.url).serving() as platform:
            process = await begun("edge", "--config", config, stdin=asyncio.subprocess.PIPE)
            assert process.stdin is not None
            process.stdin.write("\n".join((*lines, "")).encode())
            process.stdin.close()
            await until(lambda: len(arrived(platform).events) == 2 and arrived(platform).values)
            process.send_signal(signal.SIGTERM)
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return process.returncode, output.decode(), arrived(platform)

    _, output, seen = asyncio.run(run())
    assert list(seen.values["hall-elec", "energy"].values()) == [12.5]
    assert [seen.births[device][-1].title.en for device in ("hall-elec", "gate-1")] == ["Hall", "Hall gate"]
    assert [getattr(event, "granted", None) for event in seen.events.values()] == [False, True]
    for said in (
        "left out: 'nan' is no number; energy is in kWh",
        "left out: electricity_meter has no point 'colour'; it has energy",
        "left out: no device 'shed'; configured are: hall-elec, gate-1",
        "left out: three words are wanted",
        "left out: a credential is shown to go in or out, not 'over'",
        "gate-1 in: refused, 平台无响应且无本地名单 No answer from the platform and no local list (no_response",
        "gate-1 out: opened",
        "messages wait in",
    ):
        assert said in output, output


def test_an_agent_without_a_configuration_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["edge", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 2
    assert "No such file" in result.output


@pytest.mark.parametrize(
    ("token", "pepper", "says"),
    [
        (None, "00" * 32, "needs DAYUAN_GATE_TOKEN in the environment"),
        ("t", None, "needs DAYUAN_GATE_PEPPER in the environment"),
        ("t", "no hex", "the visitors' gate: non-hexadecimal"),
        ("t", "00", "the pepper has 1 bytes"),
    ],
)
def test_a_visitors_gate_without_its_secrets_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None, pepper: str | None, says: str
) -> None:
    for name, value in (("DAYUAN_GATE_TOKEN", token), ("DAYUAN_GATE_PEPPER", pepper)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    arguments = ["simulate", "--gate-api", "http://127.0.0.1:1", "--outbox", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert says in result.output
