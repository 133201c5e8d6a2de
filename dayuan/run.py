"""`dayuan run`: the whole platform in one process, with a broker and a simulated compound as its children."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from rich.console import Console

from api.live import Hub
from api.passwords import ensure_admin
from dayuan import demo, services
from dayuan.broker import Broker
from dayuan.parts import Parts
from schema.errors import Stop
from schema.instant import now

log = logging.getLogger(__name__)


async def everything(parts: Parts, console: Console) -> None:
    """Serve until SIGINT or SIGTERM; children end before this returns."""
    settings = parts.settings
    services.check_port(settings.web.host, settings.web.port)
    hub = Hub()
    with contextlib.ExitStack() as stack:
        if not settings.broker.url:
            stack.enter_context(Broker(settings.data / "broker", settings.broker.port))
        if settings.simulation.enabled:
            await asyncio.to_thread(demo.furnish, parts)
        password = await asyncio.to_thread(ensure_admin, parts.registry, secrets.token_bytes, now())
        wake = services.Wake()

        async def announce(kind: str, body: dict[str, Any]) -> None:
            hub.announce(kind, body)

        line = services.pipeline(parts, hub.offer, wake)
        work = [
            services.ingest(parts, line),
            services.analytics(parts, wake, announce),
            services.notifications(parts),
            services.web(parts, hub),
        ]
        if settings.simulation.enabled:
            work.append(simulation(parts))
        greet(console, parts, password)
        await until_signal(*work)
        console.print("[dim]stopping, everything that was acknowledged is on disk[/dim]")


async def until_signal(*work: Coroutine[Any, Any, None]) -> None:
    """Run services until SIGINT or SIGTERM, or the first of them fails; the others are then cancelled."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(service, name=service.__qualname__) for service in work]
    waiting = asyncio.create_task(stop.wait(), name="signal")
    try:
        finished, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in finished - {waiting}:
            task.result()
            raise Stop(f"{task.get_name()} ended by itself")
    finally:
        for task in (waiting, *tasks):
            task.cancel()
        await asyncio.gather(waiting, *tasks, return_exceptions=True)


async def simulation(parts: Parts) -> None:
    """The simulated compound in a process of its own, as real devices would be; started again if it dies."""
    settings = parts.settings
    command = [
        *(sys.executable, "-m", "dayuan", "simulate"),
        *("--broker", settings.broker_url, "--org", settings.org, "--site", settings.simulation.site),
        *("--backfill-days", str(settings.simulation.days), "--interval", str(settings.simulation.interval)),
        *("--seed", str(settings.simulation.seed), "--outbox", str(settings.data / "simulation")),
    ]
    with (settings.data / "simulation.log").open("ab") as output:
        while True:
            async with child(*command, output=output.fileno()) as process:
                code = await process.wait()
            log.warning("the simulated compound ended with code %s, see %s; it is started again", code, output.name)
            await asyncio.sleep(5.0)


@contextlib.asynccontextmanager
async def child(*command: str, output: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child process; ended, first kindly, when the block is left."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, process_group=0, env=os.environ
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(5.0):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def greet(console: Console, parts: Parts, password: str | None) -> None:
    """Say where to look and how to sign in."""
    web = parts.settings.web
    host = "127.0.0.1" if web.host == "0.0.0.0" else web.host  # noqa: S104 - compared, not bound
    address = f"http://{host}:{web.port}"
    console.rule("[bold]Dayuan 大院")
    console.print(f"  pages 页面      [bold]{address}[/bold]")
    console.print(f"  API            {address}/docs")
    if password is not None:
        console.print(
            f"  sign in 登录    [bold]admin[/bold] / [bold]{password}[/bold]   (once: you choose your own next)"
        )
    else:
        console.print("  sign in 登录    admin and your password; forgotten: dayuan password admin")
    if parts.settings.simulation.enabled:
        console.print("  a simulated compound is sending; its history fills in during the first minute")
        console.print("  模拟大院正在发送数据，历史数据将在一分钟内补齐")
    console.print("  Ctrl-C stops 停止")
    console.rule()
