"""`dayuan bench`: what this machine does, measured on the parts that are used."""

import json
import tempfile
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from schema.errors import DayuanError

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
        from dayuan.bench_store import run

        with tempfile.TemporaryDirectory(prefix="dayuan-bench-") as folder:
            results = run(store or [f"duckdb:///{folder}/bench.duckdb"], rows)
    except DayuanError as error:
        Console(stderr=True, highlight=False).print(f"[bold red]dayuan:[/bold red] {error}", soft_wrap=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(results, indent=1))
    else:
        console.print(_table(results))


def _table(results: list[dict[str, Any]]) -> Table:
    """A column a store."""
    table = Table("", *(result["store"] for result in results))
    for name, title in _COLUMNS.items():
        cells = [result[name] for result in results]
        table.add_row(title, *(f"{cell:,}" if name == "rows_per_s" else f"{cell:,.1f} ms" for cell in cells))
    return table
