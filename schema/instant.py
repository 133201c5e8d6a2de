"""Instants: event time as whole microseconds since 1970 UTC, the one time unit of the pipe."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EARLIEST = 20_000 * DAY
"""October 2024: a clock that stands before it was never set."""

Clock = Callable[[], int]
"""Answers the present instant in microseconds; passed in, never reached for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """The instant of an aware datetime; a naive one is refused with ValueError."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return (moment - _EPOCH) // _TICK


def to_datetime(micros: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return _EPOCH + timedelta(microseconds=int(micros))


def running() -> int:
    """Microseconds that pass as they do, whatever becomes of the wall clock; only differences mean anything."""
    return time.monotonic_ns() // 1000


def now() -> int:
    """The wall clock, for composition roots to pass in as a Clock."""
    return to_micros(datetime.now(UTC))
