"""`dayuan simulate`: publish a small simulated compound, or write it into files."""

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from datetime import date, timedelta
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
from edge.simulation.asked import wanted
from edge.simulation.faults import Fault, label
from edge.simulation.files import write
from edge.simulation.play import Simulation, paced, recall, remembered
from edge.simulation.span import Span
from edge.simulation.visitors import GATE as VISITOR_GATE
from edge.simulation.visitors import Visitors, visit
from schema.errors import RetryLater, Stop
from schema.instant import SECOND, now, to_datetime

_MOST_DAYS = 36_500
_PATIENCE = 600.0
"""Seconds that the platform may take to have the history before live readings begin."""


def simulate(
    site: Site = "demo",
    backfill_days: Annotated[
        int,
        typer.Option(
            "--backfill-days", "--days", help="Days of history, before the first live reading.", min=0, max=_MOST_DAYS
        ),
    ] = 35,
    interval: Annotated[float, typer.Option(help="Seconds between live readings.", min=0.2)] = 5.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same compound.")] = 7,
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault, KIND:DEVICE@BEGIN+DURATION=SIZE; may be given again.")
    ] = None,
    faults: Annotated[str, typer.Option(help="Kinds of fault to draw: 'leak,spike*3', or 'all'.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write readings, events, devices and labels into this folder; no broker.")
    ] = None,
    begin: Annotated[
        str, typer.Option("--from", help="With --out: the first day; so many days ago if not given.")
    ] = "",
    step: Annotated[
        float, typer.Option(help="With --out: seconds between readings; they go into a quarter hour.", min=1, max=900)
    ] = 900.0,
    speed: Annotated[float, typer.Option(help="Seconds of history a second; 0 as fast as it can be taken.", min=0)] = 0,
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
    """Publish a small simulated compound: first its history, then live until Ctrl-C. Or write it into files.

        dayuan simulate --days 35 --interval 5 --labels faults.jsonl

        dayuan simulate --out var/year --from 2025-11-01 --days 365 --faults all --seed 7

        dayuan simulate --days 90 --fault "leak:main-water@2026-10-01T02:00+3d=0.7"

    Started again, it goes on where it stopped: registers run on, and only what was missed is made up for. Without
    --fault and --faults it has a few stories of its own. The kinds of fault, and the labels: docs/howto-simulate.md.

    With --gate-api there is also a visitors' gate, run as a real one: it asks the platform about every card, and
    decides by itself when no answer comes. It needs, in the environment, DAYUAN_GATE_TOKEN (a bearer token of the role
    gate) and DAYUAN_GATE_PEPPER (the platform's credential pepper, in hex).
    """
    with said():
        zone = zone_named(timezone)
        told, kinds = tuple(fault or ()), tuple(word for word in faults.split(",") if word.strip())
        if out is not None:
            if backfill_days == 0 or 900 % step or labels is not None:
                raise Stop(
                    "--out wants a day at least, a --step that goes into 900 s, and writes labels.jsonl by itself"
                )
            first = _day(begin) or to_datetime(now()).astimezone(zone).date() - timedelta(backfill_days)
            span = Span(seed, first, backfill_days, zone)
            _into_files(span, wanted(told, kinds, span), round(step * SECOND), out)
            return
        if begin:
            raise Stop("--from is for --out; published history ends now, --days says how long it is")
        settings = agent_settings("simulation", site, org, broker, outbox or Settings.load().data / "simulation")
        visited = _visited(gate_api, timezone, settings.outbox.with_name("gate-visitors.db")) if gate_api else None
        path = settings.outbox.with_name("compound.json")
        memory = recall(path, seed, zone, now(), backfill_days, told, kinds)
        compound, built_in = remembered(memory, zone)
        if labels is not None:
            labels.write_bytes(b"".join(label(one, zone) + b"\n" for one in built_in))
        show = Show(console, memory.last, now())

        async def play() -> None:
            await reach(settings)
            async with AsyncExitStack() as stack:
                agent = await stack.enter_async_context(Agent(settings, now, os.urandom))
                simulation = Simulation(agent, compound, memory, path, interval)
                with show.progress:
                    await simulation.backfill(now(), show.at, paced(memory.last, speed, now) if speed else None)
                    # A birth that waits says the newest: a live one now would make old readings of the history's.
                    show.waits(agent.progress.pending)
                    with suppress(RetryLater):
                        await agent.drain(_PATIENCE)
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


def _into_files(span: Span, faults: tuple[Fault, ...], step: int, folder: Path) -> None:
    show = Show(console, span.start, span.end)
    with show.progress:
        write(span, faults, step, folder, show.at)
        show.done("written")
    taken = f"{show.seconds:.1f} s ({show.readings / show.seconds:,.0f} readings/s)"
    console.print(f"{show.readings:,} readings and {len(faults)} faults in {folder}, {taken}")


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise Stop(f"--from {text!r} is no day; write it like 2025-11-01") from None
    if day and not 1971 <= day.year <= 2100:
        raise Stop(f"--from {text!r}: the compound can begin from 1971 to 2100")
    return day


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
