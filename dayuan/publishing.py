"""What the commands that publish readings share: their options, their agent, and how they speak."""

from collections.abc import Coroutine
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from bus.client import Client, Link
from dayuan.settings import Settings
from edge.agent import Agent
from edge.driver import poll
from edge.gate import Gate
from edge.settings import AgentSettings, Device
from schema.errors import RetryLater, Stop
from schema.instant import now

Site = Annotated[str, typer.Option(help="Site that the readings belong to.")]
Broker = Annotated[
    str, typer.Option(help="Broker, mqtt://[user:password@]host:1883; as `dayuan run` uses if not given.")
]
Org = Annotated[
    str, typer.Option(help="Organisation, the first segment of every topic; that of the settings if not given.")
]


async def reach(settings: AgentSettings) -> None:
    """Stop unless the broker answers: an agent by itself would record on disk and wait for it."""
    link = Link(url=settings.broker, client_id=f"{settings.id}-probe", clean_start=True, session_expiry=0)
    try:
        async with Client(link, patience=3):
            pass
    except RetryLater as error:
        raise Stop(f"{error}; start the platform with `dayuan run`, or name its broker with --broker") from error


def agent_settings(name: str, site: str, org: str, broker: str, folder: Path) -> AgentSettings:
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


def zone_named(name: str) -> tzinfo:
    """The time zone of that name; Stop where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Stop(f"there is no time zone {name!r}; give one like Asia/Shanghai") from None


def gate_work(device: Device, gate: Gate, agent: Agent) -> dict[str, Coroutine[Any, Any, None]]:
    """What a gate does by itself: keep its permit list fresh, and report its counters."""
    return {
        f"permits of {device.id}": gate.synchronise(),
        f"counters of {device.id}": poll(device.id, gate, device.seconds, agent.record, now),
    }
