"""Invariant of the books: however a stream of messages comes, it ends in the same books, bit for bit.

Through the real ingest, worklist, settling and store. What is sent: the birth, two weeks of hourly registers with
gaps, drops, jumps, rollovers and resets, packs that overlap, rubbish, and a declared change; in any order, any of it
twice, days late, with settling at any moment and kills in the middle of it.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.books import bookkeeper
from analytics.calendar import Calendar
from bus import messages, senml
from bus.messages import Birth
from bus.topics import Topic
from ingest.pipeline import Pipeline
from schema.instant import DAY, HOUR
from schema.reading import Reading
from schema.series import SeriesKey
from schema.text import Text
from store.registry import exchanges, worklist
from store.registry.base import Registry
from store.registry.migrate import tables
from store.registry.places import Device
from store.series.duckdb import DuckStore

BEGIN = 1_789_948_800_000_000
DAYS = 14
NOW = BEGIN + (DAYS + 1) * DAY
METER = Topic("dayuan", "demo", "hall", "electricity_meter", "m1", "readings")
ENERGY = SeriesKey("demo", "hall", "electricity_meter", "m1", "energy")
CALENDARS = {"demo": Calendar("Asia/Shanghai")}
Row = tuple[int, float]
Step = Callable[["Books"], None]


class Books:
    """An ingest and a bookkeeper on one store, as in a platform of one process."""

    def __init__(self, folder: Path) -> None:
        self.store = DuckStore(folder / "readings.duckdb")
        self.registry = Registry(f"sqlite:///{folder / 'registry.db'}")
        tables().metadata.create_all(self.registry.engine)
        self.pipeline = Pipeline(self.store, self.registry, lambda: NOW)

    def close(self) -> None:
        self.store.close()
        self.registry.close()

    def settle(self, *, killed: bool = False) -> None:
        """What analytics does in a step; when killed, it never says that it came to the end."""
        with self.registry.writing() as session:
            work = worklist.take(session)
        bookkeeper.settle(self.store, self.registry, work, CALENDARS, NOW)
        with self.registry.writing() as session:
            (worklist.give_back if killed else worklist.done)(session)

    def lose(self) -> None:
        """Analytics is killed between taking work and doing anything with it."""
        with self.registry.writing() as session:
            worklist.take(session)
        with self.registry.writing() as session:
            worklist.give_back(session)

    def held(self) -> list[tuple[int, str, int]]:
        """Every interval, to the last bit."""
        found = self.store.read([ENERGY.intervals()], 0, NOW + DAY)
        values = map(float.hex, found.value.tolist())
        return list(zip(found.time.tolist(), values, found.quality.tolist(), strict=True))


def sent(path: str, payload: bytes) -> Step:
    def send(books: Books) -> None:
        books.pipeline.process([path], [payload])

    return send


def birth() -> Step:
    born = Birth(title=Text("总表", "Main"), interval=3600.0, replay=True)
    return sent(METER._replace(channel="state").path(), messages.encode_state(born))


def pack(rows: list[Row]) -> Step:
    readings = [Reading("m1", "energy", time, value, "kWh") for time, value in rows]
    return sent(METER.path(), senml.encode("demo", readings))


def declaration(sort: exchanges.Sort, time: int, **known: float) -> Step:
    def declare(books: Books) -> None:
        with books.registry.writing() as session:
            device = session.get(Device, ("demo", "m1"))
            told = exchanges.declared(session)
            if device is not None and not told:
                exchanges.declare(session, device, "energy", sort, time, **known, by="t", now=NOW)  # type: ignore[arg-type]

    return declare


def registers(seed: int) -> list[Row]:
    """Hourly registers: a rollover, and a seed's own gaps, lone drops and jumps, resets and odd seconds."""
    chance = random.Random(seed)
    time, value, rows = BEGIN, 999_000.0, []
    for _ in range(chance.randrange(1, 5)):
        start = BEGIN + chance.randrange(DAYS * DAY)
        rows.append((start, start + chance.randrange(DAY)))
    gaps = [*rows, (BEGIN + 8 * DAY, BEGIN + 9 * DAY)]
    found: list[Row] = []
    while time < BEGIN + DAYS * DAY:
        value += chance.randrange(1000) / 100
        value = 0.0 if chance.random() < 0.004 else value % 1e6
        odd = chance.random()
        shown = 0.0 if odd < 0.05 else value + 5000 if odd < 0.1 else value
        if not any(first <= time < last for first, last in gaps):
            found.append((time, shown))
        time += HOUR + chance.choice([0, 0, 0, 0, -1_700_000, 1_234_567])
    return found


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Step], list[Step]]:
    """The steps of a stream in order, once, and as they may come."""
    seed = draw(st.integers(0, 2**32))
    chance = random.Random(seed)
    rows = registers(seed)
    size = draw(st.integers(4, 60))
    steps = [birth(), *(pack(rows[max(0, at - 2) : at + size]) for at in range(0, len(rows), size))]
    time = BEGIN + draw(st.integers(1, DAYS * 24 - 1)) * HOUR + 60_000_000
    declared = draw(
        st.sampled_from(
            [
                declaration("exchange", time, closing=999_999.0, opening=12.5),
                declaration("reset", time),
                declaration("ratio", time, factor=0.3),
            ]
        )
    )
    rubbish = sent(METER.path(), b'[{"n":"energy","v":}]')
    mixed = [*steps, rubbish, *chance.choices(steps, k=draw(st.integers(0, 8)))]
    order = list(range(len(mixed)))
    if draw(st.booleans()):
        chance.shuffle(order)
    else:
        late = [place + (chance.uniform(0, 8) if chance.random() < 0.3 else 0) for place in order]
        order.sort(key=late.__getitem__)
    mixed = [mixed[place] for place in order]
    mixed.insert(chance.randrange(len(mixed)), declared)
    halts = draw(
        st.lists(st.tuples(st.integers(0, len(mixed)), st.sampled_from(["step", "killed", "lost"])), max_size=6)
    )
    kinds: dict[str, Step] = {
        "step": Books.settle,
        "killed": lambda books: books.settle(killed=True),
        "lost": Books.lose,
    }
    for place, kind in sorted(halts, reverse=True):
        mixed.insert(place, kinds[kind])
    return [*steps, declared], [*mixed, declared]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=streams())
def test_any_order_duplication_delay_and_kill_ends_in_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, stream: tuple[list[Step], list[Step]]
) -> None:
    once, mixed = Books(tmp_path_factory.mktemp("once")), Books(tmp_path_factory.mktemp("mixed"))
    try:
        for books, steps in ((once, stream[0]), (mixed, stream[1])):
            for step in steps:
                step(books)
            books.settle()
        assert mixed.held() == once.held()
        assert once.held()
    finally:
        once.close()
        mixed.close()
