"""Dead letters tried again: taken in after a fix, refused with the reason of now, and nothing lost in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.dialects import Dialects
from ingest.mapped import MappedJson
from ingest.mappings import load
from ingest.pipeline import Pipeline
from schema.errors import RetryLater
from schema.instant import HOUR
from store.registry import deadletters, worklist
from store.registry.deadletters import KEPT_BYTES, DeadLetter, Search
from tests.ingest.test_pipeline import ENERGY, METER, NOW, House

EXAMPLES = Path(__file__).parents[2] / "deploy/mappings"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def letters(house: House, search: Search | None = None) -> list[DeadLetter]:
    with house.registry.reading() as session:
        return deadletters.found(session, search or Search(), limit=100)


def ask(house: House) -> list[int]:
    with house.registry.writing() as session:
        return deadletters.ask(session, [letter.id for letter in letters(house)], NOW)


def outcome(house: House, ids: list[int]) -> tuple[int, int]:
    with house.registry.reading() as session:
        return deadletters.outcome(session, ids)


def test_a_letter_is_taken_in_when_what_was_wrong_is_put_right(house: House) -> None:
    """Here the topic named another building until the device moved there."""
    house.feed(house.birth(seq=1))
    path, payload = house.pack(1.0, 2.0)
    moved = METER._replace(building="annex")
    house.feed((moved.path(), payload))
    ids = ask(house)
    assert outcome(house, ids) == (1, 0)
    house.pipeline.retry(10)
    assert outcome(house, ids) == (0, 1)
    [letter] = letters(house)
    assert (letter.reason, letter.tried, letter.asked) == ("wrong_topic", 1, None)
    with house.registry.writing() as session:
        session.get_one(DeadLetter, letter.id).topic = path
    assert ask(house) == ids
    house.pipeline.retry(10)
    assert outcome(house, ids) == (0, 0)
    assert house.values() == [1.0, 2.0]
    with house.registry.writing() as session:
        assert worklist.take(session)
    assert not house.pipeline.asked()


def test_of_a_pack_the_good_part_is_taken_and_the_rest_parked_by_itself(house: House) -> None:
    house.feed(house.pack(1.0, -5.0))
    [letter] = letters(house)
    assert letter.reason == "unknown_device"
    with house.registry.writing() as session:
        session.get_one(DeadLetter, letter.id).reason = "elsewhere"  # so that the birth leaves it where it is
    house.feed(house.birth(seq=1))
    ask(house)
    house.pipeline.retry(10)
    assert house.values() == [1.0]
    assert [(letter.reason, letter.asked) for letter in letters(house)] == [("implausible", None)]


@pytest.mark.parametrize("name", ["hall-plug", "stranger"])
def test_a_foreign_letter_that_comes_back_whole_stays_though_good_came_of_it(tmp_path: Path, name: str) -> None:
    """Its births, or the good values in it; within the hour too in which a stranger is parked but once."""
    house = House(tmp_path)
    declared = load([EXAMPLES / "tasmota.toml"], "dayuan").json
    for run in range(2):
        house.pipeline = Pipeline(house.store, house.registry, lambda: NOW, dialects=Dialects([MappedJson(declared)]))
        if run == 0:
            house.feed((f"tele/{name}/SENSOR", b'{"Time":"2026-09-21T22:13:20","ENERGY":{"Total":1,"Power":"?"}}'))
        ids = ask(house)
        house.pipeline.retry(10)
        assert outcome(house, ids) == (0, 1)
        assert [letter.id for letter in letters(house)] == ids
    assert letters(house)[0].tried == 2
    house.close()


@pytest.mark.parametrize("dialect", ["relative", "mapped"])
def test_times_that_count_from_the_arrival_count_from_the_first_one(house: House, dialect: str) -> None:
    clock = [NOW - HOUR]
    mapping = load([EXAMPLES / "tasmota.toml"], "dayuan").json[0]
    mapped = MappedJson([mapping._replace(time=None)])
    house.pipeline = Pipeline(house.store, house.registry, lambda: clock[0], dialects=Dialects([mapped]))
    if dialect == "relative":
        key = ENERGY
        house.feed((METER.path(), b'[{"bn":"demo/m1/","n":"energy","u":"kWh","v":1,"t":0}]'))
        clock[0] = NOW
        house.feed(house.birth())
    else:
        key = ENERGY._replace(device="hall-boiler")
        house.feed(("tele/hall-plug/SENSOR", b'{"ENERGY":{"Total":1,"Power":"?"}}'))
        clock[0] = NOW
        ask(house)
        house.pipeline.retry(10)
    assert house.store.read([key], 0, 2 * NOW).time.tolist() == [NOW - HOUR]


def test_a_letter_survives_a_store_that_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.feed(house.pack(1.0))
    with house.registry.writing() as session:
        session.get_one(DeadLetter, letters(house)[0].id).reason = "elsewhere"
    house.feed(house.birth(seq=1))
    ids = ask(house)
    monkeypatch.setattr(house.store, "write", _away)
    with pytest.raises(RetryLater):
        house.pipeline.retry(10)
    monkeypatch.undo()
    assert outcome(house, ids) == (1, 0)
    house.pipeline.retry(10)
    assert house.values() == [1.0]


def test_a_letter_that_was_cut_is_not_asked_for(house: House) -> None:
    house.feed((METER.path(), b"x" * (KEPT_BYTES + 1)))
    assert ask(house) == []
    assert not house.pipeline.asked()


def test_letters_are_found_by_place_reason_words_and_time(house: House) -> None:
    house.feed((METER.path(), b"x"), (METER._replace(device="m2").path(), b"y"))
    [second, first] = letters(house)
    assert letters(house, Search(device="m2"))[0].id == second.id
    assert [letter.id for letter in letters(house, Search(site="demo", text="HALL/electricity_meter/M1/"))] == [
        first.id
    ]
    assert letters(house, Search(text="100%")) == letters(house, Search(reason="nothing")) == []
    assert len(letters(house, Search(start=NOW, end=NOW + 1))) == 2
    assert letters(house, Search(end=NOW)) == []


def _away(_batch: object) -> None:
    raise RetryLater("the store is away")
