"""A trace: one series as a CSV of timestamp and value, whatever state its rows are in."""

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from schema.errors import Reject
from schema.instant import SECOND, to_micros

ABSURD = 1e15
"""Values beyond this are nobody's measurement."""

_TIMES = frozenset({"timestamp", "time", "date", "datetime"})
_TICKS = (1e11, SECOND), (1e14, SECOND // 1000), (1e17, 1), (1e20, 1e-3)
"""Numbers below the first of each pair count time since 1970 in units of so many microseconds."""


class Row(NamedTuple):
    """A row as it is written, and what it says: an instant (naive stamps taken as UTC) and a number, or None."""

    stamp: str
    text: str
    time: int | None
    value: float | None


def rows(lines: Iterable[str]) -> Iterator[Row]:
    """Every row of a CSV but its header and blank lines; the first two columns, unless a header names others."""
    reader = csv.reader(lines)
    places: tuple[int, int] | None = None
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fields = [""]
        if not fields:
            continue
        if places is None:
            places = _places(fields)
            if places is not None:
                continue
            places = 0, 1
        stamp, text = (fields[place] if place < len(fields) else "" for place in places)
        yield Row(stamp, text, instant(stamp), number(text))


def opened(path: Path) -> TextIO:
    """A file as text, whatever bytes it holds; Reject where it cannot be read."""
    try:
        return path.open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise Reject("unreadable", f"{path}: {error.strerror}") from None


def instant(text: str) -> int | None:
    """Microseconds of an ISO 8601 stamp (a blank or slashes will do) or of a number since 1970; else None."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return _ticks(text)
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def number(text: str) -> float | None:
    """A finite number that may be a measurement; else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < ABSURD else None


def _ticks(text: str) -> int | None:
    try:
        ticks = float(text)
    except ValueError:
        return None
    if not 0 < ticks < math.inf:
        return None
    return next((int(ticks * unit) for limit, unit in _TICKS if ticks < limit), None)


def _places(fields: list[str]) -> tuple[int, int] | None:
    """Where a header has the timestamp and the value; None where the row is no header."""
    names = [field.strip().lower() for field in fields]
    if any(number(name) is not None for name in names[:2]) or (names and instant(names[0]) is not None):
        return None
    time = next((place for place, name in enumerate(names) if name in _TIMES), 0)
    other = next((place for place in range(len(names)) if place != time), 1)
    return time, names.index("value") if "value" in names else other
