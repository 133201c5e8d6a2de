"""How fast a time-series store appends, and answers the questions that pages ask most."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from schema.batch import Batch
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey
from store.series import open_store
from store.series.port import SeriesStore

_BEGIN = 1_704_067_200_000_000
_SERIES = 1000
_BATCH = 5000
_YEAR_MINUTES = 365 * 24 * 60


def run(urls: list[str], rows: int) -> list[dict[str, Any]]:
    """One result a store: rows/s appended, and ms of the last values, a year by hours, a raw day; use empty stores."""
    return [_measure(url, rows) for url in urls]


def _measure(url: str, rows: int) -> dict[str, Any]:
    store = open_store(url)
    try:
        keys = [SeriesKey("bench", "b1", "bench_meter", f"d{number:04}", "energy") for number in range(_SERIES)]
        appended = _append(store, keys, rows)
        year = keys[0]._replace(device="year")
        _append(store, [year], _YEAR_MINUTES)
        end = _BEGIN + _YEAR_MINUTES * MINUTE
        first, hourly = _timed(lambda: store.aggregate([year], _BEGIN, end, HOUR))
        return {
            "store": url.split("://", maxsplit=1)[0],
            "rows": rows,
            "rows_per_s": round(rows / appended),
            "last_1000_ms": _timed(lambda: store.latest(keys))[1],
            "year_hourly_first_ms": first,
            "year_hourly_ms": hourly,
            "day_raw_ms": _timed(lambda: store.read([year], end - DAY, end))[1],
            "interval_margin_1000_ms": _timed(lambda: _margins(store, keys, rows))[1],
        }
    finally:
        store.close()


def _append(store: SeriesStore, keys: list[SeriesKey], rows: int) -> float:
    """Seconds spent in write, for readings a minute apart with two decimals."""
    random = np.random.default_rng(1)
    spent = 0.0
    for first in range(0, rows, _BATCH):
        place = np.arange(first, min(first + _BATCH, rows))
        value = np.round(random.random(len(place)) * 1000, 2)
        batch = Batch.of(keys, place % len(keys), _BEGIN + place // len(keys) * MINUTE, value)
        begin = time.perf_counter()
        store.write(batch)
        spent += time.perf_counter() - begin
    return spent


def _margins(store: SeriesStore, keys: list[SeriesKey], rows: int) -> Batch:
    """A quarter of an hour of every series with its neighbours, as the ledger asks for it."""
    start = _BEGIN + max(0, rows // _SERIES - 20) * MINUTE
    return store.read(keys, start, start + 15 * MINUTE, margin=1)


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the first call, and the median of five after it."""
    spent = []
    for _ in range(6):
        begin = time.perf_counter()
        call()
        spent.append((time.perf_counter() - begin) * 1000)
    return round(spent[0], 2), round(median(spent[1:]), 2)
