"""`dayuan deadletters` and `dayuan register`, beside a platform that is running."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dayuan.cli import app
from schema.instant import DAY, HOUR
from schema.series import SeriesKey
from store.registry import journal, worklist
from store.registry.base import Registry
from store.registry.migrate import upgrade
from tests.ingest.test_pipeline import METER, NOW, House


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Its registry where the settings say."""
    monkeypatch.setenv("DAYUAN_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    with closing(Registry(f"sqlite:///{tmp_path / 'registry.db'}")) as registry:
        upgrade(registry)
    house = House(tmp_path)
    yield house
    house.close()


def dayuan(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def ingest(house: House) -> Iterator[None]:
    """Tries again what is asked for, as the service does."""
    done = threading.Event()

    def serve() -> None:
        while not done.wait(0.05):
            house.pipeline.retry(10)

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    done.set()
    thread.join()


@pytest.mark.usefixtures("ingest")
def test_letters_are_listed_shown_replayed_and_discarded(house: House) -> None:
    house.feed(house.birth(seq=1), (METER.path(), b"rubbish"), house.pack(1.0, 2.0, time=NOW - 100 * DAY))
    assert "time_past" in dayuan("deadletters", "list", "--device", "m1")
    assert "3 kept" in dayuan("deadletters", "list")
    assert '"v":1' in dayuan("deadletters", "show", "2")
    assert "0 taken in, 2 refused again" in dayuan("deadletters", "replay", "--reason", "time_past", code=1)
    house.feed(house.birth(replay=True, seq=2))
    assert "2 taken in, 0 refused again" in dayuan("deadletters", "replay", "--reason", "time_past")
    assert house.values() == [1.0, 2.0]
    assert "1 discarded" in dayuan("deadletters", "discard", "1", "--yes")
    assert "0 taken in, 0 refused again, 1 cannot be" in dayuan("deadletters", "replay", "1", code=1)
    assert "choose with" in dayuan("deadletters", "replay", code=2)
    assert "no dead letter 9" in dayuan("deadletters", "show", "9", code=2)


def test_letters_wait_for_an_ingest_that_is_not_there(house: House) -> None:
    house.feed((METER.path(), b"rubbish"))
    assert "ingest is not running" in dayuan("deadletters", "replay", "1", "--patience", "0.1", code=2)
    assert house.pipeline.asked()


def test_the_journal_of_a_meter_says_what_was_changed_and_why(house: House) -> None:
    assert "nothing was changed in the books of demo/m1" in dayuan("register", "journal", "m1")
    key, sums = SeriesKey("demo", "hall", "electricity_meter", "m1", "energy"), ((2.5, 2, 2), (3.0, 0, 0))
    with house.registry.writing() as session:
        journal.record(session, [journal.Entry(key, NOW, NOW + HOUR, 4, *sums, "gap_closed", NOW, NOW + HOUR)], NOW)
    told = dayuan("register", "journal", "m1")
    assert "2026-09-21T14:13:20Z to 2026-09-21T15:13:20Z  2.5 (estimated) -> 3 (measured)  gap_closed, of" in told


def test_an_exchange_is_declared_listed_and_withdrawn(house: House) -> None:
    house.feed(house.birth(seq=1))
    at = "2026-09-01T10:30+08:00"
    told = dayuan("register", "exchange", "m1", "--at", at, "--closing", "8", "--opening", "1.5", "--site", "demo")
    assert "declared as 1" in told
    with house.registry.writing() as session:
        [work] = worklist.take(session)
    assert (work.key.point, work.low) == ("energy", work.high)
    listed = dayuan("register", "list", "--device", "m1")
    assert "2026-09-01T02:30:00Z  demo/m1/energy  exchange  closing=8 opening=1.5" in listed
    assert "withdrawn" in dayuan("register", "withdraw", "1")
    assert "already withdrawn" in dayuan("register", "withdraw", "1", code=2)
    assert "no device" in dayuan("register", "reset", "m9", "--at", at, code=2)
    assert "no register" in dayuan("register", "reset", "m1", "--at", at, "--point", "power", code=2)
    assert "ISO 8601" in dayuan("register", "reset", "m1", "--at", "yesterday", code=2)
