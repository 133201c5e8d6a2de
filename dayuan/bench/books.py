"""Whether messages that come twice, late, spoiled or corrected end in the books of the clean run, of real registers."""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from analytics.books import bookkeeper
from analytics.calendar import Calendar
from bus import messages, senml
from bus.messages import Birth
from bus.topics import Topic
from edge.replay import Left, choose_meters, devices, guess_kind, registers
from edge.table import scan
from ingest.pipeline import Pipeline
from schema.batch import Batch
from schema.instant import DAY, HOUR, SECOND, now
from schema.reading import Reading
from schema.series import INTERVAL_SUFFIX
from schema.stream import Position
from schema.text import Text
from store.registry import deadletters, worklist
from store.registry.base import Registry
from store.registry.migrate import upgrade
from store.series import open_store
from store.series.port import SeriesStore

SITE = "bench"
CALENDAR = Calendar("Europe/London", None)


@dataclass(frozen=True, slots=True)
class Mishaps:
    """Which shares of the messages come twice, late (by up to `delay` us) or also once spoiled, and correct others.

    What is corrected is in the clean run too, each right before its correction.
    """

    duplicated: float = 0.05
    delayed: float = 0.05
    malformed: float = 0.01
    corrected: float = 0.02
    delay: int = 2 * DAY


class Message(NamedTuple):
    """A message with the instant it arrives."""

    at: int
    path: str
    payload: bytes


class Run(NamedTuple):
    """What a run ended in."""

    intervals: Batch
    parked: int
    seconds: float


def run(
    file: Path,
    *,
    columns: tuple[str, ...] = (),
    days: int | None = None,
    mishaps: Mishaps | None = None,
    seed: int = 7,
    step: int = 6 * HOUR,
    told: Callable[[str, float], None] = lambda _run, _share: None,
) -> dict[str, Any]:
    """Send every register of a file as a message of its own, once in order and once with mishaps; compare the books.

    Analytics settles every `step` us of the file's time. `told` hears of the run and the share of it that is done.
    """
    mishaps = mishaps or Mishaps()
    told_right, sums = _readings(file, columns, days)
    sent = _messages(told_right, mishaps.corrected, random.Random(seed))  # noqa: S311
    spoiled, counts = _spoil(sent, mishaps, random.Random(seed))  # noqa: S311
    births = _births(file, columns)
    clean = _play(births, sent, step, lambda share: told("clean", share))
    dirty = _play(births, spoiled, step, lambda share: told("with mishaps", share))
    same = _same(clean.intervals, dirty.intervals)
    return {
        "file": file.name,
        "meters": len(sums),
        "messages": len(sent),
        "corrected": len(sent) - len(told_right),
        **counts,
        "parked": dirty.parked,
        "intervals": len(clean.intervals),
        "estimated": int((clean.intervals.quality & 3 == 2).sum()),
        "equal_bit_for_bit": same,
        "largest_error_kwh": float(
            max(abs(Decimal(value) - sums[key]) for key, value in _totals(clean.intervals).items())
        ),
        "clean_s": round(clean.seconds, 1),
        "with_mishaps_s": round(dirty.seconds, 1),
    }


def _births(file: Path, columns: tuple[str, ...]) -> list[Message]:
    table, kind = scan(file, ZoneInfo("UTC")), guess_kind(file.stem)
    meters = choose_meters(table, kind, "register", only=columns)
    return [
        Message(
            0,
            Topic("dayuan", SITE, device.building, device.kind, device.id, "state").path(),
            messages.encode_state(Birth(title=Text("表", device.id), interval=table.cadence / SECOND, replay=True)),
        )
        for device in devices(table, kind, meters)
    ]


def _readings(
    file: Path, columns: tuple[str, ...], days: int | None
) -> tuple[list[tuple[str, Reading]], dict[str, Decimal]]:
    """Every register in time order with its topic, and what each meter counted in all."""
    table, kind = scan(file, ZoneInfo("UTC")), guess_kind(file.stem)
    meters = choose_meters(table, kind, "register", only=columns)
    until = table.times[0] + days * DAY if days else table.end
    topics = {
        device.id: Topic("dayuan", SITE, device.building, device.kind, device.id, "readings").path()
        for device in devices(table, kind, meters)
    }
    found: list[tuple[str, Reading]] = []
    sums: dict[str, Decimal] = {}
    for moment in registers(table, meters, Left()):
        for reading in moment:
            if reading.time <= until:
                found.append((topics[reading.device], reading))
                sums[reading.device] = Decimal(str(reading.value))
    return found, sums


def _messages(readings: list[tuple[str, Reading]], corrected: float, chance: random.Random) -> list[Message]:
    """A message a reading, of one stream; before a share of them one that says otherwise of the same instant."""
    said: list[tuple[str, Reading]] = []
    for path, reading in readings:
        if chance.random() < corrected:
            said.append((path, reading._replace(value=reading.value + chance.choice((0.5, 40.0)))))
        said.append((path, reading))
    return [
        Message(reading.time, path, senml.encode(SITE, [reading], Position("bench", "bench", seq)))
        for seq, (path, reading) in enumerate(said, 1)
    ]


def _spoil(sent: list[Message], mishaps: Mishaps, chance: random.Random) -> tuple[list[Message], dict[str, int]]:
    """The messages in the order they then arrive."""
    arrived: list[Message] = []
    counts = {"duplicated": 0, "delayed": 0, "malformed": 0}
    for message in sent:
        late = chance.random() < mishaps.delayed
        at = message.at + (chance.randrange(mishaps.delay) if late else 0)
        counts["delayed"] += late
        arrived.append(message._replace(at=at))
        if chance.random() < mishaps.duplicated:
            counts["duplicated"] += 1
            arrived.append(message._replace(at=at + chance.randrange(mishaps.delay)))
        if chance.random() < mishaps.malformed:
            counts["malformed"] += 1
            arrived.append(_malformed(message, chance))
    return sorted(arrived, key=lambda message: message.at), counts


def _malformed(message: Message, chance: random.Random) -> Message:
    """What a message becomes on a bad day."""
    device = message.path.split("/")[-2]
    reading = Reading(device, "energy", message.at, 5.0, "kWh")
    spoiled = (
        message.payload[: chance.randrange(len(message.payload))],
        chance.randbytes(40),
        senml.encode(SITE, [reading._replace(unit="furlong")]),
        senml.encode(SITE, [reading._replace(value=-1.0)]),
        senml.encode(SITE, [reading._replace(point="nonsense")]),
        senml.encode(SITE, [reading._replace(time=now() + 900 * DAY)]),
    )
    return message._replace(payload=chance.choice(spoiled))


def _play(births: list[Message], arrived: list[Message], step: int, told: Callable[[float], None]) -> Run:
    """Ingest and analytics over new stores, through all messages in the order they arrive."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="dayuan-books-") as folder:
        registry = Registry(f"sqlite:///{folder}/registry.db")
        upgrade(registry)
        store = open_store(f"duckdb:///{folder}/store.duckdb")
        try:
            pipeline = Pipeline(store, registry, now, timezone="Europe/London")
            pipeline.process([birth.path for birth in births], [birth.payload for birth in births])
            for turn in _turns(arrived, step):
                pipeline.process([message.path for message in turn], [message.payload for message in turn])
                _settle(store, registry)
                told((turn[-1].at - arrived[0].at) / max(1, arrived[-1].at - arrived[0].at))
            keys = [key for key in store.series() if key.kind.endswith(INTERVAL_SUFFIX)]
            intervals = store.read(keys, 0, now())
            with registry.reading() as session:
                parked = sum(deadletters.counts(session).values())
            return Run(intervals, parked, time.perf_counter() - began)
        finally:
            store.close()
            registry.close()


def _turns(arrived: list[Message], step: int) -> Iterator[list[Message]]:
    turn: list[Message] = []
    for message in arrived:
        if turn and message.at // step != turn[0].at // step:
            yield turn
            turn = []
        turn.append(message)
    yield turn


def _settle(store: SeriesStore, registry: Registry) -> None:
    with registry.writing() as session:
        work = worklist.take(session)
    bookkeeper.settle(store, registry, work, {SITE: CALENDAR}, now())
    with registry.writing() as session:
        worklist.done(session)


def _same(one: Batch, other: Batch) -> bool:
    columns = ("code", "time", "value", "quality")
    return one.keys == other.keys and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in columns
    )


def _totals(intervals: Batch) -> dict[str, float]:
    totals = np.bincount(intervals.code, intervals.value, len(intervals.keys))
    return {key.device: total for key, total in zip(intervals.keys, totals.tolist(), strict=True)}
