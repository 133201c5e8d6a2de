"""The broker as a child of ours: it comes back, it ends with us, and it says what is wrong."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dayuan.broker import Broker, find_mosquitto
from schema.errors import Stop
from tests import broker as trial
from tests.servers import free_port

pytestmark = pytest.mark.broker


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(port: int, *, open_: bool) -> None:
    deadline = time.monotonic() + 60
    while accepts(port) is not open_:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def port(broker: trial.Broker) -> int:
    """A free port, on a machine that has a mosquitto."""
    assert broker.process.poll() is None
    return free_port()


def test_a_dead_broker_is_started_again(tmp_path: Path, port: int) -> None:
    restarts: list[int] = []
    with Broker(tmp_path, port, on_restart=lambda: restarts.append(1)) as broker:
        assert accepts(port)
        assert broker._process is not None
        os.kill(broker._process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not restarts:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert accepts(port)
    assert not accepts(port)


def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path, port: int) -> None:
    code = (
        "import pathlib, time; from dayuan.broker import Broker\n"
        f"with Broker(pathlib.Path({str(tmp_path)!r}), {port}): time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2]) as parent:
        wait_for(port, open_=True)
        parent.kill()
        parent.wait()
        wait_for(port, open_=False)


def test_a_port_that_is_taken_is_named(tmp_path: Path, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(Stop, match=f"port {port} of 127.0.0.1 is taken"), Broker(tmp_path, port):
            pass


def test_a_damaged_disk_is_set_aside(tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mosquitto.db").write_bytes(b"this is no database")
    with Broker(tmp_path, port):
        assert accepts(port)
    assert (tmp_path / "mosquitto.db.damaged").read_bytes() == b"this is no database"
    assert "damaged" in caplog.text


def test_a_program_that_does_not_start_is_named(tmp_path: Path, port: int) -> None:
    with pytest.raises(Stop, match="mosquitto did not start"), Broker(tmp_path, port, program=Path("/bin/false")):
        pass


def test_without_mosquitto_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYUAN_MOSQUITTO", str(tmp_path / "none"))
    assert find_mosquitto() is None
    with pytest.raises(Stop, match="apt-get install mosquitto"), Broker(tmp_path):
        pass


def test_an_unpacked_copy_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAYUAN_MOSQUITTO", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    copy = tmp_path / ".tools/usr/sbin/mosquitto"
    copy.parent.mkdir(parents=True)
    copy.touch(mode=0o755)
    assert find_mosquitto(tmp_path) in {copy, Path("/usr/sbin/mosquitto")}
