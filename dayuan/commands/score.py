"""`dayuan score`: how good the detection is on labelled data."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from dayuan.saying import said

app = typer.Typer(help="Score the detection on labelled data.", no_args_is_help=True)
console = Console(highlight=False)


@app.callback()
def scoring() -> None:
    """Score the detection on labelled data."""


@app.command()
def nab(
    folder: Annotated[Path, typer.Argument(help="Folder of the benchmark: data/, labels/ and profiles.json.")],
    rivals: Annotated[bool, typer.Option(help="Run the rivals too (river's where it is installed).")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Score the detection on the Numenta Anomaly Benchmark, by its own scoring function, beside rivals.

        dayuan score nab ../shared/data/nab

    For each profile: the score at the threshold that serves all files best, as the benchmark is published, and at the
    one threshold that is shipped. 0 is a detector that never speaks, 100 a perfect one.
    """
    with said():
        from dayuan.score.nab import measure, table

        result = measure(folder, rivals=rivals)
        if as_json:
            typer.echo(json.dumps(result))
        else:
            for part in table(result):
                console.print(part)


@app.command()
def faults(
    meters: Annotated[
        Path | None,
        typer.Argument(help="Folder with cambridge's CSVs of real meters; the compound alone if not given."),
    ] = None,
    simulated: Annotated[
        Path | None, typer.Option(help="Folder of `dayuan simulate --out`; not scored if not given.")
    ] = None,
    table: Annotated[str, typer.Option(help="The table of meters in the folder.")] = "electricity_kwh_2018_2019.csv",
    kind: Annotated[
        str | None, typer.Option(help="The kind of the real meters; by the name of the table if not given.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Time zone of the real meters.")] = "Europe/London",
    seed: Annotated[int, typer.Option(help="The same seed puts in the same faults.")] = 7,
    rivals: Annotated[int, typer.Option(help="Real meters that rivals are tried on; 0 for none.", min=0)] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Precision, recall, delay and alarms a meter and week, by kind of fault.

        dayuan simulate --out var/year --days 180 --faults all

        dayuan score faults ../shared/data/cambridge --simulated var/year

    Faults are put into copies of real hourly meters; what is found in the copy without faults is a false alarm. In a
    simulated compound the faults are those of its labels.
    """
    with said(), Progress(console=Console(stderr=True), transient=True) as bar:
        from analytics.calendar import Calendar
        from dayuan.score import compound
        from schema.errors import Stop

        if meters is None and simulated is None:
            raise Stop("give a folder of real meters, or --simulated with one of `dayuan simulate --out`, or both")
        result: dict[str, Any] = {}
        if meters is not None:
            result["real"] = _real(meters, table, kind, Calendar(zone, None), seed, rivals, bar)
        if simulated is not None:
            task = bar.add_task("the simulated compound", total=None)
            result["simulated"] = compound.run(
                simulated, "Asia/Shanghai", lambda time: bar.update(task, completed=time)
            )
    if as_json:
        import msgspec

        typer.echo(json.dumps(msgspec.to_builtins(result)))
        return
    for name, part in result.items():
        console.print(_table(name, part))
        for key, value in part.items():
            if key not in {"kinds", "rivals"}:
                console.print(f"{key}: {value}")
        for rival in part.get("rivals", ()):
            console.print("rival " + ", ".join(f"{key} {value}" for key, value in rival.items()))


def _real(
    folder: Path, table: str, kind: str | None, zone: Any, seed: int, rivals: int, bar: Progress
) -> dict[str, Any]:
    from analytics.score import injected
    from analytics.score.rivals import rivals as scorers
    from devices import kinds
    from schema.errors import Stop

    kind = kind or f"{table.partition('_')[0]}_meter"
    known = [name for name, of in kinds().items() if of.carrier is not None and of.consumption == "energy"]
    if kind not in known:
        raise Stop(f"{kind!r} is no kind of meter in kWh; give --kind, one of {', '.join(known)}")
    meters = injected.read(folder / table, folder / "weather_bedford.csv", kind)
    task = bar.add_task("real meters", total=len(meters.time))
    result = injected.run(meters, seed, zone, progress=lambda hours: bar.advance(task, hours))
    result["recall_20_to_100_percent_for_a_day"] = round(injected.overall(result["kinds"], injected.OF_A_DAY), 3)
    few = meters.some(rivals)
    result["rivals"] = []
    for name, scorer in scorers().items() if rivals else ():
        if name in {"null", "random"}:
            continue
        task = bar.add_task(name, total=None)
        result["rivals"].append(injected.rival(name, scorer, few, injected.OF_A_DAY, seed, zone))
        bar.remove_task(task)
    return result


def _table(name: str, part: dict[str, Any]) -> Table:
    titles = ("fault", "n", "recall", "precision", "delay, h", "alarms a meter and week", "found by")
    table = Table(*titles, title=f"{name}")
    for one in part["kinds"]:
        cells = (one.faults, one.recall, one.precision, one.delay_h, one.alarms_per_meter_week)
        table.add_row(one.kind, *("-" if cell is None else f"{cell:g}" for cell in cells), ", ".join(one.rules[:3]))
    return table
