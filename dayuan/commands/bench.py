"""`dayuan bench`: what this machine does, measured on the parts that are used."""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from dayuan.saying import said
from schema.errors import DayuanError, Stop

app = typer.Typer(help="Measure how fast the parts are on this machine.", no_args_is_help=True)
console = Console(highlight=False)

_COLUMNS = {
    "rows_per_s": "rows/s written",
    "last_1000_ms": "last values of 1,000 series",
    "year_hourly_first_ms": "a year by hours, first",
    "year_hourly_ms": "a year by hours, again",
    "day_raw_ms": "a raw day",
    "interval_margin_1000_ms": "15 min of 1,000 series",
}


@app.callback()
def bench() -> None:
    """Measure how fast the parts are on this machine."""


@app.command()
def store(
    store: Annotated[list[str] | None, typer.Option(help="Address of an empty store; DuckDB if not given.")] = None,
    rows: Annotated[int, typer.Option(help="Readings to write, over 1,000 series.", min=20_000)] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, for programs.")] = False,
) -> None:
    """Write readings a minute apart to a time-series store, and ask it what pages and books ask most.

    A store that is given keeps what is written: give an empty one, such as `influxdb://127.0.0.1:8086/bench`.
    """
    try:
        from dayuan.bench.store import run

        with tempfile.TemporaryDirectory(prefix="dayuan-bench-") as folder:
            results = run(store or [f"duckdb:///{folder}/bench.duckdb"], rows)
    except DayuanError as error:
        Console(stderr=True, highlight=False).print(f"[bold red]dayuan:[/bold red] {error}", soft_wrap=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(results, indent=1))
    else:
        console.print(_table(results))


@app.command()
def chaos(
    kills: Annotated[int, typer.Option(help="Times to strike; each takes one part or several at once.", min=1)] = 50,
    seed: Annotated[int, typer.Option(help="The same seed strikes the same parts in the same order.")] = 7,
    ingest: Annotated[int, typer.Option(help="Ingest processes that share the load.", min=1)] = 1,
    disks: Annotated[int, typer.Option(help="Times an agent's disk is replaced by an empty one.", min=0)] = 1,
    mosquitto: Annotated[Path | None, typer.Option(help="Another mosquitto than the one that is found.")] = None,
    keep: Annotated[Path | None, typer.Option(help="A new folder to leave all data and logs in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Kill agents, broker, ingest, InfluxDB and the network, alone and together, and count what is lost.

        dayuan bench chaos --kills 50 --seed 7 --json

    Exit codes: 0 nothing is lost, doubled or changed and the books are those of an undisturbed run; 1 otherwise.
    """
    with said(), tempfile.TemporaryDirectory(prefix="dayuan-chaos-") as folder:
        from dayuan.bench.chaos.run import Plan, run, sound, summary

        if keep is not None:
            if keep.exists():
                raise Stop(f"{keep} is there already: name a new folder")
            keep.mkdir(parents=True)
        plan = Plan(kills=kills, seed=seed, ingest=ingest, disks=disks, mosquitto=mosquitto)
        result = run(plan, (keep or Path(folder)).absolute(), Console(stderr=True, highlight=False))
    if as_json:
        typer.echo(json.dumps(result))
    else:
        console.print(summary(result), soft_wrap=True)
    raise typer.Exit(0 if sound(result) else 1)


@app.command()
def edge(
    meters: Annotated[int, typer.Option(help="Simulated Modbus meters, in a process of their own.", min=1)] = 200,
    interval: Annotated[float, typer.Option(help="Seconds between readings of a meter.", min=0.1)] = 1,
    seconds: Annotated[float, typer.Option(help="How long to read them.", min=1)] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Let an edge agent read Modbus meters through to their end-to-end acknowledgement; count the slots it misses.

        dayuan bench edge --meters 200 --interval 1 --seconds 60 --json

    Exit codes: 0 no slot was missed; 1 some were.
    """
    with said(), tempfile.TemporaryDirectory(prefix="dayuan-edge-") as folder:
        from dayuan.bench.edge import run, summary

        result = run(meters, interval, seconds, Path(folder), Console(stderr=True, highlight=False))
    if as_json:
        typer.echo(json.dumps(result))
    else:
        console.print(summary(result), soft_wrap=True)
    raise typer.Exit(1 if result["missed"] else 0)


@app.command()
def backfill(
    messages: Annotated[int, typer.Option(help="Messages that wait in the outbox.", min=1000)] = 200_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Let an agent catch up after an outage, and measure how long a reading of now waits meanwhile.

    dayuan bench backfill --messages 200000 --json
    """
    with said(), tempfile.TemporaryDirectory(prefix="dayuan-backfill-") as folder:
        from dayuan.bench.backfill import run, summary

        result = run(messages, Path(folder), Console(stderr=True, highlight=False))
    if as_json:
        typer.echo(json.dumps(result))
    else:
        console.print(summary(result), soft_wrap=True)


def _table(results: list[dict[str, Any]]) -> Table:
    """A column a store."""
    table = Table("", *(result["store"] for result in results))
    for name, title in _COLUMNS.items():
        cells = [result[name] for result in results]
        table.add_row(title, *(f"{cell:,}" if name == "rows_per_s" else f"{cell:,.1f} ms" for cell in cells))
    return table


@app.command()
def books(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Wide CSV of amounts, as for `replay`.")],
    days: Annotated[int | None, typer.Option(help="Only the first so many days.", min=1)] = None,
    duplicated: Annotated[float, typer.Option(help="Share of the messages that come twice.", min=0, max=1)] = 0.05,
    delayed: Annotated[float, typer.Option(help="Share that comes up to two days late.", min=0, max=1)] = 0.05,
    malformed: Annotated[float, typer.Option(help="Share that also comes once spoiled.", min=0, max=1)] = 0.01,
    corrected: Annotated[float, typer.Option(help="Share that first says otherwise.", min=0, max=1)] = 0.02,
    hours: Annotated[int, typer.Option(help="Hours of the file between two settlings.", min=1)] = 24,
    seed: Annotated[int, typer.Option(help="The same seed has the same mishaps.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Replay real registers clean and with mishaps through ingest and ledger, and compare the books bit for bit.

        dayuan bench books electricity_kwh.csv --days 60 --json

    Exit codes: 0 the books are the same to the last bit; 1 they are not.
    """
    from rich.progress import Progress

    with said():
        from dayuan.bench.books import Mishaps, run
        from schema.instant import HOUR

        mishaps = Mishaps(duplicated, delayed, malformed, corrected)
        with Progress(console=Console(stderr=True)) as progress:
            tasks = {name: progress.add_task(name, total=1.0) for name in ("clean", "with mishaps")}

            def told(name: str, share: float) -> None:
                progress.update(tasks[name], completed=share)

            result = run(file, days=days, mishaps=mishaps, seed=seed, step=hours * HOUR, told=told)
    if as_json:
        typer.echo(json.dumps(result))
    else:
        console.print(result)
    raise typer.Exit(0 if result["equal_bit_for_bit"] else 1)


@app.command()
def ingest(
    store: Annotated[Literal["duckdb", "influxdb", "both"], typer.Option(help="Where readings go.")] = "both",
    readings: Annotated[str, typer.Option(help="Readings a message, a run each.")] = "1,10,100",
    processes: Annotated[str, typer.Option(help="Ingest processes, a run each; more than one on InfluxDB.")] = "1",
    seconds: Annotated[float, typer.Option(help="How long each run publishes.", min=0.1)] = 6.0,
    minutes: Annotated[float, typer.Option(help="One steady run of so long instead, to watch its memory.")] = 0.0,
    rate: Annotated[float, typer.Option(help="Messages/s of that run.", min=1)] = 2_000.0,
    registry: Annotated[
        str, typer.Option(help="PostgreSQL server to make the registry's database on (it goes away again).")
    ] = "",
    rival: Annotated[Path | None, typer.Option(help="Folder that has Node-RED's node_modules.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Messages through MQTT QoS 1 to acknowledged, durable rows by a real `dayuan ingest`, and the limits of its parts.

    Broker, store, ingest and publishers are processes of their own in a temporary folder; nothing else is touched.

    `dayuan bench ingest --store influxdb --readings 1 --processes 1,2,3`

    `dayuan bench ingest --store duckdb --readings 10 --minutes 30 --rate 2000`
    """
    with said():
        from dayuan.bench.ingest.report import report, show, soak

        progress = Console(stderr=True, highlight=False)
        if minutes:
            one = "influxdb" if store == "influxdb" else "duckdb"
            found = soak(one, _numbers(readings)[0], minutes, rate, progress.print)
        else:
            stores = ["duckdb", "influxdb"] if store == "both" else [store]
            found = report(stores, _numbers(readings), _numbers(processes), seconds, registry, rival, progress.print)
        if as_json:
            typer.echo(json.dumps(found))
        else:
            show(found, console)


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise Stop(f"{text!r} are no whole numbers, such as 1,10,100")
    return numbers


@app.command()
def detect(
    sizes: Annotated[str, typer.Option(help="Numbers of series, a run each.")] = "1000,10000,100000",
    alarms: Annotated[int, typer.Option(help="Alarms to time through a `dayuan run` of its own; 0 for none.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Measure all detectors on one core, river beside them, and the time from a reading to its alarm on a page.

    dayuan bench detect --sizes 10000 --alarms 0 --json
    """
    with said():
        import asyncio

        from dayuan.bench.detect import run
        from dayuan.bench.latency import run as latency

        tell = Console(stderr=True, highlight=False)
        result = run([_positive(size) for size in sizes.split(",")], tell.print)
        if alarms:
            tell.print(f"{alarms} alarms through a platform")
            result |= asyncio.run(latency(alarms))
    if as_json:
        typer.echo(json.dumps(result))
        return
    console.print(f"{result['rival']}: {result['rival_readings_per_s'] or 0:,} readings/s")
    for row in result["sizes"]:
        console.print(row)
    if alarms:
        console.print({key: value for key, value in result.items() if key.startswith("publish_to_page")})


def _positive(text: str) -> int:
    """A number of series; Stop for anything else."""
    if not text.strip().isdigit() or not int(text):
        raise Stop(f"--sizes {text!r} should read like 1000,10000")
    return int(text)
