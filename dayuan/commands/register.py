"""`dayuan register`: declared changes of registers, on the command line, beside a running platform."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from dayuan.saying import console, said
from schema.errors import Stop
from schema.instant import now, to_datetime, to_micros

if TYPE_CHECKING:
    from store.registry.base import Registry
    from store.registry.exchanges import Sort

app = typer.Typer(
    help="Declare that a meter was exchanged, a register reset or a ratio changed; see what changed in the books.",
    no_args_is_help=True,
)

ACTOR = "command line"

Device = Annotated[str, typer.Argument(help="Id of the meter.")]
At = Annotated[str, typer.Option("--at", help="When, ISO 8601; in the site's time zone without an offset.")]
Site = Annotated[str, typer.Option(help="Its site.")]
Point = Annotated[str, typer.Option(help="The register, if not the one its kind books.")]
Note = Annotated[str, typer.Option(help="Why, for those who read it later.")]
Factor = Annotated[float | None, typer.Option(help="What is counted is multiplied by it from then on.")]
Width = Annotated[float | None, typer.Option(help="The value the register rolls over at from then on.")]


@app.command()
def exchange(
    device: Device,
    at: At,
    closing_: Annotated[float, typer.Option("--closing", help="What the old meter read last.")],
    opening: Annotated[float, typer.Option(help="What the new meter read first.")],
    factor: Factor = None,
    width: Width = None,
    site: Site = "demo",
    point: Point = "",
    note: Note = "",
) -> None:
    """A meter was exchanged: the books count the old one to its closing register, the new one from its opening.

    Example: `dayuan register exchange main-1 --at 2026-05-04T10:30 --closing 81244.6 --opening 12.1`
    """
    _declare(site, device, point, "exchange", at, closing_, opening, factor, width, note)


@app.command()
def reset(
    device: Device,
    at: At,
    closing_: Annotated[float | None, typer.Option("--closing", help="What it read last, if anybody knows.")] = None,
    opening: Annotated[float, typer.Option(help="What it was reset to.")] = 0.0,
    site: Site = "demo",
    point: Point = "",
    note: Note = "",
) -> None:
    """A register was reset: it counts on from there; what it had counted since its last reading needs a closing.

    Example: `dayuan register reset heat-2 --at 2026-05-04T10:30 --closing 99.5`
    """
    _declare(site, device, point, "reset", at, closing_, opening, None, None, note)


@app.command()
def ratio(
    device: Device,
    at: At,
    factor: Annotated[float, typer.Option(help="CT x PT: what is counted is multiplied by it from then on.")],
    register: Annotated[float | None, typer.Option(help="What it read then; interpolated where nobody knows.")] = None,
    site: Site = "demo",
    point: Point = "",
    note: Note = "",
) -> None:
    """The transformers of a meter changed (only where the agent that reads it does not multiply already).

    Example: `dayuan register ratio main-1 --at 2026-05-04T10:30 --factor 40 --register 81244.6`
    """
    _declare(site, device, point, "ratio", at, register, register, factor, None, note)


@app.command("list")
def list_(
    site: Annotated[str, typer.Option(help="Only of this site.")] = "",
    device: Annotated[str, typer.Option(help="Only of this meter.")] = "",
) -> None:
    """Every declaration, one a line.

    Example: `dayuan register list --device main-1`
    """
    from store.registry.exchanges import declared

    with said(), _registry() as registry, registry.reading() as session:
        for row in declared(session, site or None, device or None):
            known = {"closing": row.closing, "opening": row.opening, "factor": row.factor, "width": row.width}
            told = " ".join(f"{name}={value:g}" for name, value in known.items() if value is not None)
            state = f"  withdrawn by {row.withdrawn_by}" if row.withdrawn is not None else ""
            waits = "  not yet in the books" if row.settled is None else ""
            line = (
                f"{row.id:>5}  {_told(row.time)}  {row.site}/{row.device}/{row.point}  {row.sort}  {told}{state}{waits}"
            )
            console.print(line, soft_wrap=True, markup=False)


@app.command()
def withdraw(declaration: Annotated[int, typer.Argument(help="Its id, from `dayuan register list`.")]) -> None:
    """Take a declaration back: the books become what they were without it.

    Example: `dayuan register withdraw 7`
    """
    from store.registry import exchanges
    from store.registry.people import audit

    with said(), _registry() as registry, registry.writing() as session:
        row = session.get(exchanges.RegisterChange, declaration)
        if row is None:
            raise Stop(f"there is no declaration {declaration}; see `dayuan register list`")
        exchanges.withdraw(session, row, ACTOR, now())
        audit(session, now(), ACTOR, "register change withdrawn", f"{row.site}/{row.device}/{row.point}/{row.id}")
    console.print(f"{declaration} withdrawn; analytics settles again what it touched")


@app.command()
def journal(
    device: Device,
    site: Site = "demo",
    point: Point = "",
    limit: Annotated[int, typer.Option(help="At most so many, the newest.", min=1)] = 20,
) -> None:
    """What of a meter's booked quarter hours was changed later: from what to what, and why; the newest first.

    Example: `dayuan register journal main-1`
    """
    from schema.series import Quality
    from store.registry.journal import changes

    with said(), _registry() as registry, registry.reading() as session:
        found = changes(session, site, 0, now(), device=device, point=point or None, limit=limit)
    for row in found:
        old, new = (Quality(quality).name.lower() for quality in (row.old_quality, row.new_quality))
        sums = f"{row.old_value:g} ({old}) -> {row.new_value:g} ({new})"
        why = f"{row.cause}, of {_told(row.low)} to {_told(row.high)}"
        line = f"{_told(row.time)}  {row.point}  {_told(row.begin)} to {_told(row.end)}  {sums}  {why}"
        console.print(line, soft_wrap=True, markup=False)
    if not found:
        console.print(f"nothing was changed in the books of {site}/{device}")


def _told(instant: int) -> str:
    return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%SZ")


def _declare(
    site: str,
    device: str,
    point: str,
    sort: "Sort",
    at: str,
    closing_: float | None,
    opening: float | None,
    factor: float | None,
    width: float | None,
    note: str,
) -> None:
    from devices import kinds
    from store.registry import exchanges
    from store.registry.people import audit
    from store.registry.places import Device, Site

    with said(), _registry() as registry, registry.writing() as session:
        place, meter = session.get(Site, site), session.get(Device, (site, device))
        if place is None or meter is None:
            raise Stop(f"there is no device {device!r} at site {site!r}")
        name = point or kinds()[meter.kind].consumption
        counter = kinds()[meter.kind].point(name) if name else None
        if counter is None or counter.kind != "counter":
            raise Stop(f"{meter.kind} {device!r} has no register {point!r}: name one with --point")
        time = _instant(at, ZoneInfo(place.timezone))
        row = exchanges.declare(
            *(session, meter, counter.name, sort, time),
            closing=closing_,
            opening=opening,
            factor=factor,
            width=width,
            note=note,
            by=ACTOR,
            now=now(),
        )
        audit(session, now(), ACTOR, f"{sort} declared", f"{site}/{device}/{counter.name}/{row.id}", note)
        declared = row.id
    console.print(
        f"declared as {declared}; analytics settles again what it touches (`dayuan register withdraw {declared}`)",
        soft_wrap=True,
    )


def _registry() -> AbstractContextManager["Registry"]:
    from dayuan.parts import registry_alone
    from dayuan.settings import Settings

    return registry_alone(Settings.load())


def _instant(text: str, zone: ZoneInfo) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Stop(f"--at {text!r} is no ISO 8601 time, like 2026-05-04T10:30") from None
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=zone))
