"""How many readings a second the detectors take on one core, all of them on, and what river does one at a time."""

import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from analytics.calendar import Calendar
from analytics.detect import Detection, detectors, engine
from analytics.detect.core import Context, State
from schema.batch import Batch
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey

BEGIN = 1_704_067_200_000_000
QUARTER = 15 * MINUTE
WARM = 26 * 24
"""Hours after which everything that is learned has begun to be used."""
MODEL = 1_000
"""Series that are warmed up; more have copies of their state."""
HOURS = 12
RIVAL_READINGS = 20_000

_MIX = (
    ("electricity_meter_15min", "energy"),
    ("electricity_meter_15min", "energy"),
    ("electricity_meter_15min", "energy"),
    ("water_meter_15min", "volume"),
    ("heat_meter_15min", "energy"),
    ("electricity_meter", "power"),
    ("electricity_meter", "voltage"),
    ("electricity_meter", "power_factor"),
    ("room_sensor", "temperature"),
    ("cold_chain", "temperature"),
)
"""What ten series of a compound are."""
_LEVELS = (10.0, 10.0, 10.0, 0.5, 5.0, 40.0, 225.0, 0.95, 23.0, 4.0)


def run(sizes: Sequence[int], progress: Callable[[str], object]) -> dict[str, Any]:
    """Readings/s a core by number of series, of each detector on its own at 10,000, and of river beside them."""
    progress("warming up")
    warm = _warmed()
    by_size = {}
    for size in sizes:
        progress(f"{size:,} series")
        by_size[size] = _measured(_grown(warm, size), size)
    headline = by_size.get(10_000) or by_size[max(by_size)]
    progress("river, one reading at a time")
    rival = _river()
    return {
        "series": headline["series"],
        "readings_per_s": headline["readings_per_s"],
        "rival": rival[0],
        "rival_readings_per_s": rival[1],
        "state_bytes_per_series": headline["state_bytes_per_series"],
        "detectors": len(detectors()),
        "cadence_s": QUARTER // 1_000_000,
        "sizes": list(by_size.values()),
    }


def _measured(detection: Detection, size: int) -> dict[str, Any]:
    """CPU seconds of this thread for some hours of readings, an instant of all series at a time."""
    keys, context = _keys(size), _context()
    rng = np.random.default_rng(2)
    batches = [_batch(keys, BEGIN + WARM * HOUR + at * QUARTER, rng) for at in range(4 * HOURS)]
    spent = []
    for batch in batches:
        begin = time.thread_time()
        detection.update(batch, context)
        spent.append(time.thread_time() - begin)
    rate = len(batches) * size / sum(spent)
    return {
        "series": size,
        "readings_per_s": round(rate),
        "state_bytes_per_series": round(detection.state_bytes() / size),
        "ms_per_instant_p50": round(1000 * float(np.median(spent)), 2),
        "ms_per_instant_max": round(1000 * max(spent), 2),
    }


def _warmed() -> Detection:
    detection, context, keys = Detection(), _context(), _keys(MODEL)
    rng = np.random.default_rng(1)
    for day in range(WARM // 24):
        parts = [_batch(keys, BEGIN + (day * 24 + hour) * HOUR, rng) for hour in range(24)]
        detection.update(Batch.concat(parts), context)
    return detection


def _grown(warm: Detection, size: int) -> Detection:
    """A detection of so many series, each in the state of one that was warmed up."""
    detection = Detection()
    times = -(-size // MODEL)
    tables = warm.tables
    series = _tiled(tables.series, times, size)
    detection.tables = engine.Tables(series, tables.sites.copy())
    for name, state in tables.of.items():
        detection.tables.of[name] = engine.placed(
            detection.tables, name, detection.detectors, _tiled(state, times, size)
        )
    return detection


def _tiled(state: State, times: int, size: int) -> State:
    keys = tuple(
        key._replace(device=f"d{place}")
        for copy in range(times)
        for key in state.keys
        if (place := copy * MODEL + int(key.device[1:])) < size
    )
    columns = {name: np.tile(cells, times)[..., : len(keys)].copy() for name, cells in state.columns.items()}
    return State(keys, columns, {key: row for row, key in enumerate(keys)})


def _keys(size: int) -> tuple[SeriesKey, ...]:
    return tuple(SeriesKey("bench", "b1", *_kind(place, f"d{place}")) for place in range(size))


def _kind(place: int, device: str) -> tuple[str, str, str]:
    kind, point = _MIX[place % len(_MIX)]
    return kind, device, point


def _batch(keys: tuple[SeriesKey, ...], time_: int, rng: np.random.Generator) -> Batch:
    size = len(keys)
    level = np.resize(_LEVELS, size)
    swing = 1 + 0.3 * np.sin(time_ / DAY * 2 * np.pi) * (level != 225.0) * (level != 4.0)
    value = level * np.where(level == 225.0, 1.0, swing) * (1 + rng.normal(0, 0.01, size))
    return Batch.of(keys, np.arange(size), np.full(size, time_), value)


def _context() -> Context:
    return Context(BEGIN + 400 * DAY, {"bench": Calendar("Asia/Shanghai")})


def _river() -> tuple[str, int | None]:
    """River's one detector for a stream of one variable that also knows its distribution; None where it is missing."""
    name = "river GaussianScorer + HalfSpaceTrees + ADWIN, one reading at a time"
    if find_spec("river") is None:
        return name, None
    from river import anomaly, drift, preprocessing  # noqa: PLC0415

    scorer: Any = _made(anomaly.GaussianScorer)
    trees: Any = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1)
    adwin: Any = _made(drift.ADWIN)
    values = (10 + np.random.default_rng(1).normal(0, 1, RIVAL_READINGS)).tolist()
    begin = time.thread_time()
    for value in values:
        scorer.score_one(None, value)
        scorer.learn_one(None, value)
        x = {"value": value}
        trees.score_one(x)
        trees.learn_one(x)
        adwin.update(value)
    return name, round(RIVAL_READINGS / (time.thread_time() - begin))


def _made(kind: Callable[..., Any]) -> Any:
    return kind()
