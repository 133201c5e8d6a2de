"""`dayuan edge`: run the agent that a file describes; with `check`, `configure`, `probe`: what goes before that."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from bus.client import Link
from bus.topics import Topic
from dayuan.publishing import Broker, Org
from dayuan.saying import console, said
from dayuan.settings import Settings
from dayuan.until import until_signal
from devices import kinds
from edge import drivers
from edge.agent import Agent
from edge.configuration import Configuration, described
from edge.lines import Lines, stdin
from edge.settings import load
from edge.tomlfile import text
from edge.vitals import Vitals
from edge.wiring import Wiring
from schema.errors import Reject, RetryLater
from schema.instant import now

app = typer.Typer()


@app.callback(invoke_without_command=True)
def edge(
    context: typer.Context,
    config: Annotated[Path, typer.Option(help="The agent's configuration, TOML.")] = Path("agent.toml"),
) -> None:
    """Run an edge agent: its devices, and its gates, which ask the platform and decide by themselves without it.

    ```toml
    id = "yard-box"
    site = "demo"
    broker = "mqtt://127.0.0.1:11883"
    outbox = "outbox.db"
    [[devices]]
    id = "hall-elec"
    kind = "electricity_meter"
    building = "hall"
    title = ["礼堂电表", "Hall"]
    [devices.modbus]
    url = "modbus+tcp://192.0.2.7"
    unit = 3
    map = "acrel-adl3000"
    ct = 40
    [[gates]]
    device = { id = "gate-west", kind = "gate", building = "grounds", title = ["西门", "West gate"] }
    zone = { id = "grounds", anti_passback = "soft" }
    api = "http://127.0.0.1:8000"
    token = "dayuan_..."
    pepper = "the platform's credential pepper, base64"
    path = "gate-west.db"
    ```

    A device is read by the driver its section names; `dayuan edge probe` finds meters and prints their sections. What
    devices without a section and gate readers say are lines on standard input, from a terminal or a program of yours:
    `hall-elec energy 1204.5` is a reading of now, `gate-west in 04A25F` a card held to the reader.

    What was recorded is on disk and sent until the platform has it. The file is read again when it changes, and on
    SIGHUP; faults leave everything as it was. It may hold secrets: keep it to yourself.
    """
    if context.invoked_subcommand is not None:
        return
    with said():
        settings = load(config)

        async def serve() -> None:
            async with (
                Agent(settings, now, os.urandom) as agent,
                Wiring(agent, now, os.urandom) as wiring,
            ):
                file = Configuration(config, wiring)
                if settings.remote_configuration:
                    agent.obey(file.replace)
                agent.watch_itself(Vitals(settings.id, agent, settings.outbox.parent), kinds()["agent"].interval)
                await wiring.change(settings)
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, file.reread)
                console.print(
                    f"{settings.id}: {described(settings)}, to {settings.broker.rpartition('@')[2]}; lines on standard "
                    "input, until Ctrl-C",
                    soft_wrap=True,
                )
                lines = Lines(agent, wiring.devices, wiring.gates, now)
                await until_signal(stdin=_obey(lines), configuration=file.watch())
                console.print(f"stopped; {agent.progress.pending} messages wait in {settings.outbox}")

        asyncio.run(serve())


@app.command()
def check(
    config: Annotated[Path, typer.Argument(help="The agent's configuration, TOML.")] = Path("agent.toml"),
) -> None:
    """Say every fault of a configuration, with its line, without starting anything.

        dayuan edge check agent.toml

    Exit codes: 0 it can be used, 2 it cannot.
    """
    with said():
        console.print(f"{config}: {described(load(config))}; nothing wrong with it", markup=False, soft_wrap=True)


@app.command()
def configure(
    agent: Annotated[str, typer.Argument(help="The id of the agent.")],
    config: Annotated[Path, typer.Argument(help="Its new configuration, TOML.")],
    site: Annotated[str, typer.Option(help="The agent's site.")] = "demo",
    broker: Broker = "",
    org: Org = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait for its answer.", min=1)] = 20.0,
) -> None:
    """Send a running agent a new configuration over the broker, and wait for its answer.

        dayuan edge configure yard-box agent.toml --site demo

    The agent checks all of it first, and keeps the file it had beside it, as `.before`. Its own file has to allow this:
    `remote_configuration = true`. Paths in it, those of secrets too, are of the agent's machine.

    Exit codes: 0 the agent works by it, 1 the agent refuses it, 2 nobody answered.
    """
    from dayuan.configuring import send

    with said():
        platform = Settings.load()
        link = Link(url=broker or platform.broker_url, client_id=f"configure-{os.urandom(6).hex()}", clean_start=True)
        topic = Topic(org or platform.org, site, "agents", "agent", agent, "cmd")
        refused = asyncio.run(send(link, topic, text(config), now, wait))
        if refused:
            console.print(f"{agent} refuses it and works on as before:\n{refused}", markup=False, soft_wrap=True)
            raise typer.Exit(1)
        console.print(f"{agent} works by it", markup=False)


@app.command()
def probe(url: Annotated[str, typer.Argument(help="The line, such as modbus+tcp://192.0.2.7?units=1-32.")]) -> None:
    """Find the meters on a line, and print the configuration that reads them.

        dayuan edge probe modbus+tcp://192.0.2.7?units=1-32

        dayuan edge probe "modbus+rtu:///dev/ttyUSB0?baud=9600&parity=E"

    Exit codes: 0 somebody answered, 1 nobody did, 2 the line cannot be opened.
    """
    with said():
        found = asyncio.run(drivers.probe(url))
        for meter in found:
            reads = ", ".join(f"{each.point} {each.value:g} {each.unit}" for each in meter.values)
            title = f"{meter.title.zh} {meter.title.en}"
            console.print(f"# {title}: {reads}" if reads else f"# {title}", markup=False, soft_wrap=True)
            console.print(meter.toml, markup=False, soft_wrap=True)
        if not found:
            console.print(
                "nobody answered; check the wires, the unit ids and, on a serial line, baud and parity", soft_wrap=True
            )
            raise typer.Exit(1)


async def _obey(lines: Lines) -> None:
    """Take the lines of standard input; at its end go on without."""
    async for line in stdin():
        try:
            answer = await lines.take(line)
        except Reject as error:
            answer = f"left out: {error.detail}"
        except RetryLater as error:
            answer = f"left out: {error}"
        if answer is not None:
            console.print(answer, markup=False, soft_wrap=True)
    await asyncio.Event().wait()
