"""The command line: `dayuan --help`."""

import asyncio
import logging
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler

from api import passwords
from api.live import Hub
from bus.client import Client
from dayuan import commands_edge, doctor, relay, services
from dayuan import run as whole
from dayuan.parts import Parts, opened
from dayuan.settings import Settings
from schema.errors import DayuanError
from schema.instant import now

app = typer.Typer(
    name="dayuan",
    help="Dayuan 大院: runs a compound on its own sensor data. Begin with `dayuan run`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("replay")(commands_edge.replay)
app.command("simulate")(commands_edge.simulate)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@contextmanager
def said() -> Iterator[None]:
    """An error of ours ends the command with its message in one line and exit code 2."""
    try:
        yield
    except DayuanError as error:
        errors.print(f"[bold red]dayuan:[/bold red] {error}", soft_wrap=True)
        raise typer.Exit(2) from None


def serve(service: Callable[[Parts], Any]) -> None:
    """Open the parts and run a service until Ctrl-C."""
    handler = RichHandler(console=errors, show_path=False)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", handlers=[handler])
    for noisy in ("alembic", "httpx", "uvicorn.error", "apprise"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with said(), opened(Settings.load()) as parts:
        asyncio.run(service(parts))


@app.command()
def run() -> None:
    """Run everything in one process: broker, ingest, analytics, API, pages, and a simulated compound.

    Settings come from `dayuan.toml` and the environment, for example:

        DAYUAN_WEB__PORT=8080 DAYUAN_SIMULATION__ENABLED=false dayuan run
    """
    serve(lambda parts: whole.everything(parts, console))


@app.command()
def ingest() -> None:
    """Run ingest alone: broker to store. Any number may run on InfluxDB; DuckDB lets only one process in."""
    serve(lambda parts: whole.until_signal(services.ingest(parts, services.pipeline(parts))))


@app.command()
def analytics() -> None:
    """Run analytics alone: books, findings, alarms. One for all sites."""

    async def work(parts: Parts) -> None:
        wake = services.Wake()
        async with Client(services.link(parts, "dayuan-analytics", session=False)) as client:

            async def announce(kind: str, body: dict[str, Any]) -> None:
                await relay.tell(client, parts.settings.org, kind, body)

            await whole.until_signal(
                services.analytics(parts, wake, announce),
                services.notifications(parts),
                relay.rouse(client, parts.settings.org, wake),
            )

    serve(work)


@app.command()
def api() -> None:
    """Run the web service alone: REST, live stream, pages."""

    async def work(parts: Parts) -> None:
        hub = Hub()
        name = f"dayuan-api-{secrets.token_hex(4)}"
        async with Client(services.link(parts, name, session=False)) as client:
            whole.greet(console, parts, passwords.ensure_admin(parts.registry, secrets.token_bytes, now()))
            await whole.until_signal(services.web(parts, hub), relay.listen(client, parts.settings.org, hub, now))

    serve(work)


@app.command("doctor")
def examine() -> None:
    """Check broker, store, registry, disk, clock and configuration; say what to do about each fault."""
    with said():
        healthy = doctor.report(doctor.examine(Settings.load), console)
    raise typer.Exit(0 if healthy else 1)


@app.command()
def password(user: Annotated[str, typer.Argument(help="Name of the account.")] = "admin") -> None:
    """Give an account a new one-time password, for somebody who has forgotten theirs."""
    with said(), opened(Settings.load()) as parts:
        new = passwords.reissue(parts.registry, user, secrets.token_bytes, now())
        console.print(f"{user} / [bold]{new}[/bold]")


if __name__ == "__main__":
    sys.exit(app())
