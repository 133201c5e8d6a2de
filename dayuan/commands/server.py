"""The commands of the platform itself, imported only when one is called: an edge box has none of their packages."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import Any

import typer
from rich.console import Console
from rich.logging import RichHandler

from bus.client import Client
from dayuan import relay, services
from dayuan.parts import Parts, opened
from dayuan.saying import console
from dayuan.settings import Settings
from dayuan.until import until_signal
from schema.instant import now
from store.registry.base import Registry
from store.registry.migrate import upgrade


def serve(service: Callable[[Parts], Coroutine[Any, Any, None]]) -> None:
    """Open the parts and run a service until Ctrl-C."""
    handler = RichHandler(console=Console(stderr=True, highlight=False), show_path=False)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", handlers=[handler])
    for chatty in ("alembic", "httpx", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It logs the address of a channel it cannot use, token and all; analytics.alarms.notify says which channel it is.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    # asyncio.run joins its threads before the parts are closed, so no write is cut off.
    with opened(Settings.load()) as parts:
        asyncio.run(service(parts))


async def everything(parts: Parts) -> None:
    """Everything in one process."""
    from dayuan.run import everything

    await everything(parts, console)


async def ingest(parts: Parts) -> None:
    """Ingest alone."""
    await until_signal(ingest=services.ingest(parts, services.pipeline(parts)))


async def analytics(parts: Parts) -> None:
    """Analytics alone, roused by the acknowledgements of ingest, its news told over the bus."""
    wake = services.Wake()
    org = parts.settings.org
    async with Client(services.link(parts, "dayuan-analytics", session=False), patience=None) as client:

        async def announce(kind: str, body: dict[str, Any]) -> None:
            await relay.tell(client, org, kind, body)

        await until_signal(
            analytics=services.analytics(parts, wake, announce),
            notifications=services.notifications(parts),
            rouse=relay.rouse(client, org, wake),
        )


async def api(parts: Parts) -> None:
    """The web service alone, fed from the bus."""
    from api.live import Hub
    from api.passwords import ensure_admin
    from dayuan import web

    hub = Hub()
    password = ensure_admin(parts.registry, secrets.token_bytes, now())
    async with Client(
        services.link(parts, f"dayuan-api-{secrets.token_hex(4)}", session=False), patience=None
    ) as client:
        web.greet(console, parts, password, simulated=False)
        await until_signal(
            web=web.serve(parts, hub), relay=relay.listen(client, parts.settings.org, hub.offer, hub.announce, now)
        )


def examine() -> None:
    """Every check of the doctor; exit code 1 when one found a fault."""
    from dayuan import doctor

    healthy = doctor.report(doctor.examine(Settings.load), console)
    raise typer.Exit(0 if healthy else 1)


def password(user: str) -> None:
    """A new one-time password for an account."""
    from api.passwords import reissue

    # Not opened(): the store may be in use by the platform that is running.
    with closing(Registry(Settings.load().registry_url)) as registry:
        upgrade(registry)
        new = reissue(registry, user, secrets.token_bytes, now())
    console.print(f"{user} / [bold]{new}[/bold]   (once: they choose their own next)")


def gate(name: str, site: str, building: str) -> None:
    """What to add to the configuration of the agent that runs a gate."""
    from dayuan.gate_keys import piece

    # Plain: it is read by programs.
    typer.echo(piece(Settings.load(), name, site, building), nl=False)


def revision(message: str) -> None:
    """Write a migration that brings the registry from its newest migration to the models as they are."""
    from store.registry.migrate import write_revision

    console.print(f"wrote {write_revision(message)}: read it before you commit it")
