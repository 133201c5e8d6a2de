"""An edge agent at work: Modbus meters through its drivers, its outbox and a broker to acknowledgements end to end.

Meters, agent and broker are processes of their own; this one is the platform, as far as an agent can tell.
"""

import asyncio
import math
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from bus import messages, senml
from bus.client import Client, Link
from bus.topics import Topic, parse, subscription
from dayuan.bench.influxd import free_port
from dayuan.broker import end, find_mosquitto, launch
from dayuan.child import bound
from schema.errors import Stop
from schema.instant import SECOND, now
from schema.spans import minus, union
from schema.stream import Acknowledged, Position

_ORG, _SITE, _AGENT = "dayuan", "bench", "edge-bench"
_UNITS = 50
_START = 60.0


def run(meters: int, interval: float, seconds: float, folder: Path, console: Console) -> dict[str, Any]:
    """Slots missed of those due, and what the agent took: CPU as a share of one core, memory in MB."""
    program = find_mosquitto(folder)
    if program is None:
        raise Stop("no mosquitto here: apt-get install mosquitto")
    port, gateways = free_port(), [free_port() for _ in range(math.ceil(meters / _UNITS))]
    config = folder / "agent.toml"
    config.write_text(_configuration(meters, interval, port, gateways))
    broker = launch(program, folder / "broker", port)
    peers = _started(folder, "dayuan.bench.edge_meters", str(min(meters, _UNITS)), *map(str, gateways))
    agent = _started(folder, "dayuan", "edge", "--config", str(config))
    try:
        platform = _Platform(port)
        found = asyncio.run(platform.measure(agent.pid, meters, interval, seconds, console))
        if agent.poll() is not None:
            raise Stop(f"the agent ended: {(folder / 'dayuan.log').read_text(errors='replace')[-500:]}")
    finally:
        for process in (agent, peers, broker):
            end(process)
    wheels = sorted(_wheels("dayuan"))
    size = sum(file.size or 0 for wheel in wheels for file in distribution(wheel).files or [])
    told = {"meters": meters, "interval": interval, "seconds": seconds} | found
    return told | {"wheels": wheels, "wheels_mb": round(size / 1e6, 1)}


def summary(result: dict[str, Any]) -> str:
    """A result for people."""
    return """\
{meters} meters every {interval:g} s for {seconds:g} s: {slots:,} slots, {missed} missed
CPU {cpu_percent} % of one core, memory {rss_mb} MB (most {peak_rss_mb} MB), outbox {outbox_kb} KB
{packages} packages beside ours, {wheels_mb} MB: {wheels}""".format(**result, packages=len(result["wheels"]))


class _Platform:
    """Takes every reading and acknowledges it end to end."""

    def __init__(self, port: int) -> None:
        self._link = Link(url=f"mqtt://127.0.0.1:{port}", client_id="platform")
        self._slots: dict[str, set[int]] = defaultdict(set)
        self._have: dict[tuple[str, str], list[tuple[int, int]]] = {}

    async def measure(self, pid: int, meters: int, interval: float, seconds: float, console: Console) -> dict[str, Any]:
        async with Client(self._link) as client, asyncio.TaskGroup() as group:
            await client.subscribe([subscription(_ORG, channel) for channel in ("readings", "state", "events")])
            serving = group.create_task(self._serve(client))
            deadline = time.monotonic() + _START
            while len(self._slots) < meters:
                if time.monotonic() > deadline:
                    raise Stop(f"only {len(self._slots)} of {meters} meters were read within {_START:g} s")
                await asyncio.sleep(0.1)
            step = round(interval * SECOND)
            first = (now() // step + 1) * step
            count = round(seconds * SECOND) // step
            spent, began = _cpu(pid), time.monotonic()
            with Progress(console=console) as bar:
                task = bar.add_task("reading", total=count)
                while now() < first + count * step + min(step, SECOND):
                    await asyncio.sleep(0.2)
                    bar.update(task, completed=min(count, max(0, (now() - first) // step)))
            used = (_cpu(pid) - spent) / (time.monotonic() - began)
            serving.cancel()
        due = {first + number * step for number in range(count)}
        missed = sum(len(due - times) for times in self._slots.values())
        memory = _memory(pid)
        return {
            "slots": meters * count,
            "missed": missed,
            "cpu_percent": round(100 * used, 1),
            "rss_mb": memory["VmRSS"],
            "peak_rss_mb": memory["VmHWM"],
            "outbox_kb": sum(each.stat().st_size for each in _cwd(pid).glob("outbox.db*")) // 1024,
        }

    async def _serve(self, client: Client) -> None:
        while True:
            inbox = await client.receive(1000)
            told: set[tuple[str, str]] = set()
            for path, payload in zip(inbox.topics, inbox.payloads, strict=True):
                topic = parse(path)
                position = self._take(topic, payload)
                if position is not None:
                    stream = (position.agent, position.epoch)
                    span = (position.seq, position.seq)
                    self._have[stream] = union([*self._have.get(stream, [(0, 0)]), (0, position.floor - 1), span])
                    told.add(stream)
            client.acknowledge(inbox)
            for agent, epoch in told:
                ack = Topic(_ORG, _SITE, "agents", "agent", agent, "ack").path()
                await client.publish(ack, messages.encode_ack(self._answer(agent, epoch)), qos=0, retain=True)

    def _take(self, topic: Topic, payload: bytes) -> Position | None:
        if topic.channel != "readings":
            decode = messages.decode_state if topic.channel == "state" else messages.decode_events
            return decode(payload).position
        pack = senml.decode(payload, topic.site, topic.device, now())
        if topic.kind == "electricity_meter":
            self._slots[topic.device] |= {
                at for at, point in zip(pack.times, pack.points, strict=True) if point == "energy"
            }
        return pack.position

    def _answer(self, agent: str, epoch: str) -> Acknowledged:
        have = self._have[agent, epoch]
        missing = minus([(0, have[-1][1])], have)
        return Acknowledged(epoch, have[0][1], tuple(missing), have[-1][1] if missing else 0)


def _configuration(meters: int, interval: float, broker: int, gateways: list[int]) -> str:
    parts = [f'id = "{_AGENT}"\nsite = "{_SITE}"\nbroker = "mqtt://127.0.0.1:{broker}"\noutbox = "outbox.db"\n']
    parts += [
        f'[[devices]]\nid = "m-{at:03}"\nkind = "electricity_meter"\nbuilding = "b-{at // _UNITS}"\n'
        f'title = ["电表{at}", "Meter {at}"]\ninterval = {interval}\n[devices.modbus]\n'
        f'url = "modbus+tcp://127.0.0.1:{gateways[at // _UNITS]}"\nunit = {at % _UNITS + 1}\n'
        for at in range(meters)
    ]
    return "".join(parts)


def _started(folder: Path, module: str, *words: str) -> subprocess.Popen[bytes]:
    environment = {name: told for name, told in os.environ.items() if not name.startswith("DAYUAN_")}
    with (folder / f"{module}.log").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own commands
            bound(sys.executable, "-m", module, *words),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> dict[str, float]:
    """The memory lines of a process, MB."""
    told = Path(f"/proc/{pid}/status").read_text()
    return {name: round(int(kb) / 1024, 1) for name, kb in re.findall(r"(Vm\w+):\s+(\d+) kB", told)}


def _cwd(pid: int) -> Path:
    return Path(f"/proc/{pid}/cwd").resolve()


def _wheels(name: str) -> set[str]:
    """The packages that an edge box needs beside ours: what they require, without extras."""
    found: set[str] = set()
    for line in distribution(name).requires or []:
        wanted = re.split(r"[ ;<>=!~\[(]", line, maxsplit=1)[0].lower()
        with suppress(PackageNotFoundError):
            if ";" not in line and wanted not in found:
                distribution(wanted)
                found |= {wanted} | _wheels(wanted)
    return found
