"""The outbox keeps what it took, in order, through anything short of a broken disk."""

import json
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.outbox import Limits, Message, Outbox
from schema.errors import RetryLater, Stop
from schema.instant import DAY, HOUR
from schema.stream import Acknowledged, Position

ALWAYS = 1_780_000_000_000_000


def opened(path: Path, limits: Limits | None = None, now: int = ALWAYS) -> Outbox:
    return Outbox(path, "agent-1", lambda: now, os.urandom, limits)


def message(text: str) -> Message:
    return Message("d/s/b/k/x/readings", json.dumps([{"n": text}]).encode())


def test_messages_come_back_in_order_with_their_position(tmp_path: Path) -> None:
    box = opened(tmp_path / "o.db")
    box.append([message("a"), message("b")])
    box.append([Message("t", b'{"state":"online"}', retain=True)])
    first, second, third = box.unsent(0, 10)
    assert json.loads(first.body) == [{"agent": "agent-1", "epoch": box.epoch, "seq": 1, "floor": 1, "n": "a"}]
    assert json.loads(second.body)[0]["seq"] == 2
    assert json.loads(third.body) == {"agent": "agent-1", "epoch": box.epoch, "seq": 3, "floor": 1, "state": "online"}
    assert third.retain
    assert not first.retain
    assert [entry.seq for entry in box.unsent(1, 1)] == [2]
    box.close()


def test_acknowledged_is_deleted_and_the_floor_rises(tmp_path: Path) -> None:
    box = opened(tmp_path / "o.db")
    box.append([message(str(n)) for n in range(5)])
    assert box.acknowledge(Acknowledged(box.epoch, 3)) == 3
    assert box.acknowledge(Acknowledged(box.epoch, 2)) == 0
    assert (box.floor, box.pending) == (4, 2)
    assert json.loads(box.unsent(0, 1)[0].body)[0]["floor"] == 4
    box.close()


def test_what_a_new_disk_says_ranks_above_all_that_the_old_one_said(tmp_path: Path) -> None:
    old, new = opened(tmp_path / "old.db"), opened(tmp_path / "new.db", now=ALWAYS + 1_000_000)
    old.append([message(str(number)) for number in range(50)])
    new.append([message("a")])
    last, first = old.unsent(49, 1)[0], new.unsent(0, 1)[0]
    ranks = [
        Position(**{label: json.loads(one.body)[0][label] for label in ("agent", "epoch", "seq")}).rank
        for one in (last, first)
    ]
    assert ranks[0] < ranks[1]


def test_another_epochs_acknowledgement_deletes_nothing(tmp_path: Path) -> None:
    box = opened(tmp_path / "o.db")
    box.append([message("a")])
    assert box.acknowledge(Acknowledged("0" * 16, 1)) == 0
    assert box.pending == 1
    box.close()


def test_epoch_numbers_and_drop_count_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    box = opened(path, Limits(size=60))
    box.append([message(str(n)) for n in range(9)])
    epoch, floor, dropped, size = box.epoch, box.floor, box.dropped, box.size
    assert dropped > 0
    box.close()
    again = opened(path)
    assert (again.epoch, again.floor, again.last, again.dropped, again.size) == (epoch, floor, 9, dropped, size)
    again.acknowledge(Acknowledged(epoch, 9))
    again.close()
    empty = opened(path)
    assert (empty.pending, empty.floor) == (0, 10)
    empty.append([message("next")])
    assert empty.unsent(0, 1)[0].seq == 10
    empty.close()


def test_beyond_the_size_the_oldest_goes_and_is_counted(tmp_path: Path) -> None:
    body = len(message("0").body)
    box = opened(tmp_path / "o.db", Limits(size=3 * body))
    for n in range(5):
        box.append([message(str(n))])
    assert [json.loads(entry.body)[0]["n"] for entry in box.unsent(0, 9)] == ["2", "3", "4"]
    assert (box.dropped, box.floor, box.size) == (2, 3, 3 * body)
    box.close()


class Clocks:
    """A wall clock and one that never leaps, both set by hand; an agent's runs follow one another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wall = ALWAYS
        self.steady = 0

    @contextmanager
    def running(self, boot: int, age: int = 10 * DAY) -> Iterator[Outbox]:
        """An agent that runs on a machine where the steady clock began at `boot`."""
        self.steady = boot
        box = Outbox(self.path, "agent-1", lambda: self.wall, os.urandom, Limits(age=age), lambda: self.steady)
        with closing(box):
            yield box

    def go(self, time: int) -> None:
        self.wall += time
        self.steady += time


def waiting(box: Outbox) -> list[str]:
    return [json.loads(entry.body)[0]["n"] for entry in box.unsent(0, 99)]


def test_beyond_the_age_the_oldest_goes_over_any_number_of_runs(tmp_path: Path) -> None:
    clocks = Clocks(tmp_path / "o.db")
    for day in range(13):
        with clocks.running(boot=day % 3 * HOUR) as box:
            box.append([message(f"day {day}")])
            clocks.go(DAY // 2)
            box.append([message(f"noon {day}")])
            clocks.go(DAY // 2)
            box.append([message(f"evening {day}")])
    with clocks.running(boot=0) as box:
        assert waiting(box)[0] == "evening 2"
        assert (box.dropped, box.pending) == (8, 31)


@pytest.mark.parametrize("leap", [20 * 365 * DAY, 11 * DAY, -11 * DAY, -40 * 365 * DAY])
def test_a_wall_clock_that_leaps_makes_nothing_old(tmp_path: Path, leap: int) -> None:
    clocks = Clocks(tmp_path / "o.db")
    with clocks.running(boot=0) as box:
        box.append([message("before")])
        clocks.wall += leap
        box.append([message("after")])
        clocks.go(9 * DAY)
        box.append([message("later")])
    clocks.wall += leap
    with clocks.running(boot=0) as box:
        box.append([message("after a restart")])
        assert waiting(box) == ["before", "after", "later", "after a restart"]
        clocks.wall -= leap
        clocks.go(2 * DAY)
        box.append([message("in its own time")])
        assert waiting(box) == ["later", "after a restart", "in its own time"]


def test_what_waited_while_nothing_ran_did_not_age(tmp_path: Path) -> None:
    """The box was off for a year: what it holds is all there is of the time before."""
    clocks = Clocks(tmp_path / "o.db")
    with clocks.running(boot=0) as box:
        box.append([message("before")])
    clocks.wall += 365 * DAY
    with clocks.running(boot=0) as box:
        box.append([message("after")])
        assert box.pending == 2


@given(st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(-(10**16), 10**16), st.booleans()), max_size=40))
@settings(max_examples=20, deadline=None)
def test_nothing_goes_before_its_time_nor_stays_much_longer(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever the wall clock does; what an agent ran after its last message before a restart is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        clocks = Clocks(Path(folder) / "o.db")
        born: dict[str, int] = {}
        counted = 0
        with ExitStack() as stack:
            box = stack.enter_context(clocks.running(boot=0))
            for number, (passes, leap, restart) in enumerate(steps):
                if restart:
                    stack.close()
                    box = stack.enter_context(clocks.running(boot=passes))
                else:
                    clocks.go(passes)
                    counted += passes
                clocks.wall = max(clocks.wall + leap, 0)
                born[str(number)] = counted
                box.append([message(str(number))])
                kept = set(waiting(box))
                assert kept >= {name for name, at in born.items() if counted - at <= 10 * DAY}
                slack = number * 10 * DAY // 1000
                assert not kept & {name for name, at in born.items() if counted - at > 10 * DAY + slack}


@pytest.mark.parametrize("damage", ["not a database", "torn"])
def test_a_damaged_file_is_moved_aside_and_a_new_epoch_begins(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "o.db"
    box = opened(path)
    box.append([message("x" * 50) for _ in range(500)])
    epoch = box.epoch
    box.close()
    whole = path.read_bytes()
    path.write_bytes(b"garbage" * 1000 if damage == "not a database" else whole[:8192] + os.urandom(len(whole) - 8192))
    with caplog.at_level(logging.CRITICAL):
        fresh = opened(path)
    assert "is damaged" in caplog.text
    assert fresh.epoch != epoch
    assert fresh.pending == 0
    fresh.append([message("goes on")])
    assert fresh.unsent(0, 9)[0].seq == 1
    assert len(list(tmp_path.glob("o.db.damaged-*"))) == 1
    fresh.close()


def test_a_file_restored_from_a_copy_begins_a_new_epoch(tmp_path: Path) -> None:
    """Its next numbers were used before: under the old epoch the platform's word would delete what it never saw."""
    box = opened(tmp_path / "o.db")
    box.append([message("a"), message("b")])
    before = box.epoch
    assert box.acknowledge(Acknowledged(before, 7)) == 0
    assert box.epoch != before
    assert [entry.seq for entry in box.unsent(0, 9)] == [1, 2]
    assert (box.floor, box.pending) == (1, 2)
    box.append([message("c")])
    assert box.unsent(2, 9)[0].seq == 3
    box.close()


def test_a_second_agent_on_the_same_file_is_told_so(tmp_path: Path) -> None:
    box = opened(tmp_path / "o.db")
    with pytest.raises(Stop, match="another agent"):
        opened(tmp_path / "o.db")
    box.close()


def test_a_full_disk_is_worth_another_try_and_loses_nothing(tmp_path: Path) -> None:
    box = opened(tmp_path / "o.db")
    box.append([message("kept")])
    pages = box._db.execute("PRAGMA page_count").fetchone()[0]
    box._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(RetryLater, match="full"):
        box.append([message("x" * 100_000)])
    box._db.execute("PRAGMA max_page_count=1000000")
    box.append([message("next")])
    assert [json.loads(entry.body)[0]["n"] for entry in box.unsent(0, 9)] == ["kept", "next"]
    assert box.pending == 2
    box.close()


WRITER = """
import os, sys
from pathlib import Path
from edge.outbox import Message, Outbox
box = Outbox(Path(sys.argv[1]), "agent-1", lambda: 1_000_000_000_000_000, os.urandom)
print("ready", flush=True)
while True:
    box.append([Message("t", b'{"k":%d}' % (box.last + n)) for n in (1, 2, 3)])
    os.write(1, b"%d\\n" % box.last)
"""


def test_everything_whose_append_returned_is_there_after_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    moment = random.Random(7)
    returned = 0
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(moment.uniform(0.005, 0.12))
            writer.send_signal(signal.SIGKILL)
            said = [int(line) for line in writer.stdout.read().split(b"\n")[:-1]]
        returned = max([returned, *said])
        box = opened(path)
        assert box.last >= returned
        assert box.last % 3 == 0, "a transaction was torn"
        bodies = [json.loads(entry.body)["k"] for entry in box.unsent(0, box.last)]
        assert bodies == list(range(1, box.last + 1))
        box.close()
    assert returned > 0


class OutboxMachine(RuleBasedStateMachine):
    """Whatever the order of calls, the outbox holds exactly what a list would, and never reuses a number."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "o.db"
        self.limits = Limits(size=400)
        self.box = opened(self.path, self.limits)
        self.model: list[tuple[int, bytes]] = []
        self.last = 0
        self.dropped = 0

    @rule(sizes=st.lists(st.integers(0, 120), max_size=5))
    def append(self, sizes: list[int]) -> None:
        bodies = [b'{"k":"%s"}' % (b"x" * size) for size in sizes]
        self.box.append([Message("t", body) for body in bodies])
        for body in bodies:
            self.last += 1
            self.model.append((self.last, body))
        while sum(len(body) for _, body in self.model) > self.limits.size:
            self.model.pop(0)
            self.dropped += 1

    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        seq = round(share * self.last)
        self.box.acknowledge(Acknowledged(self.box.epoch, seq))
        self.model = [(number, body) for number, body in self.model if number > seq]

    @rule()
    def restart(self) -> None:
        self.box.close()
        self.box = opened(self.path, self.limits)

    @invariant()
    def agrees(self) -> None:
        entries = self.box.unsent(0, 1000)
        assert [entry.seq for entry in entries] == [number for number, _ in self.model]
        for entry, (_, body) in zip(entries, self.model, strict=True):
            assert json.loads(entry.body)["k"] == json.loads(body)["k"]
        assert self.box.pending == len(self.model)
        assert self.box.size == sum(len(body) for _, body in self.model)
        assert (self.box.last, self.box.dropped) == (self.last, self.dropped)
        assert self.box.floor == (self.model[0][0] if self.model else self.last + 1)

    def teardown(self) -> None:
        self.box.close()
        self.folder.cleanup()


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_a_disk_error_is_not_taken_for_damage(tmp_path: Path) -> None:
    """A directory in its place is no damaged database: nothing is moved."""
    (tmp_path / "o.db").mkdir()
    with pytest.raises(Stop):
        opened(tmp_path / "o.db")
    assert not list(tmp_path.glob("*damaged*"))
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(tmp_path / "o.db")
