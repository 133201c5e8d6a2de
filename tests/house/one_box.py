"""`dayuan run` as a person starts it, on ports of its own, with a webhook receiver to tell alarms to."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx

from dayuan.child import bound
from tests.servers import free_port

T = TypeVar("T")
PASSWORD = "a calm compound 2026"


class Hook(ThreadingHTTPServer):
    """A webhook receiver that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class OneBox:
    """A running `dayuan run`; `start` again after `stop` finds its data."""

    def __init__(self, folder: Path, hook: Hook, *, simulation: bool) -> None:
        self.folder = folder
        self.port = free_port()
        self.broker = free_port()
        self.environment = os.environ | {
            "DAYUAN_DATA": str(folder / "var"),
            "DAYUAN_WEB__PORT": str(self.port),
            "DAYUAN_BROKER__PORT": str(self.broker),
            "DAYUAN_SIMULATION__ENABLED": str(simulation).lower(),
            "DAYUAN_SIMULATION__INTERVAL": "1",
            "DAYUAN_ALARMS__CHANNELS": json.dumps([f"json://127.0.0.1:{hook.server_port}/hook"]),
            "COLUMNS": "200",
        }
        self.registry = f"sqlite:///{folder / 'var' / 'registry.db'}"
        self.store = f"duckdb:///{folder / 'var' / 'readings.duckdb'}"
        self.address = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.address, timeout=30)
        self._process: subprocess.Popen[bytes] | None = None
        self._commands: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start it, and return when its pages answer."""
        with (self.folder / "run.log").open("ab") as output:
            self._process = subprocess.Popen(
                bound(sys.executable, "-m", "dayuan", "run"), env=self.environment, stdout=output, stderr=output
            )
        self.wait(self._answers)

    def stop(self) -> None:
        """Ctrl-C, and return when it has ended, by itself and well."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(60) == 0, self.said()
        self._process = None

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def said(self) -> str:
        """What it printed."""
        return (self.folder / "run.log").read_text(errors="replace")

    def sign_in(self) -> None:
        """As the administrator, with the one-time password that was printed, and a new one chosen."""
        [once] = re.findall(r"admin / ([a-z0-9-]+)", self.said())
        self._post("/api/v1/auth/sign-in", name="admin", password=once)
        self._post("/api/v1/auth/password", old=once, new=PASSWORD)

    def command(self, *words: str) -> subprocess.Popen[str]:
        """Run a command beside it."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            bound(sys.executable, "-m", "dayuan", *words),
            env=self.environment,
            text=True,
            stdout=pipe,
            stderr=subprocess.STDOUT,
        )
        self._commands.append(process)
        return process

    def get(self, path: str) -> Any:
        """A JSON answer of the API."""
        answer = self.client.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, seen: Callable[[], T], patience: float = 90) -> T:
        """The first true answer of `seen`; fails with what was printed when none comes in time."""
        deadline = time.monotonic() + patience
        while True:
            answer = seen()
            if answer:
                return answer
            assert time.monotonic() < deadline, f"{answer!r}\n{self.said()}"
            time.sleep(0.1)

    def _post(self, path: str, **body: str) -> None:
        answer = self.client.post(path, json=body, headers={"Origin": self.address})
        assert answer.is_success, answer.text

    def _answers(self) -> bool:
        try:
            return self.client.get("/healthz").is_success
        except httpx.TransportError:
            return False


@contextmanager
def one_box(folder: Path, *, simulation: bool) -> Iterator[tuple[OneBox, Hook]]:
    """A platform that has not been started, and the receiver its alarms go to."""
    hook = Hook()
    box = OneBox(folder, hook, simulation=simulation)
    try:
        yield box, hook
    finally:
        box.kill()
        for command in box._commands:
            with command:
                command.kill()
        box.client.close()
        hook.shutdown()
        hook.server_close()
