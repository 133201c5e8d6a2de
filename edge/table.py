"""Wide CSV: a time stamp, then one column a meter (or a point); read twice, never held in memory."""

import csv
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from schema.errors import Stop
from schema.instant import SECOND, to_micros


class Row(NamedTuple):
    """The cells of [start, end), as text, without the time stamp."""

    start: int
    end: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A scanned file: interval starts in strictly rising order, and the usual distance between them, in us.

    `duplicates` counts rows whose time stamp repeats the row before; the first of them is the one that is used.
    """

    path: Path
    zone: tzinfo
    columns: tuple[str, ...]
    times: "array[int]"
    cadence: int
    duplicates: int

    @property
    def end(self) -> int:
        """The instant the last interval ends."""
        return self.times[-1] + self.cadence

    def rows(self) -> Iterator[Row]:
        """Every row once; an interval ends after the usual distance, or where the next one starts."""
        starts = iter(self.times)
        following = iter([*self.times[1:], self.end])
        wanted = next(starts)
        for time, cells in _lines(self.path, self.zone, len(self.columns)):
            if time == wanted:
                yield Row(time, min(time + self.cadence, next(following)), cells)
                wanted = next(starts, -1)


def scan(path: Path, zone: tzinfo) -> Table:
    """Read the file once, checking all but the values; Stop names the line and the way out.

    `zone` is that of time stamps without an offset.
    """
    columns = _header(path)
    times = array("q")
    duplicates = 0
    for time, _ in _lines(path, zone, len(columns)):
        if times and time == times[-1]:
            duplicates += 1
        else:
            times.append(time)
    if len(times) < 2:
        raise Stop(f"{path}: needs at least two rows, to know how long an interval is")
    ((cadence, _),) = Counter(after - before for before, after in pairwise(times)).most_common(1)
    if cadence < SECOND:
        raise Stop(f"{path}: rows are less than a second apart")
    return Table(path, zone, columns, times, cadence, duplicates)


def number(cell: str) -> Decimal | None:
    """The exact value of a cell; None where it holds no finite number."""
    try:
        value = Decimal(cell)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _header(path: Path) -> tuple[str, ...]:
    for _, cells in _records(path):
        columns = tuple(cell.strip() for cell in cells[1:])
        if not columns:
            raise Stop(f"{path}: needs a time stamp and at least one more column, separated by commas")
        if "" in columns or len(set(columns)) < len(columns):
            raise Stop(f"{path}: every column needs a title of its own, in the first line")
        return columns
    raise Stop(f"{path}: is empty")


def _lines(path: Path, zone: tzinfo, width: int) -> Iterator[tuple[int, list[str]]]:
    """(interval start, cells) of every row; a row that ends early has empty cells."""
    previous = None
    for line, cells in _records(path):
        if line == 1:
            continue
        if len(cells) > width + 1:
            raise Stop(f"{path}, line {line}: {len(cells)} cells under {width + 1} titles")
        time = _instant(path, line, cells[0], zone, previous)
        if previous is not None and time < previous:
            raise Stop(f"{path}, line {line}: {cells[0]} comes before the row above; sort the file by time")
        previous = time
        yield time, cells[1:] + [""] * (width + 1 - len(cells))


def _instant(path: Path, line: int, stamp: str, zone: tzinfo, previous: int | None) -> int:
    try:
        moment = datetime.fromisoformat(stamp.strip())
    except ValueError:
        raise Stop(f"{path}, line {line}: {stamp!r} is no ISO 8601 time stamp, like 2026-11-22 08:00:00") from None
    if moment.tzinfo is not None:
        return to_micros(moment)
    time = to_micros(moment.replace(tzinfo=zone))
    # The hour that the clocks go through twice in autumn: what seems to go back is its second pass.
    return to_micros(moment.replace(tzinfo=zone, fold=1)) if previous is not None and time <= previous else time


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each line that is not blank; the header's number is 1."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            first = True
            for cells in reader:
                if any(cells):
                    yield 1 if first else reader.line_num, cells
                    first = False
    except OSError as error:
        raise Stop(f"{path}: {error.strerror}; give the path of a CSV file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Stop(f"{path}: is not CSV in UTF-8 ({error})") from error
