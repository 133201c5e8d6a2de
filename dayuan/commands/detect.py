"""`dayuan detect`: the live detection on files."""

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from dayuan.saying import said
from schema.errors import Reject

_STDIN = Path("-")
_TOLD = 20_000
"""Rows after which somebody who watches is told how far it is."""


def detect(
    files: Annotated[list[Path], typer.Argument(help="CSV of timestamp,value; - for standard input.")],
    out: Annotated[
        Path | None, typer.Option(help="Where the scores go: a file, or for several files a folder; else stdout.")
    ] = None,
) -> None:
    """Stream a CSV of timestamp,value through the live detection, row by row, and write a score for every row.

        dayuan detect machine_temperature.csv --out scores.csv

        dayuan detect data/*.csv --out scores/

        tail -f readings.csv | dayuan detect -

    Out comes timestamp,value,anomaly_score,is_anomaly: the row as it was, a score in [0, 1] that only the rows so far
    have a part in, and 1 from the shipped threshold on. The cadence is inferred, and every file is treated alike. A row
    without a usable number (empty, text, NaN, beyond 1e15) scores 0 and is not learned; they are counted at the end.

    Exit codes: 0 all rows are scored, 2 it cannot be done.
    """
    with said():
        folder = len(files) > 1 or (out is not None and out.is_dir())
        if folder and out is None:
            raise Reject("no_folder", "several files need --out FOLDER")
        for file in files:
            target = out / (file.name if file != _STDIN else "stdin.csv") if folder and out else out
            with _source(file) as lines, _sink(target) as sink:
                _run(file, lines, sink)


def _run(file: Path, lines: Iterable[str], sink: IO[str]) -> None:
    """Score one file, row by row; a line on stderr says what came of it."""
    from analytics.novelty.follow import follow
    from analytics.novelty.trace import rows

    name = "stdin" if file == _STDIN else file.name
    watched = sys.stderr.isatty()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(("timestamp", "value", "anomaly_score", "is_anomaly"))
    total = anomalies = unusable = 0
    for row, score, anomaly, judged in follow(rows(lines)):
        writer.writerow((row.stamp, row.text, f"{score:.6f}", int(anomaly)))
        total, anomalies, unusable = total + 1, anomalies + anomaly, unusable + (not judged)
        if file == _STDIN:
            sink.flush()
        if watched and total % _TOLD == 0:
            typer.echo(f"\r{name}: {total} rows", err=True, nl=False)
    begin = "\r" if watched else ""
    left = f", {unusable} without a usable number" if unusable else ""
    typer.echo(f"{begin}{name}: {total} rows, {anomalies} anomalies{left}", err=True)


@contextmanager
def _source(file: Path) -> Iterator[IO[str]]:
    """The text of a file or of standard input."""
    from analytics.novelty.trace import opened

    if file == _STDIN:
        yield io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", errors="replace", newline="")
    else:
        with opened(file) as lines:
            yield lines


@contextmanager
def _sink(target: Path | None) -> Iterator[IO[str]]:
    """A file that is written whole or not at all, or standard output."""
    if target is None:
        yield sys.stdout
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as sink:
        yield sink
    part.replace(target)
