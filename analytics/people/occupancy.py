"""Head count: who went in less who came out since the nightly reset, from gate events or else gate counters."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.books.register import GAP, INTERVAL
from schema.batch import Batch
from schema.event import Pass
from schema.instant import to_datetime, to_micros
from schema.text import Text

RESET_HOUR = 4
"""At this local hour the compound counts as empty: small miscounts would otherwise add up for ever."""


class Crossing(NamedTuple):
    """People going through a gate at an instant: +n in, -n out."""

    time: int
    device: str
    id: str
    heads: int


class Heads(msgspec.Struct, frozen=True, kw_only=True):
    """People on foot in the compound since the nightly reset; vehicles are not heads.

    `present`, `entries`, `exits` are None where no gate has said anything since; `curve` is the count at the end of
    each quarter hour, by its start; `uncertain` says why the count may be off, None when nothing speaks against it.
    """

    present: int | None
    entries: int | None
    exits: int | None
    since: str
    source: Literal["events", "counters", "mixed", "none"]
    curve: list[tuple[str, int]]
    uncertain: Text | None
    devices: list[str]


def reset_before(now: int, zone: ZoneInfo) -> int:
    """The latest nightly reset at or before an instant."""
    local = to_datetime(now).astimezone(zone)
    day = local.date() if local.hour >= RESET_HOUR else local.date() - timedelta(days=1)
    return to_micros(datetime(day.year, day.month, day.day, RESET_HOUR, tzinfo=zone))


def from_events(events: Iterable[tuple[str, Pass]]) -> list[Crossing]:
    """Crossings of (device, pass) that really were passages of people, each event once, in time order."""
    seen = {
        (device, event.id): Crossing(event.time, device, event.id, 1 if event.direction == "in" else -1)
        for device, event in events
        if event.passed and event.subject != "vehicle"
    }
    return sorted(seen.values(), key=_order)


def from_counters(registers: Batch, since: int) -> list[Crossing]:
    """Crossings of gate registers `entries` and `exits`; the last reading before `since` is its start."""
    found = []
    for key in registers.keys:
        if key.point not in {"entries", "exits"}:
            continue
        rows = registers.of_series(key)
        delta = np.maximum(np.diff(rows.value), 0.0)  # a fall is a reset: nothing was counted
        sign = 1 if key.point == "entries" else -1
        for before, time, people in zip(rows.time[:-1].tolist(), rows.time[1:].tolist(), delta.tolist(), strict=True):
            # What a register counted over a long silence may have been yesterday's.
            if time >= since and before >= since - GAP and people:
                found.append(Crossing(time, key.device, key.point, sign * round(people)))
    return sorted(found, key=_order)


def count(
    crossings: Sequence[Crossing], now: int, zone: ZoneInfo, devices: Sequence[str], counters: Sequence[str] = ()
) -> Heads:
    """Heads at `now`, whatever order the crossings came in; `devices` spoke by events, `counters` by registers only."""
    since = reset_before(now, zone)
    source: Literal["events", "counters", "mixed", "none"] = "events" if devices else "counters" if counters else "none"
    if devices and counters:
        source = "mixed"
    iso = _iso(since, zone)
    if source == "none":
        return Heads(
            present=None, entries=None, exits=None, since=iso, source=source, curve=[], uncertain=None, devices=[]
        )
    inside = sorted((crossing for crossing in set(crossings) if since <= crossing.time <= now), key=_order)
    times = np.array([crossing.time for crossing in inside], np.int64)
    heads = np.array([crossing.heads for crossing in inside], np.int64)
    present, short = running(heads)
    edges = np.arange(since, now + 1, INTERVAL, dtype=np.int64)
    at = np.searchsorted(times, edges + INTERVAL, side="left")
    curve = np.concatenate([[0], present])[at]
    uncertain = None
    if short:
        uncertain = Text(
            f"自{RESET_HOUR}时起，离开比进入多出 {short} 人次（有人在重置前已在院内，或有进入漏计）。",
            f"{short} more left than had come in since {RESET_HOUR}:00: some were inside before, or came in uncounted.",
        )
    return Heads(
        present=int(present[-1]) if len(present) else 0,
        entries=int(heads[heads > 0].sum()),
        exits=-int(heads[heads < 0].sum()),
        since=iso,
        source=source,
        curve=[(_iso(int(edge), zone), int(n)) for edge, n in zip(edges, curve, strict=True)],
        uncertain=uncertain,
        devices=sorted({*devices, *counters}),
    )


def running(heads: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """(the count after each crossing, never below zero; how many left who were never counted in)."""
    if not len(heads):
        return heads, 0
    total = np.cumsum(heads)
    floor = np.minimum(np.minimum.accumulate(total), 0)
    return total - floor, -int(floor[-1])


def _order(crossing: Crossing) -> tuple[int, int, str, str]:
    # Of two people at the same instant the one coming in goes first, so that the count need not be floored.
    return crossing.time, -crossing.heads, crossing.device, crossing.id


def _iso(time: int, zone: ZoneInfo) -> str:
    return to_datetime(time).astimezone(zone).isoformat()
