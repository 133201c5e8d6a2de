"""The doctor on real parts, healthy and broken: each fault is one line that says what to do."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from dayuan.child import bound
from dayuan.doctor import Check, examine, report
from dayuan.settings import Settings
from store.registry.base import Registry
from store.registry.migrate import upgrade
from store.registry.places import Site
from store.registry.roster import Duty
from tests.broker import mosquitto
from tests.servers import answers, free_port, influxdb


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults in an empty folder, on ports of our own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DAYUAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAYUAN_WEB__PORT", str(free_port()))
    monkeypatch.setenv("DAYUAN_BROKER__PORT", str(free_port()))


def checks() -> list[Check]:
    """All that the doctor says; whatever is not well comes with a remedy in one line."""
    found = list(examine(Settings.load))
    for check in found:
        assert bool(check.remedy) == (check.state != "ok"), check
        assert "\n" not in check.finding + check.remedy
    return found


def faults() -> dict[str, Check]:
    return {check.subject: check for check in checks() if check.state == "fault"}


def finding(subject: str) -> str:
    return next(check.finding for check in checks() if check.subject == subject)


@pytest.mark.broker
def test_on_a_fresh_machine_nothing_is_wrong_and_nothing_is_made(tmp_path: Path) -> None:
    with mosquitto(tmp_path):
        assert faults() == {}
    assert not (tmp_path / "var").exists()


def test_without_mosquitto_the_broker_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYUAN_MOSQUITTO", "/nowhere/mosquitto")
    assert faults()["broker"].remedy == "apt-get install mosquitto, or set DAYUAN_BROKER__URL"


@pytest.mark.broker
@pytest.mark.influx
def test_real_parts_that_work_are_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("broker", "influx"):
        (tmp_path / name).mkdir()
    with mosquitto(tmp_path / "broker") as broker, influxdb(tmp_path / "influx") as server:
        monkeypatch.setenv("DAYUAN_BROKER__URL", broker.url)
        monkeypatch.setenv("DAYUAN_STORE", f"influxdb://127.0.0.1:{server.port}/dayuan")
        registry = Registry(Settings.load().registry_url)
        assert {check.subject: check.remedy for check in checks() if check.subject == "registry"} == {"registry": ""}
        upgrade(registry)
        registry.close()
        assert faults() == {}
        assert "gave a message back in" in finding("broker")
        assert finding("store").startswith("influxdb, 0 series")
        assert finding("registry") == "sqlite, 0 sites"


@pytest.mark.broker
def test_a_running_platform_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYUAN_SIMULATION__ENABLED", "false")
    address = f"http://127.0.0.1:{os.environ['DAYUAN_WEB__PORT']}/healthz"
    with (tmp_path / "run.log").open("wb") as log:
        platform = subprocess.Popen(bound(sys.executable, "-m", "dayuan", "run"), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not answers(address):
            assert platform.poll() is None, (tmp_path / "run.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert faults() == {}
        assert finding("store") == "in use by the dayuan that is running"
        assert finding("web").startswith("dayuan answers on 127.0.0.1:")
        assert "gave a message back in" in finding("broker")
    finally:
        platform.send_signal(signal.SIGINT)
        platform.wait(60)


def test_parts_that_are_away_are_one_fault_each(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("DAYUAN_BROKER__URL", f"mqtt://platform:sesame@127.0.0.1:{port}")
    monkeypatch.setenv("DAYUAN_STORE", f"influxdb://dayuan:sesame@127.0.0.1:{port}/dayuan")
    monkeypatch.setenv("DAYUAN_REGISTRY", f"postgresql+psycopg://dayuan:sesame@127.0.0.1:{port}/dayuan")
    found = faults()
    assert set(found) == {"broker", "store", "registry"}
    for subject, check in found.items():
        assert str(port) in check.finding
        assert f"DAYUAN_{subject.upper()}" in check.remedy
        assert "sesame" not in "".join(check)


def test_addresses_that_are_none_are_one_fault_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYUAN_BROKER__URL", "http://127.0.0.1")
    monkeypatch.setenv("DAYUAN_STORE", "mysql://127.0.0.1/dayuan")
    monkeypatch.setenv("DAYUAN_REGISTRY", "dayuan")
    monkeypatch.setenv("DAYUAN_WEB__HOST", "nowhere.invalid")
    assert set(faults()) == {"broker", "store", "registry", "web"}


def test_damaged_files_are_one_fault_each(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/registry.db").write_bytes(b"no database" * 1000)
    (tmp_path / "var/readings.duckdb").write_bytes(b"no database" * 1000)
    found = faults()
    assert set(found) == {"registry", "store"}
    assert all("put a backup" in check.remedy for check in found.values())


@pytest.mark.influx
def test_a_sign_in_that_the_store_refuses_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with influxdb(tmp_path, auth=True) as server:
        monkeypatch.setenv("DAYUAN_STORE", f"influxdb://dayuan:wrong@127.0.0.1:{server.port}/dayuan")
        assert "refuses the sign-in" in faults()["store"].finding


def test_ports_of_other_programs_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        for name in ("DAYUAN_WEB__PORT", "DAYUAN_BROKER__PORT"):
            monkeypatch.setenv(name, str(other.getsockname()[1]))
        found = faults()
    assert "DAYUAN_WEB__PORT" in found["web"].remedy
    assert "DAYUAN_BROKER__PORT" in found["broker"].remedy


def test_a_registry_of_an_older_version_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/registry.db").touch()
    (check,) = [check for check in checks() if check.subject == "registry"]
    assert check.state == "warning"
    assert "migrations to go" in check.finding


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DAYUAN_WEB__PROT", "1", "web.prot: there is no such setting"),
        ("DAYUAN_TIMEZONE", "Asia/Nowhere", "there is no time zone 'Asia/Nowhere'"),
        ("DAYUAN_WEB__PORT", "99999", "web.port"),
        ("DAYUAN_CONFIG", "/nowhere.toml", "/nowhere.toml, which is not there"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert told in faults()["configuration"].finding


def test_a_settings_file_that_is_not_toml_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "dayuan.toml").write_text("web = ")
    assert "dayuan.toml is not TOML" in faults()["configuration"].finding


def test_a_misspelt_variable_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYUAN_STROE", "x")
    assert ("configuration", "warning", "DAYUAN_STROE is no setting") in [check[:3] for check in checks()]


def test_the_report_says_all_and_its_verdict() -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    fine, faulty = Check("disk", "ok", "free"), Check("store", "fault", "away", "start it")
    assert report(iter([fine]), console)
    assert not report(iter([fine, faulty]), console)
    assert "✗ store" in console.export_text()


def test_the_command_fails_with_a_fault() -> None:
    environment = os.environ | {"DAYUAN_STORE": "mysql://x"}
    command = [sys.executable, "-m", "dayuan", "doctor"]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert ended.returncode == 1, ended.stderr
    assert "→ start it, or correct DAYUAN_STORE" in ended.stdout
    assert ended.stderr == ""


def test_a_roster_that_calls_no_channel_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was renamed in the settings alone would hear of nothing."""
    monkeypatch.setenv("DAYUAN_ALARMS__CHANNELS", '[{"name": "duty", "url": "json://127.0.0.1:9/hook"}]')
    (tmp_path / "var").mkdir()
    registry = Registry(Settings.load().registry_url)
    upgrade(registry)
    with registry.writing() as session:
        session.add(Site(id="demo", title_zh="院", title_en="Demo", timezone="Asia/Shanghai"))
        session.flush()
        for channel in ("duty", "chief"):
            session.add(Duty(site="demo", tier=1, channel=channel, days="1111111", start=0, end=0))
    registry.close()
    told = [check for check in checks() if check.subject == "alarms"]
    assert [check.state for check in told] == ["ok", "warning"]
    assert "demo calls 'chief'" in told[1].finding
