"""`dayuan edge`: run the agent that a file describes."""

import asyncio
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from dayuan.publishing import gate_work
from dayuan.saying import console, said
from dayuan.until import until_signal
from edge.agent import Agent
from edge.gate import Gate
from edge.lines import Lines, stdin
from edge.settings import load
from schema.errors import Reject, RetryLater
from schema.instant import now


def edge(config: Annotated[Path, typer.Option(help="The agent's configuration, TOML.")] = Path("agent.toml")) -> None:
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
    [[gates]]
    device = { id = "gate-west", kind = "gate", building = "grounds", title = ["西门", "West gate"] }
    zone = { id = "grounds", anti_passback = "soft" }
    api = "http://127.0.0.1:8000"
    token = "dayuan_..."
    pepper = "the platform's credential pepper, base64"
    path = "gate-west.db"
    ```

    Drivers for field buses are to come. Until then what meters and readers say are lines on standard input, from a
    terminal or a program of yours: `hall-elec energy 1204.5` is a reading of now, `gate-west in 04A25F` a card held
    to the reader.

    What was recorded is on disk and sent until the platform has it; the file holds secrets: keep it to yourself.
    """
    with said():
        settings = load(config)

        async def serve() -> None:
            async with AsyncExitStack() as stack:
                agent = await stack.enter_async_context(Agent(settings, now, os.urandom))
                agent.born(*settings.devices, *(told.device for told in settings.gates))
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
