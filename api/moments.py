"""Instants as people and clients write them: ISO 8601, with the site's offset."""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from api.problems import invalid
from schema.instant import to_datetime, to_micros

UTC = ZoneInfo("UTC")
_LOST_PLUS = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)$")
_LAST = to_micros(datetime(2200, 1, 1, tzinfo=UTC))
_STEP = re.compile(r"(\d{1,5})(s|min|h|d)")
_UNITS = {"s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


@dataclass(frozen=True, slots=True)
class Span:
    """Instants with start <= time < end."""

    start: int
    end: int


def iso(instant: int, zone: ZoneInfo) -> str:
    """An instant with the site's offset, to the millisecond where it has any."""
    moment = to_datetime(instant).astimezone(zone)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def instant(text: str, zone: ZoneInfo, name: str) -> int:
    """The instant of an ISO 8601 date or time, in the site's zone unless it has an offset; 422 naming the parameter."""
    # An unescaped "+" of a query string arrives as a blank.
    written = _LOST_PLUS.sub(r"\1+\2", text)
    try:
        moment = datetime.fromisoformat(written)
        found = to_micros(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise invalid(f"{name}: {text!r} is no ISO 8601 date or time such as 2026-05-01 or 2026-05-01T08:00") from None
    if not 0 <= found < _LAST:
        raise invalid(f"{name}: {text!r} is not between 1970 and 2200")
    return found


def span(start: str | None, end: str | None, zone: ZoneInfo, default: Span) -> Span:
    """Parameters `from` and `to`, each with the end or the length of the default; 422 when they run backwards."""
    last = instant(end, zone, "to") if end is not None else default.end
    first = instant(start, zone, "from") if start is not None else max(0, last - (default.end - default.start))
    if first >= last:
        raise invalid(f"from ({iso(first, zone)}) must be before to ({iso(last, zone)})")
    return Span(first, last)


def step(text: str) -> int:
    """Microseconds of a step such as 30s, 15min, 1h, 1d; 422 otherwise."""
    match = _STEP.fullmatch(text)
    if match is None or not int(match[1]):
        raise invalid(f"every: {text!r} is no step such as 30s, 15min, 1h or 1d")
    return int(match[1]) * _UNITS[match[2]]
