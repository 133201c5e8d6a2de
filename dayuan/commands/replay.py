"""`dayuan replay`: publish a file of real readings through the real pipe."""

import asyncio
import os
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Annotated

import typer

from dayuan.progress import Show, stamp
from dayuan.publishing import Broker, Org, Site, agent_settings, reach, zone_named
from dayuan.saying import console, said
from dayuan.settings import Settings
from edge.agent import Agent
from edge.replay import Left, choose_meters, cleaned, devices, find_kind, gauges, guess_kind, paced, registers
from edge.settings import AgentSettings, Device
from edge.table import Table, scan
from schema.errors import RetryLater, Stop
from schema.instant import SECOND, now, to_datetime, to_micros
from schema.reading import Reading

_AHEAD = 2000
"""Messages that may wait for the platform before a replay at full speed waits too."""


class As(StrEnum):
    """What a column of the file holds."""

    register = "register"
    gauge = "gauge"


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
    with said():
        table = scan(file, zone_named(timezone))
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
        settings = agent_settings(name, site, org, broker, outbox or Settings.load().data / "replay" / site / name)
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


async def _replay(
    settings: AgentSettings,
    born: tuple[Device, ...],
    moments: Iterator[list[Reading]],
    speed: float | None,
    show: Show,
) -> None:
    await reach(settings)
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


def _tell_left(left: Left, table: Table) -> None:
    told = {
        "cells without a number gave no reading": left.blank,
        "negative amounts gave no reading: no register counts them": left.negative,
        "rows repeat the time stamp above them and were left out": table.duplicates,
    }
    for text, count in told.items():
        if count:
            console.print(f"{count} {text}")


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
