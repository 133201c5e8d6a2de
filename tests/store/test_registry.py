"""What the registry promises ingest and analytics, on SQLite and on PostgreSQL."""

import threading
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.errors import Reject
from schema.event import Meal, Pass
from schema.stream import Acknowledged
from store.registry import deadletters, events, progress, snapshots
from store.registry.base import Registry
from store.registry.deadletters import Parked
from store.registry.events import StoredEvent
from store.registry.progress import Received, StreamProgress


def together(*work: Callable[[], None]) -> None:
    """Run in threads at once; the first error is raised."""
    errors: list[Exception] = []

    def run(call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# Progress


def stream(seq: int = 0) -> StreamProgress:
    return StreamProgress(agent="a", epoch="e", site="demo", seq=seq, above="[]", lost=0, seen=0)


@given(st.lists(st.integers(1, 60), max_size=80), st.data())
def test_any_order_and_any_repetition_end_in_the_same_progress(seqs: list[int], data: st.DataObject) -> None:
    row = stream()
    for seq in seqs:
        progress.merge(row, [(seq, seq)], 1)
    other = stream()
    for seq in data.draw(st.permutations([*seqs, *seqs])):
        progress.merge(other, [(seq, seq)], 1)
    assert progress.acknowledged(row) == progress.acknowledged(other)

    received = set(seqs)
    contiguous = next(seq for seq in range(62) if seq + 1 not in received)
    gaps = {seq for seq in range(contiguous + 1, max(received, default=0)) if seq not in received}
    answer = progress.acknowledged(row)
    assert answer.seq == contiguous
    assert {seq for first, last in answer.missing for seq in range(first, last + 1)} == gaps
    assert row.lost == 0


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=60))
def test_what_an_agent_gave_up_is_counted_once_and_no_longer_missing(messages: list[tuple[int, int]]) -> None:
    row = stream()
    floor = 1
    durable: set[int] = set()
    lost = 0
    for seq, low in messages:
        durable.add(seq)
        lost += sum(1 for gone in range(floor, low) if gone not in durable)
        floor = max(floor, low)
        progress.merge(row, [(seq, seq)], floor)
    assert row.lost == lost
    answer = progress.acknowledged(row)
    assert answer.seq >= floor - 1
    assert all(first > answer.seq for first, _ in answer.missing)
    assert not {seq for first, last in answer.missing for seq in range(first, last + 1)} & durable


def test_a_floor_passes_a_gap_and_counts_it() -> None:
    row = stream()
    progress.merge(row, Received([9, 1, 5, 2, 1]).spans(), 1)
    assert progress.acknowledged(row) == Acknowledged("e", 2, ((3, 4), (6, 8)), 9)
    progress.merge(row, [(10, 10)], 8)
    assert progress.acknowledged(row) == Acknowledged("e", 7, ((8, 8),), 10)
    assert row.lost == 4
    progress.merge(row, [(8, 8)], 8)
    assert progress.acknowledged(row) == Acknowledged("e", 10)
    assert row.lost == 4


def test_streams_are_told_apart_by_agent_and_epoch(registry: Registry) -> None:
    streams = {("b", "1"): Received([2]), ("a", "1"): Received([3, 1]), ("a", "2"): Received([1])}
    with registry.writing() as session:
        answers = progress.advance(session, "demo", streams, 0)
    assert dict(answers[:1]) == {"a": Acknowledged("1", 1, ((2, 2),), 3)}
    with registry.writing() as session:
        again = progress.advance(session, "demo", {("a", "1"): Received([2]), ("a", "2"): Received([2])}, 0)
    assert again == [("a", Acknowledged("1", 3)), ("a", Acknowledged("2", 2))]


def test_two_ingest_processes_lose_no_position(registry: Registry) -> None:
    def advance(first: int) -> None:
        for seq in range(first, 41, 2):
            with registry.writing() as session:
                progress.advance(session, "demo", {("a", "e"): Received([seq])}, 0)

    together(lambda: advance(1), lambda: advance(2))
    with registry.writing() as session:
        assert progress.advance(session, "demo", {("a", "e"): Received([41])}, 0) == [("a", Acknowledged("e", 41))]


# Dead letters


def letters(number: int, reason: str = "undecodable", payload: bytes = b"?") -> list[Parked]:
    return [Parked("dayuan/x", "demo", "m1", reason, f"{at}", payload) for at in range(number)]


def test_letters_are_kept_whole_up_to_a_size_and_always_counted(registry: Registry) -> None:
    large = bytes(deadletters.KEPT_BYTES + 1)
    with registry.writing() as session:
        deadletters.park(session, letters(2) + letters(1, payload=large) + letters(1, "bad_topic"), 5)
    with registry.writing() as session:
        deadletters.park(session, letters(1), 6)
    with registry.reading() as session:
        assert deadletters.counts(session) == {"undecodable": 4, "bad_topic": 1}
        kept = deadletters.whole(session, "dayuan/x", ["undecodable"])
        assert [(letter.detail, letter.payload, letter.received) for letter in kept] == [
            ("0", b"?", 5),
            ("1", b"?", 5),
            ("0", b"?", 6),
        ]
        assert session.query(deadletters.DeadLetter).filter_by(size=len(large)).one().payload == large[:-1]


def test_what_no_database_can_hold_is_spelled_out(registry: Registry) -> None:
    """A payload's own words come with halves of letters and with NUL; one that cannot be parked would come for ever."""
    with registry.writing() as session:
        deadletters.park(session, [Parked("dayuan/x", "", "", "undeclared_device", "a\0b \ud800", b"\0")], 5)
        [letter] = deadletters.found(session, deadletters.Search(), limit=1)
        deadletters.refuse(session, letter.id, "no_place", letter.detail + "\udc80\0")
    with registry.reading() as session:
        [letter] = deadletters.found(session, deadletters.Search(text="\\0b"), limit=1)
    assert (letter.reason, letter.detail) == ("no_place", "a\\0b \\ud800\\udc80\\0")


def test_postgresql_refuses_to_look_for_what_it_cannot_hold(registry: Registry) -> None:
    on_postgres = registry.engine.dialect.name == "postgresql"
    refused = pytest.raises(Reject, match="not_storable") if on_postgres else nullcontext()
    with refused, registry.reading() as session:
        assert deadletters.found(session, deadletters.Search(text="\0"), limit=1) == []


def test_the_oldest_letters_make_room(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadletters, "KEPT_LETTERS", 3)
    with registry.writing() as session:
        deadletters.park(session, letters(5), 0)
    with registry.reading() as session:
        assert [letter.detail for letter in deadletters.whole(session, "dayuan/x", ["undecodable"])] == ["2", "3", "4"]
        assert deadletters.counts(session) == {"undecodable": 5}


def test_two_ingest_processes_count_every_letter(registry: Registry) -> None:
    def park() -> None:
        for _ in range(20):
            with registry.writing() as session:
                deadletters.park(session, letters(1) + letters(1, "bad_topic"), 0)

    together(park, park)
    with registry.reading() as session:
        assert deadletters.counts(session) == {"undecodable": 40, "bad_topic": 40}


def test_discarded_letters_are_gone(registry: Registry) -> None:
    with registry.writing() as session:
        deadletters.park(session, letters(2), 0)
        first, second = deadletters.whole(session, "dayuan/x", ["undecodable"])
        deadletters.discard(session, [first.id])
        assert deadletters.whole(session, "dayuan/x", ["undecodable"]) == [second]


# Events


def test_an_event_delivered_again_stays_as_it_was(registry: Registry) -> None:
    meal = Meal(id="1", time=10, window="lunch", price="12.50")
    other = Meal(id="1", time=11, window="dinner", price="99.00")
    with registry.writing() as session:
        events.record(session, [StoredEvent("demo", "t1", meal), StoredEvent("demo", "t2", other)], 0)
    with registry.writing() as session:
        events.record(session, [StoredEvent("demo", "t1", other), StoredEvent("demo", "t1", meal)], 1)
        events.record(session, [], 1)
    with registry.reading() as session:
        assert events.between(session, "demo", "meal", 0, 100) == [
            StoredEvent("demo", "t1", meal),
            StoredEvent("demo", "t2", other),
        ]


def test_events_are_found_by_site_type_and_time(registry: Registry) -> None:
    entry = Pass(id="p", time=10, direction="in", granted=True, passed=True, reason="permit", decided_by="platform")
    meal = Meal(id="m", time=10, window="lunch", price="1")
    with registry.writing() as session:
        events.record(session, [StoredEvent("demo", "g", entry), StoredEvent("demo", "g", meal)], 0)
    with registry.reading() as session:
        assert events.between(session, "demo", "pass", 10, 11) == [StoredEvent("demo", "g", entry)]
        assert events.between(session, "demo", "pass", 0, 10) == []
        assert events.between(session, "demo", "pass", 11, 20) == []
        assert events.between(session, "north", "pass", 0, 20) == []


# Snapshots, transactions


def test_the_newest_snapshot_replaces_the_one_before(registry: Registry) -> None:
    with registry.writing() as session:
        assert snapshots.load(session, "detectors") is None
        snapshots.save(session, "detectors", b"\x00one", 1)
    with registry.writing() as session:
        snapshots.save(session, "detectors", b"two", 2)
    with registry.reading() as session:
        assert snapshots.load(session, "detectors") == b"two"


def test_an_error_undoes_the_whole_transaction(registry: Registry) -> None:
    def fail() -> None:
        with registry.writing() as session:
            deadletters.park(session, letters(1), 0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with registry.reading() as session:
        assert deadletters.counts(session) == {}
