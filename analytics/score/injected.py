"""Faults injected into real hourly meters, and what the detectors and their rivals make of them.

Each kind of fault is put into a copy of all meters, as a site of its own; all sites run through the live core at once.
False alarms are the findings on the copy that was left as it is. A fault begins at a random hour, on average one every
five weeks on each meter, and what it changes is rounded to the meter's resolution. The figures of every second meter
are given apart, to show how much they hang on which meters there are.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import Calendar
from analytics.detect import Detection
from analytics.detect.core import Context
from analytics.score.faults import GRACE, MONTH, WEEK, Opening, Score, Truth, openings, score
from schema.batch import Batch
from schema.errors import Reject
from schema.instant import DAY, HOUR, to_micros
from schema.series import INTERVAL_SUFFIX, SeriesKey

Floats = NDArray[np.float64]

LEARNING = 100 * DAY
"""Nothing is counted before."""
CLEAN = "none"
RESOLUTION = 0.1
PORTION = 7 * 24


class Meters(NamedTuple):
    """Hourly kWh (hour, meter) of some buildings, the outdoor air where it is known, and the kind of the meters."""

    names: list[str]
    time: NDArray[np.int64]
    kwh: Floats
    air: Floats | None
    kind: str = "electricity_meter"

    def some(self, number: int) -> "Meters":
        """So many of them, spread over all."""
        chosen = np.unique(np.linspace(0, len(self.names) - 1, max(number, 1)).astype(int))
        return self._replace(names=[self.names[at] for at in chosen], kwh=self.kwh[:, chosen])


class Kind(NamedTuple):
    """A kind of fault: for so many hours a meter counts so many times as much, and a share of its mean more.

    `night` is only from 20:00 to 06:00 local time; `grows` is from nothing to that; where there is a `most`, each fault
    is of a size drawn evenly from `times` to that.
    """

    hours: int
    times: float = 1.0
    most: float | None = None
    plus: float = 0.0
    night: bool = False
    grows: bool = False

    def drawn(self, rng: np.random.Generator) -> "Kind":
        """One fault of this kind."""
        return self if self.most is None else self._replace(times=float(rng.uniform(self.times, self.most)), most=None)

    def change(self, kwh: Floats, mean: float, hour: NDArray[np.int64]) -> Floats:
        """What it makes of some hours of a meter of that mean."""
        share = np.arange(1, len(kwh) + 1) / len(kwh) if self.grows else np.ones(len(kwh))
        if self.night:
            share = share * ((hour >= 20) | (hour < 6))
        return kwh + share * (kwh * (self.times - 1) + self.plus * mean)


DRAWN = "+20 to 100 %, drawn evenly, for a day"
KINDS: dict[str, Kind] = {
    DRAWN: Kind(24, 1.2, 2.0),
    "+20 % for a day": Kind(24, 1.2),
    "+30 % for a day": Kind(24, 1.3),
    "+50 % for a day": Kind(24, 1.5),
    "+100 % for a day": Kind(24, 2.0),
    "20 % of the mean left on for a day": Kind(24, plus=0.2),
    "half the mean left on overnight": Kind(14, plus=0.5, night=True),
    "-50 % for a day": Kind(24, 0.5),
    "stuck at zero for 12 h": Kind(12, 0.0),
    "spike of 20 times the mean": Kind(1, plus=20.0),
    "+25 % for a fortnight": Kind(14 * 24, 1.25),
    "drift to +30 % in a month": Kind(30 * 24, 1.3, grows=True),
}
OF_A_DAY = ("+20 % for a day", "+30 % for a day", "+50 % for a day", "+100 % for a day")
"""Faults of at least 20 % for a day, in equal numbers."""


def read(table: Path, weather: Path | None, kind: str = "electricity_meter") -> Meters:
    """A wide CSV of hourly kWh, a column a meter, and one of weather with `temp_c`; Reject says what is wrong."""
    header, rows = _rows(table)
    try:
        time = np.array([to_micros(datetime.fromisoformat(row[0]).replace(tzinfo=UTC)) for row in rows])
        kwh = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows])
        air = None
        if weather is not None and weather.exists():
            names, lines = _rows(weather)
            at = {line[0]: float(line[names.index("temp_c")] or "nan") for line in lines}
            air = np.array([at.get(row[0], np.nan) for row in rows])
    except ValueError as error:
        raise Reject("bad_table", f"{table}: {error}") from error
    return Meters(header[1:], time, kwh, air, kind)


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        raise Reject("bad_table", f"{path}: {error}") from error
    return header, rows


def inject(meters: Meters, kind: str, site: str, seed: int, zone: Calendar) -> tuple[Floats, list[Truth]]:
    """A copy of the meters with faults of a kind, and what was done."""
    rng = np.random.default_rng([seed, *kind.encode()])
    hours = KINDS[kind].hours
    kwh, truths = meters.kwh.copy(), []
    local = zone.hour_of_week(meters.time).astype(np.int64) % 24
    mean = np.nanmean(meters.kwh, axis=0)
    for meter, name in enumerate(meters.names):
        at = int(LEARNING // HOUR + rng.integers(0, 21 * 24))
        while at + hours + 48 < len(kwh):
            part = slice(at, at + hours)
            changed = KINDS[kind].drawn(rng).change(kwh[part, meter], float(mean[meter]), local[part])
            kwh[part, meter] = np.round(changed / RESOLUTION) * RESOLUTION
            begin = int(meters.time[at])
            truths.append(Truth(kind, begin, begin + hours * HOUR, frozenset({(site, name)})))
            at += hours + int(rng.integers(3 * 7 * 24, 7 * 7 * 24))
    return kwh, truths


def run(
    meters: Meters,
    seed: int,
    zone: Calendar,
    kinds: Mapping[str, Kind] = KINDS,
    progress: Callable[[int], object] = int,
) -> dict[str, Any]:
    """Scores of the live detectors by kind of fault, and their false alarms on the meters as they are."""
    sites = {CLEAN: "site0"} | {kind: f"site{number}" for number, kind in enumerate(kinds, 1)}
    tables, truths = {CLEAN: meters.kwh}, dict[str, list[Truth]]()
    for kind in kinds:
        tables[kind], truths[kind] = inject(meters, kind, sites[kind], seed, zone)
    context = Context(int(meters.time[-1]) + DAY, dict.fromkeys(sites.values(), zone))
    detection, found = Detection(), []
    for hours, batch in _batches(meters, {sites[kind]: table for kind, table in tables.items()}):
        found += detection.update(batch, context)
        progress(hours)
    start = int(meters.time[0]) + LEARNING
    opened = [opening for opening in openings(found) if opening.time > start]
    span = int(meters.time[-1]) - start

    def scored(names: list[str]) -> list[Score]:
        return [
            score(
                kind,
                [truth for truth in truths[kind] if next(iter(truth.where))[1] in names],
                [one for one in opened if one.place[0] == sites[kind] and one.place[1] in names],
                span * len(names) / WEEK,
            )
            for kind in kinds
        ]

    halves = {"even": meters.names[::2], "odd": meters.names[1::2]}
    return {
        "meters": len(meters.names),
        "false_alarms": _false(opened, sites[CLEAN], span, meters.names),
        "kinds": scored(meters.names),
        "halves": {
            half: {
                "false_alarms": _false(opened, sites[CLEAN], span, names),
                "recall": {one.kind: one.recall for one in scored(names)},
            }
            for half, names in halves.items()
            if names
        },
    }


def overall(scores: list[Score], kinds: tuple[str, ...]) -> float:
    """The share found of all faults of some kinds."""
    chosen = [score for score in scores if score.kind in kinds]
    return sum((one.recall or 0) * one.faults for one in chosen) / max(sum(one.faults for one in chosen), 1)


def _false(opened: list[Opening], site: str, span: int, names: list[str]) -> dict[str, Any]:
    """False alarms a meter and month: all, by rule, and of the quietest, the middle and the loudest meter."""
    chosen = set(names)
    clean = [opening for opening in opened if opening.place[0] == site and opening.place[1] in chosen]
    by_meter = np.array([sum(opening.place[1] == name for opening in clean) for name in names])
    months = span / MONTH
    total = months * len(names)
    rules = sorted({opening.rule for opening in clean})
    return {
        "per_meter_month": round(len(clean) / total, 3),
        "by_rule": {rule: round(sum(o.rule == rule for o in clean) / total, 3) for rule in rules},
        "least_median_most": [round(float(np.quantile(by_meter, q) / months), 2) for q in (0, 0.5, 1)],
    }


def _batches(meters: Meters, tables: Mapping[str, Floats]) -> Iterator[tuple[int, Batch]]:
    """A week of all sites at a time, as intervals of 15 minutes that each stand for their hour."""
    keys = tuple(
        SeriesKey(site, "b1", f"{meters.kind}{INTERVAL_SUFFIX}", name, "energy")
        for site in tables
        for name in meters.names
    )
    airs = tuple(SeriesKey(site, "b1", "weather_station", "weather", "temperature") for site in tables)
    for first in range(0, len(meters.time), PORTION):
        part = slice(first, first + PORTION)
        time = meters.time[part]
        values = np.concatenate([table[part] for table in tables.values()], axis=1) / 4
        batch = Batch.of(keys, np.tile(np.arange(len(keys)), len(time)), np.repeat(time, len(keys)), values.ravel())
        if meters.air is not None:
            air = np.repeat(meters.air[part], len(airs))
            code = np.tile(np.arange(len(airs)), len(time))
            batch = Batch.concat([batch, Batch.of(airs, code, np.repeat(time, len(airs)), air)])
        yield len(time), batch.take(np.isfinite(batch.value))


def rival(
    name: str,
    scorer: Callable[[NDArray[np.int64], Floats], Floats],
    meters: Meters,
    kinds: tuple[str, ...],
    seed: int,
    zone: Calendar,
) -> dict[str, Any]:
    """What a scorer of single readings finds, at the threshold that gives it one false alarm a meter and month.

    It is given that threshold by hindsight, which no detector has; its scores are means over a day, which suits
    faults of a day; an alarm opens when none was for half a day.
    """
    start = int(LEARNING // HOUR)
    months = (len(meters.time) - start) * HOUR / MONTH

    def smooth(kwh: Floats) -> Floats:
        out = np.zeros_like(kwh)
        for meter in range(kwh.shape[1]):
            points = np.nan_to_num(scorer(meters.time, np.nan_to_num(kwh[:, meter])))
            total = np.cumsum(np.insert(np.clip(points, -1e6, 1e6), 0, 0.0))
            out[24:, meter] = (total[24:-1] - total[:-25]) / 24
        return out

    def opens(scores: Floats, threshold: float) -> list[NDArray[np.intp]]:
        above = scores > threshold
        ever = np.cumsum(np.insert(above, 0, False, axis=0), axis=0)
        new = above.copy()
        new[12:] &= ever[12:-1] == ever[:-13]
        return [np.flatnonzero(new[start:, meter]) + start for meter in range(scores.shape[1])]

    clean = smooth(meters.kwh)
    levels = np.quantile(clean[start:], 1 - np.geomspace(1e-5, 0.3, 60))
    rates = [sum(map(len, opens(clean, level))) / clean.shape[1] / months for level in levels]
    allowed = [level for level, rate in zip(levels, rates, strict=True) if rate <= 1.0]
    threshold = min(allowed) if allowed else float(clean.max())
    result: dict[str, Any] = {"rival": name}
    for kind in kinds:
        kwh, truths = inject(meters, kind, "rival", seed, zone)
        found = opens(smooth(kwh), threshold)
        place = {meter: number for number, meter in enumerate(meters.names)}
        hits = 0
        for truth in truths:
            ((_, meter),) = truth.where
            times = meters.time[found[place[meter]]] + HOUR
            hits += bool(((times > truth.begin) & (times <= truth.end + GRACE)).any())
        result[kind] = round(hits / max(len(truths), 1), 3)
    return result
