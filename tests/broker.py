"""A real Mosquitto on a free port of 127.0.0.1, with the configuration we ship, for tests to kill and start again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dayuan.broker import end, find_mosquitto, launch
from tests.servers import free_port


class Broker:
    """A running mosquitto and its files."""

    def __init__(self, program: Path, directory: Path, port: int) -> None:
        self._program = program
        self.directory = directory
        self.port = port
        self.url = f"mqtt://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] = launch(program, directory, port)

    def kill(self) -> None:
        """SIGKILL: what it has not saved is lost."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """SIGTERM: it saves and ends."""
        end(self.process)

    def restart(self, *, wipe: bool = False) -> None:
        """Start it again on the same port (ending it first, where it runs); `wipe` loses its disk."""
        if self.process.poll() is None:
            self.terminate()
        if wipe:
            (self.directory / "mosquitto.db").unlink(missing_ok=True)
        self.process = launch(self._program, self.directory, self.port)


@contextmanager
def mosquitto(directory: Path, port: int | None = None) -> Iterator[Broker]:
    """A broker for the block; without mosquitto the test is skipped, or fails under DAYUAN_REQUIRE_SERVERS=1."""
    program = find_mosquitto()
    if program is None:
        line = "mosquitto is not installed: apt-get install mosquitto"
        if os.environ.get("DAYUAN_REQUIRE_SERVERS") == "1":
            pytest.fail(line)
        pytest.skip(line)
    broker = Broker(program, directory, free_port() if port is None else port)
    try:
        yield broker
    finally:
        broker.terminate()
