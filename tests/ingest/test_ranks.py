"""Two words on one instant: what counts is told by the streams they came in, never by which came first."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from bus import senml
from ingest.pipeline import Pipeline
from schema.instant import DAY, HOUR, MINUTE
from schema.reading import Reading
from schema.stream import Position, new_epoch
from store.registry import deadletters, worklist
from store.registry.deadletters import DeadLetter, Search
from store.registry.progress import StreamProgress
from tests.ingest.edge_node import EdgeNode
from tests.ingest.test_pipeline import METER, NOW, House
from tests.ingest.test_sparkplug import METRICS, Host, host

__all__ = ["host"]

Message = tuple[str, bytes]
AT = NOW - HOUR
OLD, NEW = new_epoch(NOW - 9 * DAY, b"ab"), new_epoch(NOW - DAY, b"cd")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.feed(house.birth(seq=1))
    yield house
    house.close()


@pytest.fixture(params=["careful", "quick"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either way of decoding."""
    if request.param == "quick":
        monkeypatch.setattr("ingest.quick.MANY", 0)


def word(value: float, seq: int | None, epoch: str = OLD, agent: str = "a", *, at: int = AT) -> Message:
    position = None if seq is None else Position(agent, epoch, seq)
    return METER.path(), senml.encode("demo", [Reading("m1", "energy", at, value, "kWh")], position)


def letters(house: House) -> list[DeadLetter]:
    with house.registry.reading() as session:
        return deadletters.found(session, Search(), limit=9)


def taken_in_again(house: House) -> None:
    """The one letter there is, after its topic was put right."""
    with house.registry.writing() as session:
        [letter] = deadletters.found(session, Search(), limit=9)
        letter.topic = METER.path()
        deadletters.ask(session, [letter.id], NOW)
    house.pipeline.retry(9)
    assert not letters(house)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("words", "counts"),
    [
        ([(6.0, 2), (4.0, 3), (5.0, 4)], 5.0),
        ([(6.0, 900, OLD), (5.0, 2, NEW)], 5.0),
        ([(6.0, 900, "of-before"), (5.0, 2, OLD)], 5.0),
        ([(6.0, 7, OLD, "b"), (5.0, 2, NEW)], 5.0),
        ([(6.0, None), (5.0, 2)], 5.0),
        ([(6.0, None), (5.0, None)], 6.0),
        ([(6.0, 2, "x", "b"), (7.0, 2, "y")], 7.0),
    ],
    ids=["later", "newer-life", "life-of-before", "another-agent", "placed", "foreign", "same-rank"],
)
def test_the_same_word_counts_whatever_order_they_come_in(house: House, words: list[Any], counts: float) -> None:
    """Each order at an instant of its own, in a turn a word and all in one turn."""
    house.feed(house.pack(0.0, time=AT - HOUR))
    plans = [(order, size) for order in permutations(words) for size in (1, len(order))]
    for minute, (order, size) in enumerate(plans):
        heard = [word(*said, at=AT + minute * MINUTE) for said in order]
        for first in range(0, len(heard), size):
            house.feed(*heard[first : first + size])
        house.feed(heard[0])
    assert house.values() == [0.0, *[counts] * len(plans)]


def test_work_says_which_instants_held_another_value(house: House) -> None:
    for heard, corrected in (
        ([word(5.0, 2)], None),
        ([word(5.0, 2), word(5.0, 3)], None),
        ([word(4.0, 4)], (AT, AT)),
        ([word(3.0, 3)], None),
    ):
        house.feed(*heard)
        with house.registry.writing() as session:
            assert [work.corrected for work in worklist.take(session)] == [corrected]


def test_a_dead_letter_that_was_corrected_meanwhile_stays_so(house: House) -> None:
    """The original went to a wrong topic; its correction did not."""
    house.feed((METER._replace(building="annex").path(), word(5.0, 2)[1]), word(4.0, 3))
    taken_in_again(house)
    assert house.values() == [4.0]


@pytest.mark.usefixtures("way")
def test_a_reading_that_is_parked_by_itself_keeps_its_place(house: House) -> None:
    position = Position("a", OLD, 2)
    readings = [Reading("m1", "energy", AT, value, unit) for value, unit in ((-5.0, "kWh"), (5.0, "furlong"))]
    house.feed(word(1.0, 1), (METER.path(), senml.encode("demo", readings, position)))
    house.feed((METER.path(), senml.encode("demo", readings[:1], position)))
    found = letters(house)
    assert sorted(letter.reason for letter in found) == ["implausible", "implausible", "unknown_unit"]
    assert {senml.decode(letter.payload, "demo", "m1", NOW).position for letter in found} == {position}


def test_a_letter_of_an_ended_stream_does_not_wake_it(house: House) -> None:
    house.feed((METER._replace(building="annex").path(), word(5.0, 2)[1]))
    house.pipeline = Pipeline(house.store, house.registry, lambda: NOW + DAY)
    house.feed(word(4.0, 1, NEW))
    house.pipeline = Pipeline(house.store, house.registry, lambda: NOW + 2 * DAY)
    taken_in_again(house)
    with house.registry.reading() as session:
        seen = {row.epoch: row.seen for row in session.query(StreamProgress)}
    assert seen[OLD] < seen[NEW]


def test_an_edge_node_speaks_with_the_rank_of_its_publication(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births(EP=1.0))
    first, second = (told for heard in host.hear(node.data(EP=2.0), node.data(EP=3.0)) for told in heard.told)
    assert (first.rank, second.rank) == ((node.time - 1000) * 1000, node.time * 1000)
