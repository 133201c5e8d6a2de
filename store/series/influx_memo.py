"""Aggregates of whole weeks kept in memory for as long as InfluxDB 1.x has written nothing to their shards.

One series' year of 1-minute data takes the server 0.25-0.6 s to aggregate. Its own counter of points written to each
shard, read before the values, tells any process whether an answer still holds: no mark in the data, no hold on writers.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from schema.instant import DAY, to_micros
from schema.series import SeriesKey
from store.series.influx_ql import Result
from store.series.port import Aggregate

WEEK = 7 * DAY
# The server's default shards are weeks that begin on Mondays; 1970 began on a Thursday.
_MONDAY = 4 * DAY

Stamp = tuple[object, ...]
STATEMENTS = ("SHOW DIAGNOSTICS FOR 'system'", "SHOW SHARDS", "SHOW STATS FOR 'shard'")


def weeks(start: int, end: int) -> list[tuple[int, int]]:
    """[start, end) cut at Mondays 00:00 UTC."""
    first = (start - _MONDAY) // WEEK * WEEK + _MONDAY + WEEK
    edges = [start, *range(first, end, WEEK), end]
    return list(pairwise(edges))


@dataclass(frozen=True, slots=True)
class Shards:
    """What the server had written when it was asked: (begin, end, identity and counter) of each shard."""

    started: object
    counters: tuple[tuple[int, int, Stamp], ...]

    @classmethod
    def of(cls, answers: list[Result], database: str) -> "Shards":
        """From the answers to STATEMENTS."""
        system, shards, stats = answers
        table = dict(zip(system.series[0].columns, system.series[0].values[0], strict=True))
        written = {
            series.tags["id"]: series.values[0][series.columns.index("writePointsOk")]
            for series in stats.series
            if series.tags.get("database") == database
        }
        counters = []
        for series in shards.series:
            for row in (dict(zip(series.columns, cells, strict=True)) for cells in series.values):
                if row["database"] == database:
                    begin, end = (
                        to_micros(datetime.fromisoformat(str(row[name]))) for name in ("start_time", "end_time")
                    )
                    counters.append((begin, end, (row["id"], written.get(f"{row['id']:.0f}"))))
        return cls((table["PID"], table["started"]), tuple(counters))

    def stamp(self, start: int, end: int) -> Stamp:
        """What changes with any write into [start, end)."""
        return (self.started, *(stamp for begin, stop, stamp in self.counters if begin < end and start < stop))


class Memo:
    """The most recently used answers, up to `rows` buckets in all; thread-safe."""

    def __init__(self, rows: int = 1_000_000) -> None:
        self._room = rows
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[tuple[SeriesKey, ...], int, int], tuple[Stamp, Aggregate]] = OrderedDict()

    def get(self, keys: tuple[SeriesKey, ...], every: int, start: int, stamp: Stamp) -> Aggregate | None:
        """The answer for the week from `start`, if nothing was written since."""
        with self._lock:
            kept = self._kept.get((keys, every, start))
            if kept is None or kept[0] != stamp:
                return None
            self._kept.move_to_end((keys, every, start))
            return kept[1]

    def put(self, every: int, start: int, stamp: Stamp, answer: Aggregate) -> None:
        """Keep an answer under the stamp taken before it was asked for."""
        with self._lock:
            place = (answer.keys, every, start)
            if replaced := self._kept.pop(place, None):
                self._room += len(replaced[1].time) + 1
            self._kept[place] = (stamp, answer)
            self._room -= len(answer.time) + 1
            while self._room < 0:
                _, (_, gone) = self._kept.popitem(last=False)
                self._room += len(gone.time) + 1
