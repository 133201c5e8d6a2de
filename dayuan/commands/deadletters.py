"""`dayuan deadletters`: what could not be accepted, on the command line, beside a running platform."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dayuan.saying import console, said
from schema.errors import Stop
from schema.instant import now, to_datetime, to_micros

if TYPE_CHECKING:
    from store.registry.base import Registry
    from store.registry.deadletters import Search

app = typer.Typer(help="Dead letters: find, read, try again after a fix, discard.", no_args_is_help=True)

BATCH = 500
"""Letters asked for at once: what fails is seen before the next are asked for."""
LOOK = 0.5

Site = Annotated[str, typer.Option(help="Only of this site.")]
Device = Annotated[str, typer.Option(help="Only of this device.")]
Reason = Annotated[str, typer.Option(help="Only parked for this reason, such as unknown_unit.")]
Text = Annotated[str, typer.Option("--text", help="Only with these words in topic or detail.")]
Since = Annotated[str, typer.Option("--from", help="Received from then on, ISO 8601; UTC without an offset.")]
Until = Annotated[str, typer.Option("--to", help="Received before then.")]
Ids = Annotated[
    list[int] | None, typer.Argument(help="Ids of letters; with none, the options choose.", show_default=False)
]


@app.command("list")
def list_(
    site: Site = "",
    device: Device = "",
    reason: Reason = "",
    text: Text = "",
    from_: Since = "",
    to: Until = "",
    limit: Annotated[int, typer.Option(help="At most so many, the newest.", min=1, max=10_000)] = 50,
) -> None:
    """The newest letters, one a line, and how many there are by reason.

    dayuan deadletters list --reason unknown_unit --from 2026-05-01
    """
    from store.registry import deadletters

    with said(), _registry() as registry, registry.reading() as session:
        search = _search(site, device, reason, text, from_, to)
        for row in deadletters.found(session, search, limit=limit):
            received = to_datetime(row.received).strftime("%Y-%m-%dT%H:%M:%SZ")
            console.print(
                f"{row.id:>8}  {received}  {row.reason}  {row.topic}  {row.detail}", soft_wrap=True, markup=False
            )
        console.print(f"{deadletters.count(session, search)} kept; ever parked: {_told(deadletters.counts(session))}")


@app.command()
def show(letter: Annotated[int, typer.Argument(help="Its id.")]) -> None:
    """One letter with its payload, as it came.

    dayuan deadletters show 4711
    """
    from store.registry.deadletters import DeadLetter

    with said(), _registry() as registry, registry.reading() as session:
        row = session.get(DeadLetter, letter)
        if row is None:
            raise Stop(f"there is no dead letter {letter}; see `dayuan deadletters list`")
        again = f", tried {row.tried} times more" if row.tried else ""
        console.print(f"{row.topic}\n{row.reason}: {row.detail}{again}\n{row.size} bytes", soft_wrap=True, markup=False)
        typer.echo(row.payload)


@app.command()
def replay(
    ids: Ids = None,
    site: Site = "",
    device: Device = "",
    reason: Reason = "",
    text: Text = "",
    from_: Since = "",
    to: Until = "",
    limit: Annotated[int, typer.Option(help="At most so many letters, the newest.", min=1, max=50_000)] = BATCH,
    patience: Annotated[float, typer.Option(help="Seconds without progress to wait for ingest.")] = 30.0,
) -> None:
    """Have the running ingest take letters in again, after what was wrong is put right.

        dayuan deadletters replay --device main-1 --reason unknown_unit

        dayuan deadletters replay 4711 4712

    Exit codes: 0 all are taken in, 1 some were refused again (their reason is now the newest), 2 it cannot be done.
    """
    from rich.progress import Progress

    from store.registry import deadletters
    from store.registry.people import audit

    with said(), _registry() as registry:
        wanted = _chosen(registry, ids, _search(site, device, reason, text, from_, to), limit)
        refused = cut = 0
        with Progress(console=console) as progress:
            task = progress.add_task("taking in", total=len(wanted))
            for first in range(0, len(wanted), BATCH):
                batch = wanted[first : first + BATCH]
                with registry.writing() as session:
                    asked = deadletters.ask(session, batch, now())
                    audit(session, now(), "command line", "dead letters replayed", f"{len(asked)} letters")
                cut += len(batch) - len(asked)
                for waiting in _waited(registry, asked, patience):
                    progress.update(task, completed=first + len(batch) - waiting)
                with registry.reading() as session:
                    refused += deadletters.outcome(session, asked).refused
        kept = f", {cut} cannot be: only their beginning was kept, or they are gone" if cut else ""
        console.print(f"{len(wanted) - refused - cut} taken in, {refused} refused again{kept}")
        if refused or cut:
            raise typer.Exit(1)


@app.command()
def discard(
    ids: Ids = None,
    site: Site = "",
    device: Device = "",
    reason: Reason = "",
    text: Text = "",
    from_: Since = "",
    to: Until = "",
    limit: Annotated[int, typer.Option(help="At most so many letters, the newest.", min=1, max=50_000)] = BATCH,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take letters off the shelf for good.

    dayuan deadletters discard --reason undecodable --to 2026-05-01
    """
    from store.registry import deadletters
    from store.registry.people import audit

    with said(), _registry() as registry:
        wanted = _chosen(registry, ids, _search(site, device, reason, text, from_, to), limit)
        if not yes and not typer.confirm(f"discard {len(wanted)} letters for good?"):
            raise typer.Exit(1)
        with registry.writing() as session:
            deadletters.discard(session, wanted)
            audit(session, now(), "command line", "dead letters discarded", f"{len(wanted)} letters")
        console.print(f"{len(wanted)} discarded")


def _registry() -> AbstractContextManager["Registry"]:
    from dayuan.parts import registry_alone
    from dayuan.settings import Settings

    return registry_alone(Settings.load())


def _search(site: str, device: str, reason: str, text: str, start: str, end: str) -> "Search":
    from store.registry.deadletters import Search

    return Search(site or None, device or None, reason or None, text or None, _instant(start), _instant(end))


def _chosen(registry: "Registry", ids: list[int] | None, search: "Search", limit: int) -> list[int]:
    from store.registry import deadletters

    if ids and any(search):
        raise Stop("give ids or options that choose, not both")
    if ids:
        return list(dict.fromkeys(ids))
    if not any(search):
        raise Stop("name letters by id, or choose with --site, --device, --reason, --text, --from, --to")
    with registry.reading() as session:
        return sorted(row.id for row in deadletters.found(session, search, limit=limit))


def _waited(registry: "Registry", asked: list[int], patience: float) -> Iterator[int]:
    """How many still wait for ingest, until none does; Stop when it does nothing for too long."""
    from store.registry import deadletters

    least, since = len(asked), time.monotonic()
    while least:
        time.sleep(LOOK)
        with registry.reading() as session:
            waiting = deadletters.outcome(session, asked).waiting
        if waiting < least:
            least, since = waiting, time.monotonic()
        elif time.monotonic() - since > patience:
            raise Stop(
                f"{waiting} letters wait: ingest is not running, or its store is away; it will take them when it is"
            )
        yield waiting


def _instant(text: str) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Stop(f"{text!r} is no ISO 8601 time, like 2026-05-01T08:00+08:00") from None
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=to_datetime(0).tzinfo))


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "nothing"
