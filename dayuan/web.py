"""The web service: REST, live stream and pages on uvicorn."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from rich.console import Console

from api.app import create_app
from api.context import Context
from api.live import Hub
from dayuan.channels import channel_names
from dayuan.parts import Parts
from dayuan.settings import Web
from schema.errors import Stop
from schema.instant import now


async def serve(parts: Parts, hub: Hub) -> None:
    """REST, live stream and pages; a port that is taken ends with Stop."""
    settings = parts.settings.web
    context = Context(
        store=parts.store,
        registry=parts.registry,
        hub=hub,
        clock=now,
        secret=parts.secret,
        pepper=parts.pepper,
        secure_cookies=settings.https,
        channels=frozenset(channel_names(parts.settings)) or None,
    )
    config = uvicorn.Config(
        create_app(context),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = Server(config)
    check_port(settings.host, settings.port)
    serving = asyncio.create_task(server.serve(), name="uvicorn")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        # Live streams would keep the server waiting for as long as somebody looks.
        hub.close()
        server.should_exit = True
        await serving
        raise


class Server(uvicorn.Server):
    """A web server that leaves signals to the process it is a part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def check_port(host: str, port: int) -> None:
    """Stop when the port cannot be had: better now, in one line, than from the depths of the server."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Stop(f"port {port} of {host}: {error.strerror}; set DAYUAN_WEB__PORT to a free one") from error


def address(web: Web) -> str:
    """Where this machine reaches the web service."""
    host = "127.0.0.1" if web.host == "0.0.0.0" else web.host  # noqa: S104 - compared, not bound
    return f"http://{host}:{web.port}"


def greet(console: Console, parts: Parts, password: str | None, *, simulated: bool) -> None:
    """Say where to look and how to sign in."""
    where = address(parts.settings.web)
    console.rule("[bold]Dayuan 大院")
    console.print(f"  pages 页面      [bold]{where}[/bold]")
    console.print(f"  API            {where}/docs")
    if password is not None:
        console.print(
            f"  sign in 登录    [bold]admin[/bold] / [bold]{password}[/bold]   (once: you choose your own next)"
        )
    else:
        console.print("  sign in 登录    admin and your password; forgotten: dayuan password admin")
    if simulated:
        console.print("  a simulated compound is sending; its history fills in during the first minute")
        console.print("  模拟大院正在发送数据，历史数据将在一分钟内补齐")
    console.print("  Ctrl-C stops 停止")
    console.rule()
