"""A real HTTP server that answers a gate as a test wants: right, late, wrong, or not at all."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from tests.servers import free_port


@dataclass
class PlatformApi:
    """What it answers, and what it was asked; `delay` in seconds, `body` sent as it is."""

    port: int = field(default_factory=free_port)
    status: int = 200
    body: bytes = b'{"granted": true, "reason": "ok", "valid_for": 5}'
    delay: float = 0.0
    permits: bytes = b'{"permits": []}'
    version: str = '"1"'
    asked: list[dict[str, Any]] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def app(self) -> FastAPI:
        """The two paths a gate uses."""
        app = FastAPI()

        @app.post("/api/v1/sites/demo/gates/north/decisions")
        async def decide(request: Request) -> Response:
            self.asked.append({"token": request.headers["authorization"], "body": json.loads(await request.body())})
            await asyncio.sleep(self.delay)
            return Response(self.body, self.status, media_type="application/json")

        @app.get("/api/v1/sites/demo/permits")
        async def permits(request: Request) -> Response:
            same = request.headers.get("if-none-match") == self.version
            self.fetched.append(304 if same else self.status)
            if same:
                return Response(status_code=304)
            return Response(self.permits, self.status, {"ETag": self.version}, "application/json")

        return app

    @contextmanager
    def up(self) -> Iterator["PlatformApi"]:
        """Serving for the length of the block."""
        config = uvicorn.Config(self.app(), port=self.port, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join(60)
