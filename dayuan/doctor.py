"""`dayuan doctor`: looks at everything the platform stands on, and says in one line what to do about each fault."""

import asyncio
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from analytics.calendar import Calendar
from bus.client import Client, Link
from dayuan.broker import find_mosquitto
from dayuan.settings import Settings, config_file
from schema.errors import DayuanError, RetryLater, Stop
from store.registry.base import Registry
from store.registry.migrate import pending
from store.registry.places import sites
from store.series import open_store

State = Literal["ok", "warning", "fault"]
_MARKS = {"ok": "[green]✓[/green]", "warning": "[yellow]![/yellow]", "fault": "[bold red]✗[/bold red]"}
FREE_LOW, FREE_LEAST = 5e9, 5e8


class Check(NamedTuple):
    """One thing looked at; `remedy` says what to do about a warning or fault."""

    subject: str
    state: State
    finding: str
    remedy: str = ""


def examine(load: Callable[[], Settings]) -> Iterator[Check]:
    """Every check in turn; one that fails does not keep the others from being made."""
    yield Check("Python", "ok", sys.version.split()[0])
    try:
        settings = load()
    except Stop as error:
        yield Check("configuration", "fault", str(error), "correct what is named and run dayuan doctor again")
        return
    file = config_file()
    yield Check("configuration", "ok", f"{file}" if file.is_file() else "defaults and environment")
    for check in (_disk, _clock, _broker, _registry, _store, _web, _calendar):
        try:
            yield from check(settings)
        except DayuanError as error:
            yield Check(check.__name__.strip("_"), "fault", str(error), "see the line on the left")


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
        yield Check("broker", "fault", str(error), "start it, or correct DAYUAN_BROKER__URL")
    except Stop as error:
        yield Check("broker", "fault", str(error), "correct DAYUAN_BROKER__URL or the broker's own settings")
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
    if (
        settings.registry_url.startswith("sqlite")
        and not Path(settings.registry_url.removeprefix("sqlite:///")).exists()
    ):
        yield Check("registry", "ok", "will be made at the first start")
        return
    registry = Registry(settings.registry_url)
    try:
        with registry.reading() as session:
            session.execute(text("SELECT 1"))
        missing = pending(registry)
        if missing:
            yield Check(
                "registry", "warning", f"{missing} migrations to go", "they are made at the next start; back up first"
            )
        else:
            with registry.reading() as session:
                yield Check("registry", "ok", f"{settings.registry_url.split('://')[0]}, {len(sites(session))} sites")
    except RetryLater as error:
        yield Check("registry", "fault", str(error), "start the database, or correct DAYUAN_REGISTRY")
    finally:
        registry.close()


def _store(settings: Settings) -> Iterator[Check]:
    try:
        store = open_store(settings.store_url)
    except Stop as error:
        if _listens(settings.web.host, settings.web.port):
            yield Check("store", "ok", "in use by the dayuan run that is running")
        else:
            yield Check("store", "fault", str(error), "correct DAYUAN_STORE")
        return
    except RetryLater as error:
        yield Check("store", "fault", str(error), "start it, or correct DAYUAN_STORE")
        return
    try:
        began = time.perf_counter()
        count = len(store.series())
        yield Check("store", "ok", f"{count} series, answered in {(time.perf_counter() - began) * 1e3:.0f} ms")
    except RetryLater as error:
        yield Check("store", "fault", str(error), "start it, or correct DAYUAN_STORE")
    finally:
        store.close()


def _web(settings: Settings) -> Iterator[Check]:
    host, port = settings.web.host, settings.web.port
    if _listens(host, port):
        yield Check("web", "ok", f"something answers on {host}:{port}; if it is not dayuan, set DAYUAN_WEB__PORT")
    else:
        yield Check("web", "ok", f"{host}:{port} is free")


def _calendar(settings: Settings) -> Iterator[Check]:
    calendar = Calendar(settings.timezone)
    for year in (datetime.now(UTC).year, datetime.now(UTC).year + 1):
        if calendar.covers(year):
            yield Check("calendar", "ok", f"Chinese workdays of {year} are known")
        else:
            remedy = f"update the chinesecalendar package when {year} is published; until then Monday to Friday count"
            yield Check("calendar", "warning", f"Chinese workdays of {year} are not known", remedy)


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == 0
