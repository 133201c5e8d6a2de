"""`dayuan doctor`: looks at everything the platform stands on, and says in one line what to do about each fault."""

import asyncio
import logging
import os
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from analytics.calendar import Calendar
from bus.client import Client, Link
from dayuan.broker import find_mosquitto
from dayuan.channels import channel_names
from dayuan.dialects import mappings
from dayuan.settings import Settings, config_file
from schema.errors import DayuanError, RetryLater, Stop
from store.registry.base import Registry
from store.registry.migrate import pending
from store.registry.places import sites
from store.registry.roster import duties
from store.series import open_store

State = Literal["ok", "warning", "fault"]
_MARKS = {"ok": "[green]✓[/green]", "warning": "[yellow]![/yellow]", "fault": "[bold red]✗[/bold red]"}
# Read from the environment by other parts than dayuan.settings.
_KNOWN = {*Settings.model_fields, "config", "mosquitto", "gate_token", "gate_pepper", "require_servers", "data_sets"}
FREE_LOW, FREE_LEAST = 5e9, 5e8


class Check(NamedTuple):
    """One thing looked at; `remedy` says what to do about a warning or fault."""

    subject: str
    state: State
    finding: str
    remedy: str = ""


def examine(load: Callable[[], Settings]) -> Iterator[Check]:
    """Every check in turn; one that fails does not keep the others from being made. Nothing is created or changed."""
    yield Check("Python", "ok", sys.version.split()[0])
    try:
        settings = load()
    except Stop as error:
        yield Check("configuration", "fault", str(error), "correct what is named and run dayuan doctor again")
        return
    file = config_file()
    yield Check("configuration", "ok", f"{file}" if file.is_file() else "defaults and environment")
    for name in sorted(os.environ):
        if name.startswith("DAYUAN_") and name.removeprefix("DAYUAN_").partition("__")[0].lower() not in _KNOWN:
            yield Check(
                "configuration", "warning", f"{name} is no setting", "correct or unset it; see docs/settings.md"
            )
    # What the parts log is said again in the findings.
    logging.getLogger("bus").addHandler(logging.NullHandler())
    for check, subject, remedy in _CHECKS:
        try:
            yield from check(settings)
        except (DayuanError, SQLAlchemyError, OSError) as error:
            yield Check(subject, "fault", _one_line(error), remedy)


def report(checks: Iterator[Check], console: Console) -> bool:
    """Print each check as it is made; whether none found a fault."""
    healthy = True
    for check in checks:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=1)
        line.add_column(width=14)
        line.add_column()
        line.add_row(_MARKS[check.state], check.subject, check.finding)
        if check.remedy:
            line.add_row("", "", f"[bold]→ {check.remedy}[/bold]")
        console.print(line)
        healthy = healthy and check.state != "fault"
    return healthy


def _disk(settings: Settings) -> Iterator[Check]:
    folder = settings.data.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state: State = "ok" if free > FREE_LOW else "warning" if free > FREE_LEAST else "fault"
    remedy = "" if state == "ok" else f"make room, or set DAYUAN_DATA to a larger disk than {folder}"
    yield Check("disk", state, f"{free / 1e9:.1f} GB free for {settings.data}", remedy)
    probe = folder / f".dayuan-{uuid.uuid4().hex}"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield Check("disk", "fault", f"{folder}: {error.strerror}", f"give this user the right to write to {folder}")


def _clock(_settings: Settings) -> Iterator[Check]:
    if datetime.now(UTC).year < 2025:
        yield Check("clock", "fault", f"{datetime.now(UTC):%F %T} UTC", "set the clock: timedatectl set-ntp true")
        return
    status = Path("/run/systemd/timesync/synchronized")
    running = any(Path(place).exists() for place in ("/run/chrony", "/run/ntpd.pid", "/run/systemd/timesync"))
    if status.exists() or running:
        yield Check("clock", "ok", f"{datetime.now(UTC):%F %T} UTC, kept by a time service")
    else:
        finding = f"{datetime.now(UTC):%F %T} UTC, no time service seen"
        yield Check("clock", "warning", finding, "keep it right: apt-get install systemd-timesyncd, or chrony")


def _broker(settings: Settings) -> Iterator[Check]:
    if not settings.broker.url:
        program = find_mosquitto(Path.cwd(), settings.data)
        if program is None:
            yield Check("broker", "fault", "no mosquitto here", "apt-get install mosquitto, or set DAYUAN_BROKER__URL")
            return
        if not _listens("127.0.0.1", settings.broker.port):
            yield Check("broker", "ok", f"{program}, started by dayuan run")
            return
    link = Link(
        url=settings.broker_url, client_id=f"dayuan-doctor-{uuid.uuid4().hex[:8]}", clean_start=True, session_expiry=0
    )
    try:
        seconds = asyncio.run(_echo(link, settings.org))
    except RetryLater as error:
        if settings.broker.url:
            raise
        port = settings.broker.port
        yield Check("broker", "fault", f"{error}, but something has its port", f"end what listens on {port}, {_PORT}")
    else:
        yield Check("broker", "ok", f"{link.name} gave a message back in {seconds * 1e3:.0f} ms")


async def _echo(link: Link, org: str) -> float:
    """Seconds a QoS 1 message takes to the broker and back."""
    topic = f"{org}/doctor/{link.client_id}"
    async with Client(link, patience=5.0) as client:
        await client.subscribe([topic])
        began = time.perf_counter()
        await client.publish(topic, b"?")
        try:
            async with asyncio.timeout(5.0):
                client.acknowledge(await client.receive(1))
        except TimeoutError:
            raise RetryLater(f"broker {link.name} took a message and did not give it back") from None
        return time.perf_counter() - began


def _registry(settings: Settings) -> Iterator[Check]:
    kind, _, place = settings.registry_url.partition("://")
    if kind == "sqlite" and not Path(place.removeprefix("/")).exists():
        yield Check("registry", "ok", "will be made at the first start")
        return
    registry = Registry(settings.registry_url)
    try:
        with registry.reading() as session:
            session.execute(text("SELECT 1"))
        missing = pending(registry)
        if missing:
            finding, remedy = f"{missing} migrations to go", "they are made at the next start; back up first"
            yield Check("registry", "warning", finding, remedy)
        else:
            with registry.reading() as session:
                yield Check("registry", "ok", f"{kind}, {len(sites(session))} sites")
    finally:
        registry.close()


def _store(settings: Settings) -> Iterator[Check]:
    kind, _, place = settings.store_url.partition("://")
    if kind == "duckdb" and not Path(unquote(place.removeprefix("/"))).exists():
        yield Check("store", "ok", "will be made at the first start")
        return
    try:
        store = open_store(settings.store_url)
    except Stop as error:
        if kind == "duckdb" and "another process" in str(error) and _is_dayuan(settings):
            yield Check("store", "ok", "in use by the dayuan that is running")
            return
        raise
    try:
        began = time.perf_counter()
        count = len(store.series())
        yield Check("store", "ok", f"{kind}, {count} series, answered in {(time.perf_counter() - began) * 1e3:.0f} ms")
    finally:
        store.close()


def _payloads(settings: Settings) -> Iterator[Check]:
    declared = mappings(settings)
    devices = {topic for source in declared.json for topic in (place.topic for place in source.places.values())}
    if declared.sparkplug and not settings.sparkplug.host:
        finding = f"{len(declared.sparkplug)} [[sparkplug]] sections, but nobody hosts the edge nodes"
        yield Check("payloads", "warning", finding, "set DAYUAN_SPARKPLUG__HOST to our id as host")
    elif settings.ingest.mappings or settings.sparkplug.host:
        told = f"{len(settings.ingest.mappings)} mapping files, {len(devices)} devices of foreign JSON"
        yield Check("payloads", "ok", f"{told}, Sparkplug host {settings.sparkplug.host or 'off'}")


def _web(settings: Settings) -> Iterator[Check]:
    place = f"{settings.web.host}:{settings.web.port}"
    if not _listens(settings.web.host, settings.web.port):
        yield Check("web", "ok", f"{place} is free")
    elif _is_dayuan(settings):
        yield Check("web", "ok", f"dayuan answers on {place}")
    else:
        yield Check("web", "fault", f"another program has {place}", "end it, or set DAYUAN_WEB__PORT to a free port")


def _alarms(settings: Settings) -> Iterator[Check]:
    names = channel_names(settings)
    if not names:
        remedy = "name whom to tell in alarms.channels, see docs/howto-alarms.md"
        yield Check("alarms", "warning", "no channel: alarms are seen on the pages and the broker only", remedy)
    else:
        yield Check("alarms", "ok", f"channels {', '.join(names)}")
    for site, called in _rosters(settings).items():
        for name in sorted(called.difference(names)):
            finding = f"the roster of {site} calls {name!r}, which is no channel: who is meant hears nothing"
            yield Check("alarms", "warning", finding, "name it in alarms.channels, or correct the roster (Alarm care)")


def _rosters(settings: Settings) -> dict[str, set[str]]:
    """The channels that the roster of each site calls; none where the registry, as its own check says, is not well."""
    kind, _, place = settings.registry_url.partition("://")
    if kind == "sqlite" and not Path(place.removeprefix("/")).exists():
        return {}
    try:
        with closing(Registry(settings.registry_url)) as registry, registry.reading() as session:
            return {site.id: {duty.channel for duty in duties(session, site.id)} for site in sites(session)}
    except (DayuanError, SQLAlchemyError, OSError):
        return {}


def _calendar(settings: Settings) -> Iterator[Check]:
    calendar = Calendar(settings.timezone)
    for year in (datetime.now(UTC).year, datetime.now(UTC).year + 1):
        if calendar.covers(year):
            yield Check("calendar", "ok", f"Chinese workdays of {year} are known")
        else:
            remedy = f"update the chinesecalendar package when {year} is published; until then Monday to Friday count"
            yield Check("calendar", "warning", f"Chinese workdays of {year} are not known", remedy)


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except (ConnectionRefusedError, TimeoutError):
        return False


def _is_dayuan(settings: Settings) -> bool:
    host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host
    try:
        answer = httpx.get(f"http://{host}:{settings.web.port}/healthz", timeout=2.0, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.text == "ok\n"


def _one_line(error: Exception) -> str:
    """The first line of an error's own words, without the statement and the link that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


_PORT = "or set DAYUAN_BROKER__PORT to a free one"
_CHECKS: tuple[tuple[Callable[[Settings], Iterator[Check]], str, str], ...] = (
    (_disk, "disk", "set DAYUAN_DATA to a folder that this user may write to"),
    (_clock, "clock", "set the clock: timedatectl set-ntp true"),
    (_broker, "broker", "start it, or correct DAYUAN_BROKER__URL: mqtt://user:password@host:1883"),
    (_registry, "registry", "start it, or correct DAYUAN_REGISTRY; in the place of a damaged file put a backup"),
    (_store, "store", "start it, or correct DAYUAN_STORE; in the place of a damaged file put a backup"),
    (_payloads, "payloads", "correct the mapping file, see docs/howto-payloads.md"),
    (_alarms, "alarms", "correct alarms.channels, see docs/howto-alarms.md"),
    (_web, "web", "set DAYUAN_WEB__HOST to an address of this machine"),
    (_calendar, "calendar", "correct DAYUAN_TIMEZONE"),
)
