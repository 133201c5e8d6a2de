"""`dayuan run`: the whole platform in one process, with a broker and a simulated compound as its children."""

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from rich.console import Console

from api.live import Hub
from api.passwords import ensure_admin
from dayuan import demo, services, web
from dayuan.broker import Broker
from dayuan.child import bound
from dayuan.parts import Parts
from dayuan.until import until_signal
from schema.instant import now

log = logging.getLogger(__name__)


async def everything(parts: Parts, console: Console) -> None:
    """Serve until SIGINT or SIGTERM; children end before this returns."""
    settings = parts.settings
    web.check_port(settings.web.host, settings.web.port)
    services.link(parts, "check", session=False).address()
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
        work = {
            "ingest": services.ingest(parts, line),
            "analytics": services.analytics(parts, wake, announce),
            "notifications": services.notifications(parts),
            "web": web.serve(parts, hub),
        }
        if settings.simulation.enabled:
            work["simulation"] = simulation(parts)
        web.greet(console, parts, password, simulated=settings.simulation.enabled)
        await until_signal(**work)
        console.print("[dim]stopping, everything that was acknowledged is on disk[/dim]")


async def simulation(parts: Parts) -> None:
    """The simulated compound in a process of its own, as real devices would be; started again if it dies."""
    settings = parts.settings
    command = [
        *(sys.executable, "-m", "dayuan", "simulate"),
        *("--broker", settings.broker_url, "--org", settings.org, "--site", settings.simulation.site),
        *("--backfill-days", str(settings.simulation.days), "--interval", str(settings.simulation.interval)),
        *("--seed", str(settings.simulation.seed), "--timezone", settings.timezone),
        *("--outbox", str(settings.data / "simulation"), "--gate-api", web.address(settings.web)),
    ]
    # Not among the arguments, which every user of the machine can read.
    token = await asyncio.to_thread(demo.gate_token, parts)
    environment = os.environ | {"DAYUAN_GATE_TOKEN": token, "DAYUAN_GATE_PEPPER": parts.pepper.hex()}
    with (settings.data / "simulation.log").open("ab") as output:
        while True:
            async with child(*command, output=output.fileno(), environment=environment) as process:
                code = await process.wait()
            log.warning("the simulated compound ended with code %s, see %s; it is started again", code, output.name)
            await asyncio.sleep(5.0)


@contextlib.asynccontextmanager
async def child(
    *command: str, output: int, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child process; ended, first kindly, when the block is left, and by the kernel when we are killed."""
    process = await asyncio.create_subprocess_exec(
        *bound(*command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        process_group=0,
        env=environment,
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
