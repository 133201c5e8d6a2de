"""The journal says why booked intervals changed: readings came late, took the place of others, or closed a gap."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.books import bookkeeper
from analytics.calendar import Calendar
from schema.batch import Batch
from schema.instant import DAY, MINUTE
from schema.series import Quality, SeriesKey
from store.registry import journal, worklist
from store.registry.base import Registry
from store.registry.journal import BookChange
from store.registry.migrate import tables
from store.series.duckdb import DuckStore

BEGIN = 1_789_948_800_000_000
NOW = BEGIN + 2 * DAY
KEY = SeriesKey("demo", "hall", "electricity_meter", "m1", "energy")


class House:
    """A store and a registry, as ingest and analytics share them."""

    def __init__(self, folder: Path) -> None:
        self.store = DuckStore(folder / "readings.duckdb")
        self.registry = Registry(f"sqlite:///{folder / 'registry.db'}")
        tables().metadata.create_all(self.registry.engine)
        self._rank = 0

    def hear(self, *rows: tuple[int, float], rank: int | None = None) -> None:
        """Words of one message: (minute, register)."""
        self._rank += 1
        times, values = zip(*rows, strict=True)
        ranks = [self._rank if rank is None else rank] * len(rows)
        batch = Batch.of([KEY], [0] * len(rows), [BEGIN + minute * MINUTE for minute in times], values, rank=ranks)
        replaced = self.store.write(batch)
        with self.registry.writing() as session:
            worklist.add(session, [(KEY, int(batch.time.min()), int(batch.time.max()))])
            if len(replaced):
                worklist.correct(session, [(KEY, int(replaced.time.min()), int(replaced.time.max()))])

    def settle(self, *, killed: bool = False) -> list[BookChange]:
        """What it adds to the journal, in order of the intervals."""
        with self.registry.reading() as session:
            before = {entry.id for entry in journal.changes(session, "demo", 0, NOW, limit=500)}
        with self.registry.writing() as session:
            work = worklist.take(session)
        if not killed:
            bookkeeper.settle(self.store, self.registry, work, {"demo": Calendar("Asia/Shanghai")}, NOW)
        with self.registry.writing() as session:
            (worklist.give_back if killed else worklist.done)(session)
        with self.registry.reading() as session:
            found = journal.changes(session, "demo", 0, NOW, limit=500)
        return sorted((entry for entry in found if entry.id not in before), key=lambda entry: entry.begin)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A day of registers at every half hour, of which the hours 10 to 16 are missing."""
    house = House(tmp_path)
    house.hear(*((minute, minute / 10) for minute in range(0, 24 * 60, 30) if not 600 < minute < 960))
    house.settle()
    yield house
    house.store.close()
    house.registry.close()


def told(entries: list[BookChange]) -> list[tuple[str, int, int]]:
    """(cause, first and last minute of the intervals)."""
    return [(one.cause, (one.begin - BEGIN) // MINUTE, (one.end - BEGIN) // MINUTE) for one in entries]


def test_a_reading_for_a_time_already_booked_is_late(house: House) -> None:
    house.hear((105, 10.0))
    [entry] = house.settle()
    assert told([entry]) == [("late", 90, 120)]
    assert (entry.low, entry.high) == (BEGIN + 105 * MINUTE, BEGIN + 105 * MINUTE)


def test_a_reading_in_place_of_another_is_a_correction(house: House) -> None:
    house.hear((90, 9.5))
    [entry] = house.settle()
    assert told([entry]) == [("corrected", 60, 120)]
    assert entry.old_value == entry.new_value
    assert (entry.low, entry.high) == (BEGIN + 90 * MINUTE, BEGIN + 90 * MINUTE)


def test_a_gap_that_is_read_after_all_is_closed(house: House) -> None:
    house.hear(*((minute, minute / 10 + (minute % 60) / 100) for minute in range(630, 960, 30)))
    [entry] = house.settle()
    assert told([entry]) == [("gap_closed", 600, 960)]
    assert (entry.old_quality, entry.new_quality) == (Quality.ESTIMATED, Quality.MEASURED)


def test_late_and_corrected_readings_of_one_settling_are_told_apart(house: House) -> None:
    house.hear((90, 9.5))
    house.hear((1215, 121.0))
    first, second = house.settle()
    assert (first.cause, second.cause) == ("corrected", "late")
    assert (first.low, first.high) == (BEGIN + 90 * MINUTE, BEGIN + 90 * MINUTE)


def test_what_is_said_twice_and_what_was_corrected_before_it_came_are_no_changes(house: House) -> None:
    house.hear((90, 9.5), rank=9)
    assert len(house.settle()) == 1
    house.hear((90, 9.5), rank=9)
    house.hear((90, 9.25), rank=5)
    assert house.settle() == []


def test_a_correction_that_was_worked_in_is_not_the_cause_of_what_comes_later(house: House) -> None:
    house.hear((90, 9.5))
    with house.registry.writing() as session:
        assert worklist.take(session)[0].corrected == (BEGIN + 90 * MINUTE, BEGIN + 90 * MINUTE)
    house.hear((91, 9.6))
    with house.registry.writing() as session:
        worklist.done(session)
        [work] = worklist.take(session)
    assert work.corrected is None


def test_a_correction_is_still_one_after_a_kill(house: House) -> None:
    house.hear((90, 9.5))
    assert house.settle(killed=True) == []
    house.hear((105, 10.0))
    causes = {entry.cause for entry in house.settle()}
    assert causes == {"corrected"}
    assert house.settle() == []


def test_of_a_store_that_cannot_tell_it_is_the_one_or_the_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DuckStore, "keeps_ranks", False)
    house.hear((105, 10.0))
    house.hear(*((minute, minute / 10) for minute in range(630, 960, 30)))
    assert {entry.cause for entry in house.settle()} == {"readings", "gap_closed"}
