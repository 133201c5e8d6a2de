"""The detectors on a simulated compound of which every fault is known."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from analytics.books import ledger
from analytics.books.register import INTERVAL
from analytics.books.rules import marked, quality_of
from analytics.books.settling import Ground
from analytics.calendar import Calendar
from analytics.detect import Detection
from analytics.detect.core import Context
from analytics.detect.silent import Watch
from analytics.score.faults import WEEK, Truth, openings, score
from devices import kinds
from ingest.validate import TimeLimits
from schema.batch import Batch
from schema.errors import Stop
from schema.finding import Finding
from schema.instant import DAY, HOUR, MINUTE, SECOND, to_micros
from schema.series import INTERVAL_SUFFIX, Quality, SeriesKey
from schema.text import Text

SITE = "demo"
LOOK = 10 * MINUTE
CLOCK = "clock_skew"
NO_FAULT = frozenset({"rollover", "retrofit"})
"""Labels of what is right; a finding there is a false alarm."""


class Ahead(NamedTuple):
    """A device whose clock is ahead, between two instants of that clock."""

    device: str
    begin: int
    end: int
    by: int


class House(NamedTuple):
    """The devices of a compound, by id, and what is wrong with them."""

    devices: dict[str, dict[str, Any]]
    truths: list[Truth]
    ahead: list[Ahead]

    def came(self, device: str, stamped: int, now: int) -> int:
        """When a reading was sent, which its own clock may have got wrong; not before `now`."""
        for name, begin, end, by in self.ahead:
            if name == device and begin <= stamped < end and stamped - by >= now:
                return stamped - by
        return stamped


def run(folder: Path, zone: str, progress: Callable[[int], object]) -> dict[str, Any]:
    """Scores by kind of fault of what `dayuan simulate --out` wrote; Stop where it did not."""
    house = _house(folder)
    calendar = Calendar(zone)
    context = Context(
        0,
        {SITE: calendar},
        {(SITE, name): Text(**device["title"]) for name, device in house.devices.items()},
        {(SITE, name): device["parent"] for name, device in house.devices.items() if device["parent"]},
    )
    detection, found = Detection(), list[Finding]()
    newest: dict[str, int] = {}
    first, last = 0, 0
    for readings in _days(folder, house):
        first = first or int(readings.time.min())
        last = max(last, int(readings.time.max()))
        found += _day(detection, readings, context, house, newest)
        progress(last)
    opened = [one for one in openings(found) if one.time > first + 28 * DAY]
    kinds_ = sorted({truth.kind for truth in house.truths})
    weeks = len(house.devices) * max(last - first - 28 * DAY, 1) / WEEK
    scores = [score(kind, house.truths, opened, weeks) for kind in kinds_]
    met = {truth: any(truth.met(one) for one in opened) for truth in house.truths}
    false = [one for one in opened if not any(truth.met(one) for truth in house.truths)]
    rules = sorted({one.rule for one in false})
    return {
        "devices": len(house.devices),
        "days": round((last - first) / DAY),
        "faults": len(met),
        "recall": round(sum(met.values()) / max(len(met), 1), 3),
        "precision": round(1 - len(false) / max(len(opened), 1), 3),
        "alarms_per_device_week": round(len(opened) / weeks, 3),
        "false_alarms_per_device_month": round(len(false) / weeks * 30 / 7, 3),
        "false_by_rule": {rule: sum(one.rule == rule for one in false) for rule in rules},
        "kinds": scores,
    }


def _day(
    detection: Detection, readings: Batch, context: Context, house: House, newest: dict[str, int]
) -> list[Finding]:
    """A day's readings quarter by quarter as they come, with looks at the clock between them."""
    found: list[Finding] = []
    order = np.argsort(readings.time, kind="stable")
    readings = readings.take(order)
    hours = readings.time // HOUR
    for hour in np.unique(hours).tolist():
        part = readings.take(np.flatnonzero(hours == hour))
        now = (hour + 1) * HOUR
        context = Context(now + DAY, context.calendars, context.titles, context.parents, context.limits)
        booked = np.array([key.kind.endswith(INTERVAL_SUFFIX) for key in part.keys], bool)[part.code]
        found += detection.registers(part.take(booked), context)
        found += detection.update(
            replace(part, quality=np.where(booked, quality_of(part.quality), part.quality)), context
        )
        # An interval that the ledger filled is no sign of life.
        alive = part.take(~booked | (quality_of(part.quality) != Quality.ESTIMATED))
        for code, time in zip(alive.code.tolist(), alive.time.tolist(), strict=True):
            device = part.keys[code].device
            newest[device] = max(time, newest.get(device, time))
        watches = [
            Watch(SeriesKey(SITE, device["building"], device["kind"], name, ""), newest.get(name), device["interval"])
            for name, device in house.devices.items()
        ]
        at = Context(now - MINUTE, context.calendars, context.titles)
        found += detection.silent(watches, at)
    return found


def _house(folder: Path) -> House:
    try:
        devices = [json.loads(line) for line in (folder / "devices.jsonl").read_text(encoding="utf-8").splitlines()]
        labels = [json.loads(line) for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise Stop(f"{folder} is not what `dayuan simulate --out` writes: {error}") from error
    known = {device["id"]: device for device in devices}
    truths, ahead = [], []
    for label in labels:
        begin, end = (to_micros(datetime.fromisoformat(label[name])) for name in ("begin", "end"))
        if label["fault"] == CLOCK:
            by = round(label["size"] * SECOND)
            ahead.append(Ahead(label["device"], begin + by, end + by, by))
        if label["fault"] not in NO_FAULT:
            point = kinds()[known[label["device"]]["kind"]].point(label["point"])
            # What a register counted wrongly, it counted before the first reading that shows it.
            begin -= INTERVAL if point is not None and point.kind == "counter" else 0
            where = frozenset((SITE, name) for name in (label["device"], *label["seen_at"]))
            parents = {known[name]["parent"] for _, name in where} - {None}
            truths.append(Truth(label["fault"], begin, end, where, frozenset((SITE, name) for name in parents)))
    return House(known, truths, ahead)


def _days(folder: Path, house: House) -> Iterator[Batch]:
    """A day at a time as they came: gauges as they are, registers as the quarters the ledger settles from them.

    What is stamped too far ahead of the time it came is parked, as ingest does.
    """
    before: dict[SeriesKey, tuple[list[int], list[float]]] = {}
    with (folder / "readings.csv").open(newline="", encoding="ascii") as file:
        rows = csv.reader(file)
        next(rows)
        for _, day in groupby(_sent(rows, house), key=lambda one: one[0] // DAY):
            series: dict[SeriesKey, tuple[list[int], list[float]]] = {}
            for came, time, (_, name, point, value, _) in day:
                if time > came + TimeLimits().ahead:
                    continue
                device = house.devices[name]
                key = SeriesKey(SITE, device["building"], device["kind"], name, point)
                times, values = series.setdefault(key, ([], []))
                times.append(time)
                values.append(float(value))
            if series:
                yield _settled(series, before)


def _sent(rows: Iterable[list[str]], house: House) -> Iterator[tuple[int, int, list[str]]]:
    """Rows in the order they came: when that was, when they say it was, and all they say."""
    now = 0
    for row in rows:
        time = to_micros(datetime.fromisoformat(row[0]))
        now = house.came(row[1], time, now)
        yield now, time, row


def _settled(
    series: dict[SeriesKey, tuple[list[int], list[float]]], before: dict[SeriesKey, tuple[list[int], list[float]]]
) -> Batch:
    batches = []
    for key, (times, values) in series.items():
        point = kinds()[key.kind].point(key.point)
        if point is None:
            continue
        if point.kind == "gauge":
            batches.append(Batch.of([key], [0] * len(times), times, values))
            continue
        past = before.get(key, ([], []))
        time, value = np.array(past[0] + times, np.int64), np.array(past[1] + values)
        order = np.argsort(time, kind="stable")
        time, value = time[order], value[order]
        begin = ledger.floor(int(past[0][-1] if past[0] else time[0]))
        settled = ledger.settle(time, value, Ground().register(key), begin, ledger.floor(int(time[-1])))
        marks = marked(settled.quality, settled.rule)
        batches.append(Batch.of([key.intervals()], [0] * len(settled.start), settled.start, settled.value, marks))
        before[key] = (time[-8:].tolist(), value[-8:].tolist())
    return Batch.concat(batches)
