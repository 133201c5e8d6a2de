"""The platform of the chaos run: every part a process of its own, every way between them a wire that can fail."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from dayuan.bench import influxd
from dayuan.bench.chaos.load import Load
from dayuan.bench.chaos.network import FAULTS, Network
from dayuan.bench.influxd import free_port
from dayuan.broker import end, find_mosquitto, launch
from dayuan.child import bound
from schema.errors import Stop

COMPONENTS = ("edge", "broker", "ingest", "store", "network")
_WIPED = 0.25
"""Share of the broker's deaths that take its disk along."""


class House:
    """A broker, an InfluxDB, `ingest` ingest processes, analytics, and an agent for each load, in a folder."""

    def __init__(
        self, folder: Path, network: Network, ingest: int, mosquitto: Path | None, dice: random.Random
    ) -> None:
        program = mosquitto or find_mosquitto(folder)
        if program is None:
            raise Stop("no mosquitto here: apt-get install mosquitto, or name one with --mosquitto")
        self.mosquitto = program
        self.folder = folder
        self.wiped_brokers = 0
        self._network = network
        self._dice = dice
        self._broker_port, self._store_port = free_port(), free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._loads: dict[str, Load] = {}
        self._parts = {f"ingest-{at}": f"{at}/{ingest}" for at in range(1, ingest + 1)}
        self.store = f"influxdb://127.0.0.1:{self._store_port}/dayuan"
        self.registry = f"sqlite:///{folder / 'registry.db'}"
        self._environment = {name: told for name, told in os.environ.items() if not name.startswith("DAYUAN_")} | {
            "DAYUAN_DATA": str(folder),
            "DAYUAN_BROKER__URL": f"mqtt://127.0.0.1:{network.wire('ingest-broker', self._broker_port)}",
            "DAYUAN_STORE": f"influxdb://127.0.0.1:{network.wire('ingest-store', self._store_port)}/dayuan",
            "DAYUAN_REGISTRY": self.registry,
            "COLUMNS": "200",
        }
        self.broker = f"mqtt://127.0.0.1:{network.wire('edge-broker', self._broker_port)}"

    def __enter__(self) -> Self:
        try:
            self._broker()
            self._store()
            for name in (*self._parts, "analytics"):
                self._service(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            end(process)

    def add(self, load: Load) -> None:
        """Start the agent of a load."""
        self._loads[load.name] = load
        Path(load.folder).mkdir()
        self._agent(load.name)

    def hit(self, component: str) -> Callable[[], None]:
        """Kill a component, or let the network fail; what brings it back."""
        if component == "network":
            return self._fail()
        if component == "edge":
            return self._kill(self._agent, *self._loads)
        if component == "ingest":
            return self._kill(self._service, *self._parts)
        if component == "store":
            return self._kill(lambda _: self._store(), "store")
        if component == "analytics":
            return self._kill(self._service, "analytics")
        back = self._kill(lambda _: self._broker(), "broker")
        if self._dice.random() < _WIPED:
            self.wiped_brokers += 1
            (self.folder / "broker" / "mosquitto.db").unlink(missing_ok=True)
        return back

    def replace_disk(self, name: str, number: int) -> None:
        """Kill an agent and give it an empty disk; the old one is kept as `outbox-NUMBER.db`."""
        back = self._kill(self._agent, name)
        for old in Path(self._loads[name].folder).glob("outbox.db*"):
            old.rename(old.with_name(old.name.replace("outbox", f"outbox-{number}")))
        back()

    def finished(self, patience: float) -> bool:
        """Ask the agents to record no more; whether all that they recorded is acknowledged in time."""
        for load in self._loads.values():
            load.file("finish").touch()
        deadline = time.monotonic() + patience
        agents = [self._processes.pop(name) for name in self._loads]
        try:
            for agent in agents:
                agent.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            for agent in agents:
                end(agent)
            return False
        return not any(agent.returncode for agent in agents)

    def stop(self) -> None:
        """End the services in good order."""
        for name in (*self._parts, "analytics"):
            self._processes[name].send_signal(signal.SIGINT)
        for name in (*self._parts, "analytics"):
            end(self._processes.pop(name))

    def _fail(self) -> Callable[[], None]:
        """Every wire, or one, in one way, or each in its own."""
        names = list(self._network.wires)
        chosen = names if self._dice.random() < 0.4 else [self._dice.choice(names)]
        for name in chosen:
            self._network.suffer(name, self._dice.choice(FAULTS))

        def back() -> None:
            for name in chosen:
                self._network.suffer(name, None)

        return back

    def _kill(self, start: Callable[[str], None], *names: str) -> Callable[[], None]:
        for name in names:
            self._processes[name].kill()
        for name in names:
            self._processes[name].wait()

        def back() -> None:
            for name in names:
                start(name)

        return back

    def _broker(self) -> None:
        self._processes["broker"] = launch(self.mosquitto, self.folder / "broker", self._broker_port)

    def _store(self) -> None:
        self._processes["store"] = influxd.launch(self.folder / "influx", self._store_port)

    def _service(self, name: str) -> None:
        kind = name.partition("-")[0]
        more = {"DAYUAN_INGEST__PART": self._parts[name]} if kind == "ingest" else {}
        self._start(name, self._environment | more, "dayuan", kind)

    def _agent(self, name: str) -> None:
        told = msgspec.json.encode(self._loads[name]).decode()
        self._start(name, self._environment, "dayuan.bench.chaos.load", told)

    def _start(self, name: str, environment: dict[str, str], *words: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as output:
            self._processes[name] = subprocess.Popen(  # noqa: S603 - our own commands
                bound(sys.executable, "-m", *words),
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for us, who end them.
                process_group=0,
            )
