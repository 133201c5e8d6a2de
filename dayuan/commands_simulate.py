"""`dayuan simulate`: publish a small simulated compound."""

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from access.decision import Zone
from dayuan.progress import Show, stamp
from dayuan.publishing import Broker, Org, Site, agent_settings, gate_work, reach, zone_named
from dayuan.saying import console, said
from dayuan.settings import Settings
from dayuan.until import until_signal
from edge.agent import Agent
from edge.gate import Gate
from edge.settings import GateSettings
from edge.simulation.faults import label
from edge.simulation.play import Simulation, demo_compound, recall
from edge.simulation.visitors import GATE as VISITOR_GATE
from edge.simulation.visitors import Visitors, visit
from schema.errors import Stop
from schema.instant import now


def simulate(
    site: Site = "demo",
    backfill_days: Annotated[int, typer.Option(help="Days of history before the first live reading.", min=0)] = 35,
    interval: Annotated[float, typer.Option(help="Seconds between live readings.", min=0.2)] = 5.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same compound.")] = 7,
    timezone: Annotated[str, typer.Option(help="Time zone of the compound.")] = "Asia/Shanghai",
    broker: Broker = "",
    org: Org = "",
    outbox: Annotated[Path | None, typer.Option(help="Folder of the outbox; var/simulation if not given.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Write what is built in, faults and a retrofit, here as JSON lines.")
    ] = None,
    gate_api: Annotated[
        str, typer.Option(help="Web service of the platform, http://host:8000: visitors come to a gate that asks it.")
    ] = "",
) -> None:
    """Publish a small simulated compound: first its history, then live until Ctrl-C.

        dayuan simulate --backfill-days 35 --interval 5 --labels faults.jsonl

    Started again, it goes on where it stopped: registers run on, and only what was missed is made up for.

    With --gate-api there is also a visitors' gate, run as a real one: it asks the platform about every card, and
    decides by itself when no answer comes. It needs, in the environment, DAYUAN_GATE_TOKEN (a bearer token of the role
    gate) and DAYUAN_GATE_PEPPER (the platform's credential pepper, in hex).
    """
    with said():
        zone = zone_named(timezone)
        settings = agent_settings("simulation", site, org, broker, outbox or Settings.load().data / "simulation")
        visited = _visited(gate_api, timezone, settings.outbox.with_name("gate-visitors.db")) if gate_api else None
        path = settings.outbox.with_name("compound.json")
        memory = recall(path, seed, zone, now(), backfill_days)
        compound, built_in = demo_compound(memory, zone)
        if labels is not None:
            labels.write_bytes(b"".join(label(one, zone) + b"\n" for one in built_in))
        show = Show(console, memory.last, now())

        async def play() -> None:
            await reach(settings)
            async with AsyncExitStack() as stack:
                agent = await stack.enter_async_context(Agent(settings, now, os.urandom))
                simulation = Simulation(agent, compound, memory, path, interval)
                with show.progress:
                    await simulation.backfill(now(), show.at)
                    show.done("history recorded")
                console.print(f"live every {interval:g} s until Ctrl-C")
                work = {"compound": simulation.live(now)}
                if visited is not None:
                    agent.born(visited.device)
                    gate = await stack.enter_async_context(Gate(visited, site, agent, now, os.urandom))
                    work |= gate_work(visited.device, gate, agent)
                    work["visitors"] = visit(gate, Visitors(seed, zone), now)
                await until_signal(**work)

        with suppress(KeyboardInterrupt):
            asyncio.run(play())
        console.print(f"stopped at {stamp(memory.last)}; the next run goes on from there")


def _visited(api: str, timezone: str, path: Path) -> GateSettings:
    """The visitors' gate, its secrets from the environment."""
    try:
        return GateSettings(
            device=VISITOR_GATE,
            zone=Zone(id=VISITOR_GATE.building, timezone=timezone),
            api=api,
            token=os.environ["DAYUAN_GATE_TOKEN"],
            pepper=bytes.fromhex(os.environ["DAYUAN_GATE_PEPPER"]),
            path=path,
        )
    except KeyError as error:
        raise Stop(f"--gate-api needs {error.args[0]} in the environment; see dayuan simulate --help") from error
    except ValueError as error:
        raise Stop(f"the visitors' gate: {error}") from error
