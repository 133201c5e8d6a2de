"""Invariant of the books: however a stream of messages comes, it ends in the same books, bit for bit.

Through the real ingest, worklist, settling and store. What is sent: the birth, two weeks of hourly registers with
gaps, drops, jumps, rollovers and resets, packs that overlap, corrections of corrections by several senders, rubbish,
and a declared change; in any order and any turns, any of it twice, days late, with settling at any moment and kills in
the middle of it.
"""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
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
from schema.stream import Position, new_epoch
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
SPEAKERS = [("gate", new_epoch(BEGIN, b"1")), ("gate", new_epoch(NOW, b"2")), ("gate", "f00d"), ("attic", "f00d"), None]
"""Lives of an agent, one of them from before epochs told their births, another agent, and one who counts nothing."""
Row = tuple[int, float]
Word = tuple[Row, int]
"""A row with its rank."""
Message = tuple[str, bytes]
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

    def hear(self, messages: Sequence[Message], *, killed: str = "") -> None:
        """A turn of ingest; `killed` when it was "taken" or "written", it never says that it came to the end."""
        paths, payloads = [path for path, _ in messages], [payload for _, payload in messages]
        if not killed:
            self.pipeline.process(paths, payloads)
            return
        turn = self.pipeline.take(paths, payloads)
        if killed == "written":
            self.store.write(turn.batch)
        self.pipeline = Pipeline(self.store, self.registry, lambda: NOW)

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

    def held(self, key: SeriesKey) -> list[tuple[int, str, int]]:
        """All that is stored of a series, to the last bit."""
        found = self.store.read([key], 0, NOW + DAY)
        values = map(float.hex, found.value.tolist())
        return list(zip(found.time.tolist(), values, found.quality.tolist(), strict=True))


def birth() -> Message:
    born = Birth(title=Text("总表", "Main"), interval=3600.0, replay=True)
    return METER._replace(channel="state").path(), messages.encode_state(born)


def pack(rows: Sequence[Row], position: Position | None = None) -> Message:
    readings = [Reading("m1", "energy", time, value, "kWh") for time, value in rows]
    return METER.path(), senml.encode("demo", readings, position)


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


def said(chance: random.Random, rows: list[Row], size: int) -> tuple[list[Message], list[Word]]:
    """The registers in packs that overlap, each by one of the speakers, and packs that say otherwise of some."""
    packs = [rows[max(0, at - 2) : at + size] for at in range(0, len(rows), size)]
    for told in chance.choices(packs, k=chance.randrange(6)):
        other = chance.choice([0.0, 0.25, -0.25, -3.0])
        packs.append([(time, max(0.0, value + other)) for time, value in told if chance.random() < 0.5] or told[:1])
    # Two words of one message on one instant.
    packs.append([packs[-1][0], (packs[-1][0][0], packs[-1][0][1] + 0.5)])
    found, words = [], []
    for seq, told in enumerate(packs, 1):
        speaker = chance.choice(SPEAKERS)
        position = Position(*speaker, seq) if speaker else None
        found.append(pack(told, position))
        words += [(row, position.rank if position else 0) for row in told]
    return found, words


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Step], list[Step], list[Word]]:
    """The steps of a stream in order, once, and as they may come; and what was said in it."""
    seed = draw(st.integers(0, 2**32))
    chance = random.Random(seed)
    packs, words = said(chance, registers(seed), draw(st.integers(12, 60)))
    told = [birth(), *packs]
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
    rubbish = METER.path(), b'[{"n":"energy","v":}]'
    mixed = [*told, rubbish, *chance.choices(told, k=draw(st.integers(0, 8)))]
    order = list(range(len(mixed)))
    if draw(st.booleans()):
        chance.shuffle(order)
    else:
        late = [place + (chance.uniform(0, 8) if chance.random() < 0.3 else 0) for place in order]
        order.sort(key=late.__getitem__)
    steps = turns(chance, [mixed[place] for place in order])
    steps.insert(chance.randrange(len(steps)), declared)
    halts = draw(
        st.lists(st.tuples(st.integers(0, len(steps)), st.sampled_from(["step", "killed", "lost"])), max_size=6)
    )
    kinds: dict[str, Step] = {
        "step": Books.settle,
        "killed": lambda books: books.settle(killed=True),
        "lost": Books.lose,
    }
    for place, kind in sorted(halts, reverse=True):
        steps.insert(place, kinds[kind])
    return [*(heard([message]) for message in told), declared], [*steps, declared], words


def turns(chance: random.Random, messages: list[Message]) -> list[Step]:
    """Messages in turns of any size; a turn that was killed comes again, in another order."""
    cuts = sorted({0, len(messages), *chance.choices(range(len(messages) + 1), k=chance.randrange(len(messages) + 1))})
    steps: list[Step] = []
    for first, last in pairwise(cuts):
        turn = messages[first:last]
        if chance.random() < 0.2:
            steps.append(heard(turn, killed=chance.choice(["taken", "written"])))
            turn = chance.sample(turn, len(turn))
        steps.append(heard(turn))
    return steps


def heard(messages: Sequence[Message], *, killed: str = "") -> Step:
    return lambda books: books.hear(messages, killed=killed)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=streams())
def test_any_order_duplication_delay_and_kill_ends_in_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, stream: tuple[list[Step], list[Step], list[Word]]
) -> None:
    once, mixed = Books(tmp_path_factory.mktemp("once")), Books(tmp_path_factory.mktemp("mixed"))
    try:
        for books, steps in ((once, stream[0]), (mixed, stream[1])):
            for step in steps:
                step(books)
            books.settle()
        counts = sorted({time: value for (time, value), _ in sorted(stream[2], key=_weight)}.items())
        assert once.held(ENERGY) == [(time, value.hex(), 0) for time, value in counts]
        assert mixed.held(ENERGY) == once.held(ENERGY)
        assert mixed.held(ENERGY.intervals()) == once.held(ENERGY.intervals())
        assert once.held(ENERGY.intervals())
    finally:
        once.close()
        mixed.close()


def _weight(word: Word) -> tuple[int, float]:
    (_, value), rank = word
    return rank, value
