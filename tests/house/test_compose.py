"""docker-compose.yml against the code it starts, and the broker's shipped files in a real Mosquitto."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from bus.client import Client, Link
from dayuan.broker import find_mosquitto
from dayuan.cli import app
from dayuan.settings import Settings
from schema.errors import Stop
from store.series.influx_settings import InfluxSettings
from tests.broker import mosquitto
from tests.servers import free_port, program, running

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("dayuan:")}
EXAMPLE = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / "deploy/env.example").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_service_of_ours_is_a_command() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {"ingest", "analytics", "api"} == OURS.keys()
    assert {word for service in OURS.values() for word in service["command"]} <= commands.keys()


def test_every_variable_of_ours_is_a_setting() -> None:
    for service in OURS.values():
        for variable in service["environment"]:
            if variable.startswith("DAYUAN_"):
                fields: Any = Settings.model_fields
                for name in variable.removeprefix("DAYUAN_").lower().split("__"):
                    assert name in fields, variable
                    fields = getattr(fields[name].annotation, "model_fields", {})


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_service_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, value in OURS[name]["environment"].items():
        monkeypatch.setenv(variable, re.sub(r"\$\{(\w+)[^}]*\}", r"secret-of-\1", value))
    monkeypatch.setenv("DAYUAN_TIMEZONE", "Asia/Shanghai")
    settings = Settings.load()
    store = InfluxSettings.of(settings.store_url)
    assert (store.address, store.user, store.password) == (
        "http://influxdb:8086",
        "dayuan",
        "secret-of-INFLUXDB_PASSWORD",
    )
    assert Link(url=settings.broker_url, client_id="x").credentials() == ("platform", "secret-of-MQTT_PASSWORD")
    assert not settings.simulation.enabled


def test_the_example_holds_every_variable_and_no_secret() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    assert asked == EXAMPLE.keys()
    required = set(re.findall(r"(?<!\$)\$\{(\w+):\?", TEXT))
    assert {name for name, value in EXAMPLE.items() if not value} == required


def test_what_is_mounted_is_there_and_what_is_kept_is_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]
        for other, terms in service["depends_on"].items() if "depends_on" in service else ():
            assert terms["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]


def test_nothing_is_open_to_other_machines() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_of_others_are_pinned_and_ours_has_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    for name, service in SERVICES.items():
        image, _, tag = service["image"].partition(":")
        assert tag not in {"", "latest"}, image
        if name in OURS:
            assert tag == version[1]


@pytest.fixture
def shipped(tmp_path: Path) -> Iterator[int]:
    """The port of a Mosquitto started by the shipped script with the shipped configuration, in a folder of the test."""
    with mosquitto(tmp_path):
        pass  # skips, or fails, where there is none
    program("mosquitto_passwd", "mosquitto")
    port = free_port()
    broker = find_mosquitto()
    assert broker is not None
    for folder in ("data", "config"):
        (tmp_path / folder).mkdir()
    config = tmp_path / "config/mosquitto.conf"
    config.write_text(_moved("mosquitto.conf", tmp_path).replace("listener 1883", f"listener {port} 127.0.0.1"))
    script = tmp_path / "config/start.sh"
    script.write_text(_moved("mosquitto.sh", tmp_path).replace("exec mosquitto ", f"exec {broker} "))
    if os.geteuid() == 0:
        # As its own user it could not enter the folder of the test.
        config.write_text(config.read_text() + "user root\n")
    passwords = tmp_path / "data/passwords"
    secret = {"MQTT_PASSWORD": "sesame"}
    with running(
        ["env", *(f"{name}={value}" for name, value in secret.items()), "sh", str(script)],
        tmp_path,
        lambda: passwords.exists() and _open(port),
    ):
        assert passwords.stat().st_mode & 0o077 == 0
        assert "sesame" not in passwords.read_text()
        yield port


def _moved(name: str, folder: Path) -> str:
    return (ROOT / "deploy" / name).read_text(encoding="utf-8").replace("/mosquitto/", f"{folder}/")


def _open(port: int) -> bool:
    return (
        subprocess.run(["bash", "-c", f"</dev/tcp/127.0.0.1/{port}"], check=False, capture_output=True).returncode == 0
    )


async def _echo(url: str) -> bytes:
    async with Client(Link(url=url, client_id="test", clean_start=True, session_expiry=0), patience=60) as client:
        await client.subscribe(["dayuan/echo"])
        await client.publish("dayuan/echo", b"?")
        return bytes((await client.receive(1)).payloads[0])


@pytest.mark.broker
def test_the_shipped_broker_lets_the_platform_in_and_nobody_else(shipped: int) -> None:
    assert asyncio.run(_echo(f"mqtt://platform:sesame@127.0.0.1:{shipped}")) == b"?"
    for stranger in ("", "platform:wrong@", "somebody:sesame@"):
        with pytest.raises(Stop, match="not authorised"):
            asyncio.run(_echo(f"mqtt://{stranger}127.0.0.1:{shipped}"))


@pytest.mark.broker
def test_the_shipped_broker_keeps_what_ours_keeps(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        ours = set((broker.directory / "mosquitto.conf").read_text().splitlines())
    shipped = set((ROOT / "deploy/mosquitto.conf").read_text().splitlines())
    kept = {
        line for line in ours if line.startswith(("max_", "autosave_", "message_size", "persistence true", "set_tcp"))
    }
    assert len(kept) == 7
    assert kept <= shipped
