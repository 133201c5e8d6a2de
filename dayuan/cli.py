"""The command line: `dayuan --help`. Each command imports what it needs when it is called."""

from typing import Annotated

import typer

from dayuan.elsewhere import lazily
from dayuan.saying import said

app = typer.Typer(
    name="dayuan",
    help="Dayuan 大院: runs a compound on its own sensor data. Begin with `dayuan run`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    cls=lazily(
        {
            "bench": "dayuan.commands.bench:app",
            "deadletters": "dayuan.commands.deadletters:app",
            "detect": "dayuan.commands.detect:detect",
            "edge": "dayuan.commands.edge:app",
            "register": "dayuan.commands.register:app",
            "replay": "dayuan.commands.replay:replay",
            "score": "dayuan.commands.score:app",
            "simulate": "dayuan.commands.simulate:simulate",
            "streams": "dayuan.commands.streams:streams",
        }
    ),
)
registry = typer.Typer(help="The registry database.", no_args_is_help=True)
app.add_typer(registry, name="registry")


@app.command()
def run() -> None:
    """Run everything in one process: broker, ingest, analytics, API, pages, and a simulated compound.

    Settings come from `dayuan.toml` and the environment, for example:

    `DAYUAN_WEB__PORT=8080 DAYUAN_SIMULATION__ENABLED=false dayuan run`
    """
    with said():
        from dayuan.commands import server

        server.serve(server.everything)


@app.command()
def ingest() -> None:
    """Run ingest alone: broker to store. On InfluxDB it may run beside the others; DuckDB lets only one process in."""
    with said():
        from dayuan.commands import server

        server.serve(server.ingest)


@app.command()
def analytics() -> None:
    """Run analytics alone: books, findings, alarms. One for all sites."""
    with said():
        from dayuan.commands import server

        server.serve(server.analytics)


@app.command()
def api() -> None:
    """Run the web service alone: REST, live stream, pages."""
    with said():
        from dayuan.commands import server

        server.serve(server.api)


@app.command()
def doctor() -> None:
    """Check broker, store, registry, disk, clock and configuration; say in a line what to do about each fault."""
    with said():
        from dayuan.commands import server

        server.examine()


@app.command()
def password(user: Annotated[str, typer.Argument(help="Name of the account.")] = "admin") -> None:
    """Give an account a new one-time password, for somebody who has forgotten theirs."""
    with said():
        from dayuan.commands import server

        server.password(user)


@app.command()
def gate(
    name: Annotated[str, typer.Argument(help="Id of the gate.")],
    site: Annotated[str, typer.Option(help="Site it belongs to.")] = "demo",
    building: Annotated[str, typer.Option(help="Building, and zone, it leads into.")] = "grounds",
) -> None:
    """Print what an edge agent needs to run a gate: `dayuan gate gate-west >> agent.toml`; its last token ends."""
    with said():
        from dayuan.commands import server

        server.gate(name, site, building)


@registry.command()
def revision(message: Annotated[str, typer.Argument(help="What changed, in a few words.")]) -> None:
    """Write a migration from the newest one to the tables as they are now declared (for developers)."""
    with said():
        from dayuan.commands import server

        server.revision(message)
