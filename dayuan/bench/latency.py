"""How long it takes from a reading that is published to its alarm on a page of a running `dayuan run`."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bus import senml, topics
from bus.client import Client, Link
from bus.messages import Birth, encode_state
from schema.errors import RetryLater
from schema.instant import MINUTE, now
from schema.reading import Reading
from schema.stream import Position
from schema.text import Text

ORG, SITE, BUILDING, KIND = "dayuan", "bench", "b1", "cold_chain"
PATIENCE = 60.0
PASSWORD = "a bench that measures"  # noqa: S105 - of a platform that lives for a minute
HISTORY = 45


async def run(alarms: int) -> dict[str, Any]:
    """Milliseconds (p50, p99) until the live stream that pages listen to tells of each alarm."""
    with tempfile.TemporaryDirectory(prefix="dayuan-bench-") as folder:
        web, broker = _free_port(), _free_port()
        environment = os.environ | {
            "DAYUAN_DATA": f"{folder}/var",
            "DAYUAN_WEB__PORT": str(web),
            "DAYUAN_BROKER__PORT": str(broker),
            "DAYUAN_BROKER__URL": "",
            "DAYUAN_ORG": ORG,
            "DAYUAN_SIMULATION__ENABLED": "false",
            "COLUMNS": "200",
        }
        log = Path(folder, "run.log")
        process = _started(log, environment)
        try:
            return await _measured(f"http://127.0.0.1:{web}", f"mqtt://127.0.0.1:{broker}", log, alarms)
        finally:
            process.terminate()
            process.wait()


def _started(log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        command = [sys.executable, "-m", "dayuan", "run"]
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603


def _text(log: Path) -> str:
    return log.read_text(errors="replace")


async def _measured(web: str, broker: str, log: Path, alarms: int) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=web, timeout=PATIENCE, headers={"Origin": web}) as http:
        await _until_up(http)
        [once] = re.findall(r"admin / ([a-z0-9-]+)", _text(log))
        for path, body in (
            ("sign-in", {"name": "admin", "password": once}),
            ("password", {"old": once, "new": PASSWORD}),
        ):
            answer = await http.post(f"/api/v1/auth/{path}", json=body)
            answer.raise_for_status()
        async with Client(Link(url=broker, client_id="bench", clean_start=True)) as bus:
            names = [f"c{number}" for number in range(alarms)]
            published: dict[str, float] = {}
            seen: dict[str, float] = {}
            await _announce(bus, names)
            await asyncio.sleep(3)
            listener = asyncio.create_task(_listen(http, seen))
            for name in names:
                await asyncio.sleep(0.3)
                published[name] = time.monotonic()
                await _publish(bus, name, (now(), 14.0))
            deadline = time.monotonic() + PATIENCE
            while len(seen) < alarms and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            listener.cancel()
    spent = [1000 * (seen[name] - published[name]) for name in names if name in seen]
    if not spent:
        raise RetryLater("no alarm came", 60)
    return {
        "alarms": alarms,
        "seen": len(spent),
        "publish_to_page_p50_ms": round(float(np.quantile(spent, 0.5)), 1),
        "publish_to_page_p99_ms": round(float(np.quantile(spent, 0.99)), 1),
    }


async def _announce(bus: Client, names: list[str]) -> None:
    """Births, and a cabinet's history: well for long, and warm for so long that one more reading is an alarm."""
    start = now() - HISTORY * MINUTE
    for name in names:
        birth = Birth(title=Text(name, name), interval=60.0)
        topic = topics.Topic(ORG, SITE, BUILDING, KIND, name, "state")
        await bus.publish(topic.path(), encode_state(birth), retain=True)
    await asyncio.sleep(2)
    for name in names:
        well = [(start + minute * MINUTE, 4.0) for minute in range(10)]
        await _publish(bus, name, *well, (start + 10 * MINUTE, 14.0))


async def _publish(bus: Client, name: str, *readings: tuple[int, float]) -> None:
    pack = [Reading(name, "temperature", at, value, "Cel") for at, value in readings]
    topic = topics.Topic(ORG, SITE, BUILDING, KIND, name, "readings")
    position: Position | None = None
    await bus.publish(topic.path(), senml.encode(SITE, pack, position))


async def _listen(http: httpx.AsyncClient, seen: dict[str, float]) -> None:
    """Note when the stream tells of each device's first alarm."""
    async with http.stream("GET", "/api/v1/live", timeout=None) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:") and '"alarm"' in line:
                notice = json.loads(line[5:])
                if notice.get("kind") == "alarm":
                    seen.setdefault(notice["device"], time.monotonic())


async def _until_up(http: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if (await http.get("/healthz")).is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise RetryLater("`dayuan run` did not come up", 60)
        await asyncio.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
