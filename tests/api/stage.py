"""A compound for the API's tests: real stores with a little in them, a clock to turn, and clients for every role."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI

from api.auth import digest
from api.context import Context
from api.live import Hub
from schema.batch import Batch
from schema.instant import DAY, HOUR, MINUTE, SECOND
from schema.series import Quality, SeriesKey
from store.registry.base import Registry
from store.registry.deadletters import Parked, park
from store.registry.migrate import tables
from store.registry.people import ApiToken
from store.registry.places import Device, Site
from store.series.duckdb import DuckStore

NOW = 20_577 * DAY + 4 * HOUR
"""2026-05-04 12:00 in Shanghai."""
MIDNIGHT = NOW - 12 * HOUR
MAIN = SeriesKey("demo", "b1", "electricity_meter", "main-1", "energy")
SECOND_MAIN = MAIN._replace(device="main-2")
POWER = MAIN._replace(point="power")
PEPPER = b"a pepper for the tests only"
TOKENS = {role: f"dayuan_token_of_{role}" for role in ("viewer", "operator", "admin", "gate")}


@dataclass
class Stage:
    """The application over its context, where a real server serves it, and the instant its clock shows."""

    context: Context
    app: FastAPI
    base: str
    clock: list[int] = field(default_factory=lambda: [NOW])
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, role: str | None = None) -> httpx.Client:
        """A client with the token of a role, or an anonymous one."""
        headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role else {}
        # Loading the certificates nobody needs here would take longer than most tests.
        client = httpx.Client(base_url=self.base, headers=headers, timeout=60, verify=False, trust_env=False)
        self.clients.append(client)
        return client


def readings(key: SeriesKey, start: int, every: int, values: list[float], quality: int = 0) -> Batch:
    """Evenly spaced readings of one series."""
    count = len(values)
    times = start + every * np.arange(count, dtype=np.int64)
    return Batch.of([key], np.zeros(count, np.int32), times, values, np.full(count, quality, np.uint8))


def fill(context: Context) -> None:
    """Two sites; at `demo` two main meters, a sub-meter, a replayed one, and a device of a kind nobody declared."""
    with context.registry.writing() as session:
        session.add(
            Site(id="demo", title_zh="示范大院", title_en="Demo", timezone="Asia/Shanghai", area_m2=8000.0, people=300)
        )
        session.add(
            Site(id="other", title_zh="别处", title_en="Other", timezone="Europe/London", area_m2=None, people=None)
        )
        session.flush()
        rows = [
            ("demo", "main-1", "electricity_meter", None, False, "online"),
            ("demo", "main-2", "electricity_meter", None, False, "online"),
            ("demo", "floor-1", "electricity_meter", "main-1", False, "online"),
            ("demo", "old-1", "electricity_meter", "main-1", True, "online"),
            ("demo", "water-1", "water_meter", None, False, "offline"),
            ("demo", "strange", "perpetuum_mobile", None, False, "online"),
            ("demo", "gate-1", "gate", None, False, "online"),
            ("other", "main-9", "electricity_meter", None, False, "online"),
        ]
        for site, name, kind, parent, replay, state in rows:
            session.add(
                Device(
                    site=site,
                    id=name,
                    building="b1",
                    kind=kind,
                    title_zh=f"设备 {name}",
                    title_en=name,
                    parent=parent,
                    agent="edge-1",
                    interval=60.0,
                    replay=replay,
                    state=state,
                    state_since=MIDNIGHT,
                )
            )
        for role, token in TOKENS.items():
            site_scope = "demo" if role == "gate" else None
            session.add(
                ApiToken(name=role, digest=digest(token), role=role, site=site_scope, created=NOW, expires=None)
            )
        letters = [
            Parked(
                "dayuan/demo/b1/electricity_meter/main-1/readings",
                "demo",
                "main-1",
                "undecodable",
                "no JSON",
                b"\xff\x00",
            ),
            Parked(
                "dayuan/demo/b1/electricity_meter/new/readings", "demo", "new", "unknown_device", "new", b'[{"n":"x"}]'
            ),
        ]
        park(session, letters, NOW)
    for key, step in ((MAIN, 2.0), (SECOND_MAIN, 0.5)):
        context.store.write(readings(key.intervals(), MIDNIGHT, 15 * MINUTE, [step] * 48))
    context.store.write(readings(SECOND_MAIN.intervals(), MIDNIGHT - HOUR, 15 * MINUTE, [1.0] * 4, Quality.ESTIMATED))
    context.store.write(readings(POWER, NOW - 2 * HOUR, 10 * SECOND, [float(n) for n in range(720)]))
    context.store.write(readings(SECOND_MAIN._replace(point="power"), NOW - HOUR, MINUTE, [5.0] * 57))
    old = POWER._replace(device="old-1")
    context.store.write(readings(old, NOW - 900 * DAY, HOUR, [float(n % 24) for n in range(48)]))


@contextmanager
def stores(folder: Path, clock: list[int]) -> Iterator[Context]:
    """A context over empty stores in `folder`."""
    registry = Registry(f"sqlite:///{folder}/registry.db")
    tables().metadata.create_all(registry.engine)
    store = DuckStore(folder / "series.duckdb")
    hub = Hub(flush=0.05)
    try:
        yield Context(store, registry, hub, lambda: clock[0], "a secret for the tests only", PEPPER)
    finally:
        hub.close()
        store.close()
        registry.close()


@contextmanager
def opened(folder: Path, app: FastAPI, base: str) -> Iterator[Stage]:
    """A stage over stores in `folder`, shown by the application that is served at `base` while the block lasts."""
    clock = [NOW]
    before = app.state.context
    with stores(folder, clock) as context:
        fill(context)
        stage = Stage(context, app, base, clock)
        app.state.context = context
        try:
            yield stage
        finally:
            app.state.context = before
            for client in stage.clients:
                client.close()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of a real uvicorn, on a free port, that serves an application while the block lasts."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what another thread brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def problem(answer: httpx.Response, status: int) -> str:
    """The detail of a problem document, after checking that it is one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    return str(body["detail"])
