"""Commands of an edge box: `dayuan edge`, and those that publish readings to practise on, `replay` and `simulate`."""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import datetime, tzinfo
from decimal import Decimal
from enum import StrEnum
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console

from access.decision import Zone
from bus.client import Client, Link
from dayuan.progress import Show, stamp
from dayuan.settings import Settings
from dayuan.until import until_signal
from edge.agent import Agent
from edge.driver import poll
from edge.gate import Gate
from edge.lines import Lines, stdin
from edge.replay import Left, choose_meters, cleaned, devices, find_kind, gauges, guess_kind, paced, registers
from edge.settings import AgentSettings, Device, GateSettings, load
from edge.simulation.faults import label
from edge.simulation.play import Simulation, demo_compound, recall
from edge.simulation.visitors import GATE as VISITOR_GATE
from edge.simulation.visitors import Visitors, visit
from edge.table import Table, scan
from schema.errors import DayuanError, Reject, RetryLater, Stop
from schema.instant import SECOND, now, to_datetime, to_micros
from schema.reading import Reading

app = typer.Typer()
console = Console(highlight=False)

_AHEAD = 2000
"""Messages that may wait for the platform before a replay at full speed waits too."""


class As(StrEnum):
    """What a column of the file holds."""

    register = "register"
    gauge = "gauge"


Site = Annotated[str, typer.Option(help="Site that the readings belong to.")]
Broker = Annotated[
    str, typer.Option(help="Broker, mqtt://[user:password@]host:1883; as `dayuan run` uses if not given.")
]
Org = Annotated[
    str, typer.Option(help="Organisation, the first segment of every topic; that of the settings if not given.")
]


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Wide CSV: the start of the interval, then one column a meter.")],
    site: Site = "demo",
    as_: Annotated[
        As | None, typer.Option("--as", help="register: amounts per interval, counted up; gauge: values as they are.")
    ] = None,
    speed: Annotated[str, typer.Option(help="Seconds of the file a second, or max.")] = "3600",
    kind: Annotated[str, typer.Option(help="Device kind; told from the file's name if not given.")] = "",
    unit: Annotated[str, typer.Option(help="Unit of the columns; that of the point if not given.")] = "",
    columns: Annotated[str, typer.Option(help="Only these columns, separated by commas.")] = "",
    device: Annotated[
        str, typer.Option(help="Device whose points the columns are; the file's name if not given.")
    ] = "",
    from_: Annotated[str, typer.Option("--from", help="First instant to publish, ISO 8601.")] = "",
    to: Annotated[str, typer.Option(help="Last instant to publish, ISO 8601.")] = "",
    initial: Annotated[float, typer.Option(help="What registers read before the first interval.", min=0)] = 0.0,
    timezone: Annotated[str, typer.Option(help="Time zone of time stamps without an offset.")] = "UTC",
    broker: Broker = "",
    org: Org = "",
    outbox: Annotated[
        Path | None, typer.Option(help="Folder of the outbox; one a file in var/replay if not given.")
    ] = None,
) -> None:
    """Publish a CSV of real readings through the real pipe, as if its meters stood here.

        dayuan replay electricity_kwh.csv --speed 3600

        dayuan replay weather_bedford.csv --as gauge --speed max --device bedford

        dayuan replay water.csv --unit l --columns b0,b1 --timezone Asia/Shanghai --from 2026-03-01

    A register is the sum from the file's first row on, whatever --from says; so sending a part, or all of it, again
    changes nothing. An interval without a number gives no reading: its amount is left out, not taken for zero.
    After Ctrl-C, what was recorded is in the outbox and is sent when the command is run again; --from goes on.

    Exit codes: 0 the platform has all of it on disk, 2 it cannot be done, 130 stopped by Ctrl-C.
    """
    with _told():
        table = scan(file, _zone(timezone))
        chosen = find_kind(kind) if kind else guess_kind(file.stem)
        mode = as_ or (As.register if chosen.consumption else As.gauge)
        only = tuple(title.strip() for title in columns.split(",") if title.strip())
        meters = choose_meters(table, chosen, mode.value, only=only, unit=unit, device=device)
        begin = _instant(from_, table) if from_ else table.times[0]
        end = _instant(to, table) if to else table.end
        left = Left()
        readings = (
            registers(table, meters, left, Decimal(str(initial)))
            if mode is As.register
            else gauges(table, meters, left)
        )
        moments = takewhile(
            lambda moment: moment[0].time <= end, dropwhile(lambda moment: moment[0].time < begin, readings)
        )
        born = devices(table, chosen, meters)
        name = f"replay-{cleaned(file.stem)}"
        settings = _agent(name, site, org, broker, outbox or Settings.load().data / "replay" / site / name)
        told_kind = "" if kind else " (told from the file's name; --kind chooses another)"
        console.print(
            f"{file.name}: {len(born)} x {chosen.name}{told_kind}, as {mode}, every {table.cadence // SECOND} s, "
            f"{stamp(begin)} to {stamp(end)}, to {site} at {settings.broker.rpartition('@')[2]}"
        )
        show = Show(console, begin, end)
        try:
            with show.progress:
                asyncio.run(_replay(settings, born, moments, _speed(speed), show))
        except KeyboardInterrupt:
            console.print(
                f"stopped at {stamp(show.reached)}: {show.pending} messages wait in {settings.outbox} and are sent "
                f"by the next run; go on with --from {to_datetime(show.reached).strftime('%Y-%m-%dT%H:%M:%SZ')}"
            )
            raise typer.Exit(130) from None
        console.print(
            f"{show.readings} readings of {len(born)} devices, {stamp(begin)} to {stamp(show.reached)}, "
            f"all acknowledged by the platform, {show.seconds:.1f} s ({show.readings / show.seconds:,.0f} readings/s)"
        )
        _tell_left(left, table)


@app.command()
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
    with _told():
        zone = _zone(timezone)
        settings = _agent("simulation", site, org, broker, outbox or Settings.load().data / "simulation")
        visited = _visited(gate_api, timezone, settings.outbox.with_name("gate-visitors.db")) if gate_api else None
        path = settings.outbox.with_name("compound.json")
        memory = recall(path, seed, zone, now(), backfill_days)
        compound, built_in = demo_compound(memory, zone)
        if labels is not None:
            labels.write_bytes(b"".join(label(one, zone) + b"\n" for one in built_in))
        show = Show(console, memory.last, now())

        async def play() -> None:
            await _reach(settings)
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
                    work |= _at_work(visited.device, gate, agent)
                    work["visitors"] = visit(gate, Visitors(seed, zone), now)
                await until_signal(**work)

        with suppress(KeyboardInterrupt):
            asyncio.run(play())
        console.print(f"stopped at {stamp(memory.last)}; the next run goes on from there")


@app.command()
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
    with _told():
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
                    work |= _at_work(told.device, gate, agent)
                console.print(
                    f"{settings.id}: {len(settings.devices)} devices and {len(gates)} gates of {settings.site}, "
                    f"to {settings.broker.rpartition('@')[2]}; lines on standard input, until Ctrl-C",
                    soft_wrap=True,
                )
                work["stdin"] = _obey(Lines(agent, settings.devices, gates, now))
                await until_signal(**work)
                console.print(f"stopped; {agent.progress.pending} messages wait in {settings.outbox}")

        asyncio.run(serve())


def _at_work(device: Device, gate: Gate, agent: Agent) -> dict[str, Coroutine[Any, Any, None]]:
    """What a gate does by itself: keep its permit list fresh, and report its counters."""
    return {
        f"permits of {device.id}": gate.synchronise(),
        f"counters of {device.id}": poll(device.id, gate, device.seconds, agent.record, now),
    }


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


async def _replay(
    settings: AgentSettings,
    born: tuple[Device, ...],
    moments: Iterator[list[Reading]],
    speed: float | None,
    show: Show,
) -> None:
    await _reach(settings)
    async with Agent(settings, now, os.urandom) as agent:
        agent.born(*born)

        async def record(readings: list[Reading]) -> None:
            agent.record(readings)
            show.at(readings[-1].time, len(readings))
            show.pending = agent.progress.pending
            if speed is None:
                await _drained(agent, show, _AHEAD)

        await paced(moments, record, speed, now)
        await _drained(agent, show, 0)
    show.done("acknowledged")


async def _drained(agent: Agent, show: Show, left: int) -> None:
    """Wait for the platform, saying so."""
    while agent.progress.pending > left:
        try:
            await agent.drain(1.0, left)
        except RetryLater:
            show.waits(agent.progress.pending)


async def _reach(settings: AgentSettings) -> None:
    """Stop unless the broker answers: an agent by itself would record on disk and wait for it."""
    link = Link(url=settings.broker, client_id=f"{settings.id}-probe", clean_start=True, session_expiry=0)
    try:
        async with Client(link, patience=3):
            pass
    except RetryLater as error:
        raise Stop(f"{error}; start the platform with `dayuan run`, or name its broker with --broker") from error


def _agent(name: str, site: str, org: str, broker: str, folder: Path) -> AgentSettings:
    """The agent's settings; what is not given is that of the platform's own settings."""
    platform = Settings.load()
    try:
        return AgentSettings(
            id=name,
            site=site,
            org=org or platform.org,
            broker=broker or platform.broker_url,
            outbox=folder / "outbox.db",
        )
    except ValueError as error:
        raise Stop(str(error)) from error


@contextmanager
def _told() -> Iterator[None]:
    """An error made on purpose ends the command with its message in one line, and exit code 2."""
    try:
        yield
    except DayuanError as error:
        console.print(f"[red]dayuan:[/red] {error}", soft_wrap=True)
        raise typer.Exit(2) from None


def _tell_left(left: Left, table: Table) -> None:
    told = {
        "cells without a number gave no reading": left.blank,
        "negative amounts gave no reading: no register counts them": left.negative,
        "rows repeat the time stamp above them and were left out": table.duplicates,
    }
    for text, count in told.items():
        if count:
            console.print(f"{count} {text}")


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Stop(f"there is no time zone {name!r}; give one like Asia/Shanghai") from None


def _instant(text: str, table: Table) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Stop(f"{text!r} is no ISO 8601 time, like 2018-03-01T00:00") from None
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=table.zone))


def _speed(text: str) -> float | None:
    """Seconds of the file a second, None for as fast as it goes."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise Stop(f"--speed {text}: give the seconds of the file a second, such as 3600, or max")
    return speed
