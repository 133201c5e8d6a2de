"""Power cuts at any byte, and worse: what was durable is there, or the damage is told."""

import itertools
import json
import logging
import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from edge.outbox import Message, Outbox
from schema.stream import Acknowledged

TOPIC = "d/s/b/k/x/readings"
FILES = ("o.db", "o.db-wal")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is a file system in memory: what is on disk is what the tests say is."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


class Moment(NamedTuple):
    """The bytes on disk, and the messages that must be there."""

    files: dict[str, bytes]
    held: dict[int, int]


def opened(path: Path) -> Outbox:
    return Outbox(path, "agent-1", lambda: 1_000_000_000_000_000, os.urandom)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def life(folder: Path, seed: int, steps: int, checkpoint: int) -> Iterator[Moment]:
    """An outbox at work: what its files hold after every call that returned."""
    dice = random.Random(seed)
    box = opened(folder / "o.db")
    box._db.execute(f"PRAGMA wal_autocheckpoint={checkpoint}")
    yield Moment(snapshot(folder), {})
    held: dict[int, int] = {}
    for _ in range(steps):
        if held and dice.random() < 0.25:
            seq = dice.choice(list(held))
            box.acknowledge(Acknowledged(box.epoch, seq))
            held = {number: k for number, k in held.items() if number > seq}
        else:
            count = dice.choice((1, 1, 3))
            bodies = [b'{"k":%d,"x":"%s"}' % (box.last + n, b"y" * dice.choice((10, 300, 9000))) for n in range(count)]
            held |= {box.last + 1 + n: box.last + n for n in range(count)}
            box.append([Message(TOPIC, body) for body in bodies])
        yield Moment(snapshot(folder), dict(held))
    box.close()


def contents(box: Outbox) -> dict[int, int]:
    return {entry.seq: json.loads(entry.body)["k"] for entry in box.unsent(0, 10_000)}


def restored(folder: Path, files: dict[str, bytes]) -> Outbox:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return opened(folder / "o.db")


def tears(before: bytes, after: bytes, dice: random.Random, page: int = 4096 + 24) -> Iterator[bytes]:
    """A write cut short: the new bytes up to one of many places, the old ones beyond."""
    changed = [at for at in range(0, len(after), 64) if after[at : at + 64] != before[at : at + 64]]
    if not changed:
        return
    low, high = changed[0], changed[-1] + 64
    frames = {edge + off for edge in range(32, high, page) for off in (-1, 0, 1, 8, 23, 24, 25) if low <= edge <= high}
    for cut in sorted(frames | {dice.randrange(low, high) for _ in range(3)}):
        yield after[:cut] + before[cut:]


@pytest.mark.parametrize("checkpoint", [1000, 12])
def test_a_power_cut_at_any_byte_of_a_write_takes_back_nothing_that_was_durable(
    folder: Path, checkpoint: int, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "life").mkdir()
    dice = random.Random(1)
    moments = list(life(folder / "life", 5, 9, checkpoint))
    number = 0
    for early, late in itertools.pairwise(moments):
        for name in FILES:
            # The log is written first; the database only from a log that is on disk.
            rest = early.files if name == "o.db-wal" else late.files
            for torn in tears(early.files.get(name, b""), late.files.get(name, b""), dice):
                number += 1
                caplog.clear()
                box = restored(folder / str(number), rest | {name: torn})
                found = contents(box)
                assert found in (early.held, late.held) or set(found.values()) == set(early.held.values())
                if found.keys() == early.held.keys() or found.keys() == late.held.keys():
                    assert box.last >= max(early.held, default=0)
                else:
                    assert "is damaged" in caplog.text
                box.append([Message(TOPIC, b'{"k":-1}')])
                assert contents(box)[box.last] == -1
                box.close()
    assert number > 100


@pytest.mark.parametrize("anew", [False, True])
def test_the_last_call_cut_short_at_every_byte(folder: Path, anew: bool, caplog: pytest.LogCaptureFixture) -> None:
    """One call or none is there; with pages of 512 bytes. In a log that is begun anew old frames follow the tear."""
    work = folder / "work"
    work.mkdir()
    small = sqlite3.connect(work / "o.db")
    small.executescript("PRAGMA page_size=512; CREATE TABLE small (n)")
    small.close()
    box = opened(work / "o.db")
    box.append([Message(TOPIC, b'{"k":0,"x":"%s"}' % (b"y" * 2000))])
    if anew:
        box._db.execute("PRAGMA wal_checkpoint(RESTART)")
    early = Moment(snapshot(work), contents(box))
    box.append([Message(TOPIC, b'{"k":1}'), Message(TOPIC, b'{"k":2,"x":"%s"}' % (b"z" * 300))])
    late = Moment(snapshot(work), contents(box))
    box.close()
    log = "o.db-wal"
    before, after = early.files[log], late.files[log]
    assert (len(after) == len(before)) is anew
    first, *_, last = (at for at in range(len(after)) if after[at : at + 1] != before[at : at + 1])
    found = []
    for cut in range(first, last + 2):
        torn = restored(folder / str(cut), early.files | {log: after[:cut] + before[cut:]})
        found.append(contents(torn))
        assert torn.last >= max(early.held)
        torn.close()
    assert found == sorted(found, key=len), "what was there with less of it written"
    assert [early.held, late.held] == [each for each, _ in itertools.groupby(found)]
    assert len(found) > 1000
    assert "is damaged" not in caplog.text


@pytest.mark.parametrize("checkpoint", [1000, 20])
def test_a_byte_gone_wrong_anywhere_is_told_and_what_can_be_read_goes_on(
    folder: Path, checkpoint: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Beyond what fsync allows: only the last two calls, which look like a torn tail, may go without a word."""
    (folder / "life").mkdir()
    moments = list(life(folder / "life", 9, 30, checkpoint))
    files, held = moments[-2]
    spared = moments[-4].held
    sure = {k for seq, k in spared.items() if seq in held}
    dice = random.Random(2)
    told = rescued = 0
    for number in range(100):
        caplog.clear()
        name = FILES[number % 2]
        data = bytearray(files[name])
        at = dice.randrange(len(data))
        data[at] ^= 1 << dice.randrange(8)
        with caplog.at_level(logging.CRITICAL):
            box = restored(folder / str(number), files | {name: bytes(data)})
        found = set(contents(box).values())
        assert found <= {k for moment in moments for k in moment.held.values()}, "a message was changed"
        if "is damaged" in caplog.text:
            told += 1
            rescued += bool(found)
        else:
            assert sure <= found, (name, at)
        box.append([Message(TOPIC, b'{"k":-1}')])
        box.close()
    assert told > 10
    assert rescued > told / 3


def test_an_outbox_of_an_older_release_is_taken_over(tmp_path: Path) -> None:
    box = opened(tmp_path / "o.db")
    box.append([Message(TOPIC, b'{"k":1}')])
    box._db.execute("DROP INDEX standing")
    box._db.execute("ALTER TABLE message DROP COLUMN crc")
    epoch = box.epoch
    box.close()
    again = opened(tmp_path / "o.db")
    assert (again.epoch, contents(again)) == (epoch, {1: 1})
    again.close()


def test_the_states_that_wait_all_say_the_newest(tmp_path: Path) -> None:
    """Lanes bring them out of order: an old state must not have the last word."""
    box = opened(tmp_path / "o.db")
    states = [b'{"k":1}', b'{"k":2,"long":"longer"}', b'{"k":3}']
    for state in states:
        box.append([Message("d/s/b/k/x/state", state, retain=True), Message(TOPIC, b'{"k":0}')])
    assert contents(box) == {1: 3, 2: 0, 3: 3, 4: 0, 5: 3, 6: 0}
    assert box.standing(4) == [1, 3]
    size = box.size
    box.close()
    again = opened(tmp_path / "o.db")
    assert again.size == size
    again.close()
