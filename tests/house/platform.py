"""The platform as its users run it: every service a process of its own, on a real Mosquitto and a real InfluxDB."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from dayuan.child import bound
from store.registry.base import Registry
from store.registry.worklist import Unsettled
from tests.broker import Broker, mosquitto
from tests.servers import free_port, influxdb


class Platform:
    """Settings in the environment, services by name; what a service prints goes to a file named after it."""

    def __init__(self, folder: Path, broker: Broker, store: str) -> None:
        self.folder = folder
        self.broker = broker
        self.store = store
        self.registry = f"sqlite:///{folder / 'registry.db'}"
        self.port = free_port()
        self.environment = os.environ | {
            "DAYUAN_DATA": str(folder),
            "DAYUAN_BROKER__URL": broker.url,
            "DAYUAN_STORE": store,
            "DAYUAN_REGISTRY": self.registry,
            "DAYUAN_WEB__PORT": str(self.port),
            "COLUMNS": "200",
        }
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        self._running: list[subprocess.Popen[Any]] = []

    def start(self, service: str) -> None:
        """Start a service."""
        with (self.folder / f"{service}.log").open("ab") as output:
            self._services[service] = subprocess.Popen(
                bound(*self._command(service)), env=self.environment, stdout=output, stderr=output
            )
        self._running.append(self._services[service])

    def listening(self, patience: float = 60) -> None:
        """Return when ingest has subscribed: what is sent before is sent again, but only after a while."""
        deadline = time.monotonic() + patience
        while "listens" not in self.said("ingest"):
            assert time.monotonic() < deadline, self.said("ingest")
            time.sleep(0.05)

    def kill(self, service: str) -> None:
        """SIGKILL."""
        self._services[service].kill()
        self._services.pop(service).wait()

    def stop(self) -> None:
        """Ctrl-C to all, and an end in good time."""
        for process in self._services.values():
            process.send_signal(signal.SIGINT)
        for service, process in self._services.items():
            assert process.wait(60) == 0, f"{service}:\n{self.said(service)}"

    def said(self, service: str) -> str:
        """What a service printed."""
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def command(self, *words: str) -> subprocess.Popen[str]:
        """Run a command beside the services."""
        process = subprocess.Popen(
            bound(*self._command(*words)),
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._running.append(process)
        return process

    def settled(self) -> None:
        """Return when analytics has worked in all there is."""
        settled(self.registry)

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "dayuan", *words]


@contextmanager
def platform(folder: Path) -> Iterator[Platform]:
    """A platform on real servers, nothing started yet."""
    for name in ("broker", "influx", "data"):
        (folder / name).mkdir()
    with mosquitto(folder / "broker") as broker, influxdb(folder / "influx") as server:
        house = Platform(folder / "data", broker, f"influxdb://127.0.0.1:{server.port}/dayuan")
        try:
            yield house
        finally:
            for process in house._running:
                with process:
                    process.kill()


def settled(url: str, patience: float = 90) -> None:
    """Return when nothing is left on the worklist of a registry."""
    registry = Registry(url)
    deadline = time.monotonic() + patience
    try:
        while True:
            with registry.reading() as session:
                left = session.scalar(select(func.count()).select_from(Unsettled)) or 0
            if not left:
                return
            assert time.monotonic() < deadline, f"{left} series are not worked in"
            time.sleep(0.1)
    finally:
        registry.close()
