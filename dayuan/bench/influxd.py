"""An InfluxDB 1.x of a benchmark's own, where `influxd` is installed."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from dayuan.broker import end
from dayuan.child import bound
from schema.errors import Stop

_START = 20.0
_CONFIGURATION = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
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
  log-enabled = false
"""


class Influxd(NamedTuple):
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]


def find_influxd() -> str | None:
    """The program, or None."""
    return shutil.which("influxd")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """A server on a port, answering, its files in `folder`; Stop where it is not installed or does not start."""
    program = find_influxd()
    if program is None:
        raise Stop("influxd is not installed: `scripts/setup influxdb`, or measure the embedded store alone")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "influxdb.conf"
    config.write_text(_CONFIGURATION.format(rpc=free_port(), port=port, folder=folder))
    with (folder / "influxd.log").open("wb") as output:
        process = subprocess.Popen(bound(program, "run", "-config", str(config)), stdout=output, stderr=output)  # noqa: S603
    deadline = time.monotonic() + _START
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            end(process)
            raise Stop(f"influxd did not start: see {folder / 'influxd.log'}")
        time.sleep(0.05)
    return process


@contextmanager
def influxd(folder: Path) -> Iterator[Influxd]:
    """A server for the block, its files in `folder`; Stop where it is not installed or does not start."""
    port = free_port()
    process = launch(folder, port)
    try:
        yield Influxd(f"influxdb://127.0.0.1:{port}/bench", process)
    finally:
        end(process)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping", timeout=1).is_success
    except httpx.TransportError:
        return False
