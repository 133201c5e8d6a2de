"""Real servers for the tests: each on free ports of 127.0.0.1, with all its files in a folder of the test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from dayuan.child import bound


class Server(NamedTuple):
    """A running server: its HTTP port, and its process for the tests that kill it."""

    port: int
    process: subprocess.Popen[bytes]


def free_port() -> int:
    """A free port of 127.0.0.1; no other process of tests is given it, even while its server is down."""
    for port in islice(_ports(), 255):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    pytest.fail("none of our ports is free")


@cache
def _ports() -> Iterator[int]:
    # A block is ours while its first port is bound; clients are given theirs from 32768 on.
    for first in range(16384, 32768, 256):
        with socket.socket() as guard, suppress(OSError):
            guard.bind(("127.0.0.1", first))
            guard.detach()
            return cycle(range(first + 1, first + 256))
    pytest.fail("every port of 127.0.0.1 from 16384 to 32767 is taken")


def program(name: str, package: str) -> str:
    """The path of an installed program; without it the test is skipped, or fails under DAYUAN_REQUIRE_SERVERS=1."""
    path = shutil.which(name)
    if path is None:
        line = f"{name} is not installed: apt-get install {package}"
        if os.environ.get("DAYUAN_REQUIRE_SERVERS") == "1":
            pytest.fail(line)
        pytest.skip(line)
    return path


def answers(address: str) -> bool:
    """Whether an HTTP address answers without an error."""
    with suppress(httpx.TransportError):
        return httpx.get(address, timeout=1).status_code < 400
    return False


@contextmanager
def running(command: Sequence[str], folder: Path, ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """A child, waited for until it is ready, that ends with the block or with us; what it says is a log in `folder`."""
    log = folder / f"{Path(command[0]).name}.log"
    bounded = bound(shutil.which(command[0]) or command[0], *command[1:])
    with log.open("ab") as output, subprocess.Popen(bounded, stdout=output, stderr=output) as process:
        try:
            deadline = time.monotonic() + 60
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def influxdb(folder: Path, port: int = 0, *, auth: bool = False) -> Iterator[Server]:
    """A real InfluxDB 1.x over the data in `folder`; on the same `port` again when a test restarts it."""
    command = program("influxd", "influxdb")
    port = port or free_port()
    config = folder / "influxdb.conf"
    config.write_text(f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = {str(auth).lower()}
  log-enabled = false
""")
    with running(
        [command, "run", "-config", str(config)], folder, lambda: answers(f"http://127.0.0.1:{port}/ping")
    ) as process:
        yield Server(port, process)


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[Server]:
    """A real VictoriaMetrics, for its `/api/v2/write`."""
    port = free_port()
    command = [program("victoria-metrics", "victoria-metrics"), f"-httpListenAddr=127.0.0.1:{port}"]
    command += [f"-storageDataPath={folder}/data", "-retentionPeriod=100y", "-memory.allowedBytes=64MB"]
    with running(command, folder, lambda: answers(f"http://127.0.0.1:{port}/health")) as process:
        yield Server(port, process)
