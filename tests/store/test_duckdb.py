"""The embedded store alone: one process, nothing acknowledged is lost."""

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from schema.batch import Batch
from schema.errors import Stop
from schema.series import SeriesKey
from store.series.duckdb import DuckStore

KEYS = [SeriesKey("demo", "hq", "meter", f"m{number}", "energy") for number in range(50)]
WRITER = """
import sys
import numpy as np
from schema.batch import Batch
from store.series.duckdb import DuckStore
from tests.store.test_duckdb import KEYS
store = DuckStore(sys.argv[1])
for number in range(int(sys.argv[2]), 1_000_000):
    store.write(Batch.of(KEYS, np.arange(50), np.full(50, number), np.full(50, number / 4)))
    print(number, flush=True)
"""


def writer(path: Path, first: int) -> "subprocess.Popen[str]":
    """Another process that stores batch after batch and says each that is acknowledged."""
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(first)], stdout=subprocess.PIPE, text=True)


def test_a_killed_writer_loses_no_acknowledged_batch(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    acknowledged = -1
    for _ in range(3):
        with writer(path, acknowledged + 1) as process:
            assert process.stdout is not None
            for _ in range(40):
                acknowledged = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(line) for line in process.stdout if line.endswith("\n"))])
        store = DuckStore(path)
        found = store.read(KEYS, 0, acknowledged + 1)
        assert len(found) == 50 * (acknowledged + 1)
        assert (found.value == found.time / 4).all()
        assert store.latest(KEYS).time.min() >= acknowledged
        store.close()


def test_a_second_process_is_told_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with writer(path, 0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(Stop, match=r"open in another process: end that one.*InfluxDB"):
            DuckStore(path)
        process.kill()


def test_a_file_is_opened_once_in_a_process_and_again_after_closing(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "store.duckdb")
    with pytest.raises(Stop, match="already open in this process"):
        DuckStore(tmp_path / "." / "store.duckdb")
    store.close()
    store.close()
    DuckStore(tmp_path / "store.duckdb").close()


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    path.write_text("not a database" * 1000)
    with pytest.raises(Stop, match=r"store.duckdb cannot be opened: check"):
        DuckStore(path)


def test_a_batch_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    """A write that fails half-way leaves neither rows nor series, and the next one is right."""
    store = DuckStore(tmp_path / "store.duckdb")
    store._db.execute("ALTER TABLE reading RENAME TO hidden")
    batch = Batch.of(KEYS, np.arange(50), np.full(50, 1), np.ones(50))
    with pytest.raises(duckdb.Error):
        store.write(batch)
    store._db.execute("ALTER TABLE hidden RENAME TO reading")
    assert store.series() == []
    store.write(batch)
    assert store.series() == sorted(KEYS)
    assert len(store.read(KEYS, 0, 10)) == 50
    store.close()


def test_the_file_holds_each_reading_once(tmp_path: Path) -> None:
    """However often and in whatever order rows came, the table has no second row of an instant."""
    store = DuckStore(tmp_path / "store.duckdb")
    random = np.random.default_rng(7)
    for _ in range(30):
        time = random.integers(0, 40, 200)
        store.write(Batch.of(KEYS[:5], random.integers(0, 5, 200), time, random.integers(0, 3, 200).astype(float)))
    found = store.read(KEYS[:5], 0, 100)
    places = set(zip(found.code.tolist(), found.time.tolist(), strict=True))
    assert len(places) == len(found) == 200
    store.close()


def test_a_large_batch_in_order_ends_as_one_that_has_to_be_sorted(tmp_path: Path) -> None:
    """Also when it is written again, and with rows in it that are late, or there twice."""
    count = 12_000
    code, time = np.arange(count) % 50, np.arange(count) // 50
    first = Batch.of(KEYS, code, time, np.arange(count) / 8)
    later = Batch.of(KEYS[:40], np.arange(count) % 40, count + np.arange(count) // 40, np.ones(count))
    late = Batch.of(KEYS, np.append(code, 3), np.append(time + 5 * count, 7), np.append(np.zeros(count), -1.0))
    quick, slow = DuckStore(tmp_path / "quick.duckdb"), DuckStore(tmp_path / "slow.duckdb")
    for batch in (first, later, first, late, later):
        quick.write(batch)
        mixed = np.random.default_rng(5).permutation(len(batch))
        for part in np.array_split(mixed, 3):
            slow.write(batch.take(part))
    for store in (quick, slow):
        store.close()
    quick, slow = DuckStore(tmp_path / "quick.duckdb"), DuckStore(tmp_path / "slow.duckdb")
    found, expected = (store.read(KEYS, 0, 10 * count) for store in (quick, slow))
    newest, last = quick.latest(KEYS), slow.latest(KEYS)
    assert len(found) == 3 * count
    for name in ("code", "time", "value", "quality"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
        assert getattr(newest, name).tolist() == getattr(last, name).tolist()
    quick.close()
    slow.close()


def test_what_a_large_batch_said_last_is_the_newest_at_once(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "store.duckdb")
    count = 12_000
    store.write(Batch.of(KEYS, np.arange(count) % 50, np.arange(count) // 50, np.arange(count) / 1))
    newest = store.latest(KEYS)
    assert newest.time.tolist() == [count // 50 - 1] * 50
    assert newest.value.tolist() == list(range(count - 50, count))
    store.close()
