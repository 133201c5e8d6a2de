"""Where an interval of the books comes from: its segments, the readings behind them, and the rule that applied."""

from dataclasses import dataclass

import numpy as np

from analytics.books import habit, ledger, rules
from analytics.books.register import GAP, INTERVAL, Change, segments
from analytics.books.settling import MARGIN, Ground
from schema.series import Quality, SeriesKey
from store.series.port import SeriesStore


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment that reaches into the interval: all it counted, and by which rule."""

    begin: int
    end: int
    amount: float
    rule: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A reading as it came; one that does not count was left out of the books."""

    time: int
    value: float
    counts: bool


@dataclass(frozen=True, slots=True)
class Taught:
    """What filled a gap: the weeks before it, and how many wholly measured intervals they hold."""

    begin: int
    end: int
    intervals: int


@dataclass(frozen=True, slots=True)
class Origin:
    """An interval as it is booked, and what it follows from; `value` is None when nothing is known of it."""

    start: int
    end: int
    value: float | None
    quality: int
    rule: int
    pieces: tuple[Piece, ...]
    readings: tuple[Seen, ...]
    changes: tuple[Change, ...]
    taught: Taught | None


def origin(store: SeriesStore, key: SeriesKey, time: int, ground: Ground) -> Origin:
    """Where the interval of a register that an instant lies in comes from."""
    start = ledger.floor(time)
    end = start + INTERVAL
    booked = store.read([key.intervals()], start, end)
    readings = store.read([key], start, end, margin=MARGIN)
    register = ground.register(key)
    counted = segments(readings.time, readings.value, register)
    touched = np.flatnonzero((counted.begin < end) & (counted.end > start)).tolist()
    rule = int(rules.rule_of(booked.quality)[0]) if len(booked) else rules.NONE
    pieces = tuple(
        Piece(int(counted.begin[at]), int(counted.end[at]), float(counted.amount[at]), _applied(counted.rule[at], rule))
        for at in touched
    )
    low, high = (pieces[0].begin, pieces[-1].end) if pieces else (start, end)
    ends = set(counted.begin.tolist()) | set(counted.end.tolist())
    near = (readings.time >= low) & (readings.time <= high)
    return Origin(
        start=start,
        end=end,
        value=float(booked.value[0]) if len(booked) else None,
        quality=int(rules.quality_of(booked.quality)[0]) if len(booked) else Quality.PARTIAL,
        rule=rule,
        pieces=pieces,
        readings=tuple(
            Seen(instant, value, instant in ends)
            for instant, value in zip(readings.time[near].tolist(), readings.value[near].tolist(), strict=True)
        ),
        changes=tuple(change for change in register.changes if low <= change.time <= high),
        taught=_taught(store, key, pieces),
    )


def _applied(rule: int, booked: int) -> int:
    """The rule of a segment; whether a gap was filled by habit only the booked interval knows."""
    return rules.PROFILE if rule == rules.FLAT and booked == rules.PROFILE else int(rule)


def _taught(store: SeriesStore, key: SeriesKey, pieces: tuple[Piece, ...]) -> Taught | None:
    gaps = [piece for piece in pieces if piece.rule in rules.GAPS and piece.end - piece.begin > GAP]
    if not gaps:
        return None
    begin, end = habit.window(gaps[0].begin)
    booked = store.read([key.intervals()], begin, end)
    return Taught(begin, end, int(rules.taught(booked.quality).sum()))
