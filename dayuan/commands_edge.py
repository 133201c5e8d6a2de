"""`dayuan edge`: run the agent that a file describes; `dayuan edge probe`: who is on a line."""

import asyncio
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from dayuan.publishing import gate_work
from dayuan.saying import console, said
from dayuan.until import until_signal
from edge import drivers
from edge.agent import Agent
from edge.driver import Driver, Rolling
from edge.gate import Gate
from edge.lines import Lines, stdin
from edge.settings import Device, load
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

    What was recorded is on disk and sent until the platform has it; the file holds secrets: keep it to yourself.
    """
    if context.invoked_subcommand is not None:
        return
    with said():
        settings = load(config)

        async def serve() -> None:
            async with AsyncExitStack() as stack:
                # Before the agent, so that the lines close after it has stopped reading them.
                reading = await stack.enter_async_context(drivers.connect(settings.wired))
                agent = await stack.enter_async_context(Agent(settings, now, os.urandom))
                devices = [_widened(device, reading.get(device.id)) for device in settings.devices]
                agent.born(*devices, *(told.device for told in settings.gates))
                for each in settings.wired:
                    agent.poll(each.device, reading[each.device], each.interval)
                gates: dict[str, Gate] = {}
                work: dict[str, Coroutine[Any, Any, None]] = {}
                for told in settings.gates:
                    gate = await stack.enter_async_context(Gate(told, settings.site, agent, now, os.urandom))
                    gates[told.device.id] = gate
                    work |= gate_work(told.device, gate, agent)
                console.print(
                    f"{settings.id}: {len(settings.devices)} devices and {len(gates)} gates of {settings.site}, "
                    f"to {settings.broker.rpartition('@')[2]}; lines on standard input, until Ctrl-C",
                    soft_wrap=True,
                )
                work["stdin"] = _obey(Lines(agent, settings.devices, gates, now))
                await until_signal(**work)
                console.print(f"stopped; {agent.progress.pending} messages wait in {settings.outbox}")

        asyncio.run(serve())


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
            console.print("nobody answered; check the wires, the unit ids and, on a serial line, baud and parity")
            raise typer.Exit(1)


def _widened(device: Device, driver: Driver | None) -> Device:
    """The device with the width its driver knows, unless the file says another."""
    if device.width is None and isinstance(driver, Rolling):
        return msgspec.structs.replace(device, width=driver.width)
    return device


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
