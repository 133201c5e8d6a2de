"""Settling: takes the worklist, brings the books of everything it names up to date, and says what is new.

Settling the same work twice gives the same books, so a crash between two steps costs time and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np

from analytics import ledger
from devices import kinds
from devices.kind import Point
from schema.batch import Batch
from schema.instant import HOUR
from schema.series import SeriesKey
from store.registry.worklist import Work
from store.series.port import SeriesStore

Widths = Mapping[tuple[str, str], float]
"""Where the consumption registers of (site, device) roll over, if it is not where their kind does."""
NO_WIDTHS: Widths = {}


def settle(store: SeriesStore, work: Sequence[Work], widths: Widths = NO_WIDTHS) -> Batch:
    """Write the intervals of every counter in the work; they, as written."""
    counters = [item for item in work if _counter(item.key) is not None]
    written = []
    # Series touched over much the same time are read together; one that is late by days is not to widen all others.
    counters.sort(key=_window)
    for _, group in groupby(counters, key=_window):
        written.append(_settle_together(store, list(group), widths))
    batch = Batch.concat(written)
    if len(batch):
        store.write(batch)
    return batch


def _settle_together(store: SeriesStore, work: list[Work], widths: Widths) -> Batch:
    keys = [item.key for item in work]
    low, high = min(item.low for item in work), max(item.high for item in work)
    # A reading changes the two segments it ends and begins: all that lies between its neighbours is settled anew.
    spans = {key: _span(rows) for key, rows in _by_series(store.read(keys, low, high + 1, margin=True))}
    if not spans:
        return Batch.empty()
    start, end = min(span[0] for span in spans.values()), max(span[1] for span in spans.values())
    rows = []
    for key, readings in _by_series(store.read(list(spans), start, end, margin=True)):
        first, last = spans[key]
        settled = ledger.settle(readings.time, readings.value, _width(key, widths), first, last)
        count = len(settled.start)
        rows.append(Batch.of([key.intervals()], [0] * count, settled.start, settled.value, settled.quality))
    return Batch.concat(rows)


def _by_series(batch: Batch) -> Iterable[tuple[SeriesKey, Batch]]:
    """The rows of each series; a store answers ordered by series and time."""
    cuts = np.flatnonzero(np.diff(batch.code)) + 1
    starts = [0, *cuts.tolist()] if len(batch) else []
    for first, last in zip(starts, [*starts[1:], len(batch)], strict=True):
        yield batch.keys[batch.code[first]], batch.take(np.arange(first, last))


def _span(readings: Batch) -> tuple[int, int]:
    return ledger.floor(int(readings.time[0])), ledger.ceil(int(readings.time[-1]))


def _window(item: Work) -> tuple[int, int]:
    return item.low // HOUR, item.high // HOUR


def _width(key: SeriesKey, widths: Widths) -> float | None:
    """The value a counter rolls over at, None where it never does."""
    counter = _counter(key)
    own = widths.get((key.site, key.device)) if kinds()[key.kind].consumption == key.point else None
    return own or (counter.width if counter else None)


def _counter(key: SeriesKey) -> Point | None:
    kind = kinds().get(key.kind)
    point = kind.point(key.point) if kind else None
    return point if point and point.kind == "counter" else None
