"""Renewal: an edition of the rules that is new settles all books again, once, and the journal says why."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from analytics.books import renewal, rules
from analytics.service import Analytics
from schema.batch import Batch
from schema.instant import DAY
from store.registry import journal
from tests.analytics.test_settling import BEGIN, KEYS, NOW, Bench, batch


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def settle(bench: Bench, steps: int = 100) -> int:
    """The steps it took until there was nothing left."""
    analytics = Analytics(bench.store, bench.registry, lambda: NOW)
    return next((number for number in range(1, steps + 1) if not analytics.step().more), steps)


def misbook(bench: Bench) -> None:
    """Books as an older edition may have kept them."""
    keys = [key.intervals() for key in KEYS]
    held = bench.store.read(keys, 0, NOW)
    bench.store.write(Batch.of(held.keys, held.code, held.time, held.value + 1.0, held.quality))


def causes(bench: Bench) -> set[tuple[str, str]]:
    with bench.registry.reading() as session:
        return {(row.device, row.cause) for row in journal.changes(session, "demo", 0, NOW, limit=500)}


def test_a_new_edition_settles_all_books_again_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.stored(batch([(meter, 15 * at, float(at)) for meter in (0, 1) for at in range(100)]))
    settle(bench)
    right = bench.books()
    misbook(bench)
    settle(bench)
    assert bench.books() != right
    monkeypatch.setattr(rules, "EDITION", rules.EDITION + 1)
    settle(bench)
    assert bench.books() == right
    assert causes(bench) == {("m1", "version"), ("m2", "version")}
    misbook(bench)
    settle(bench)
    assert bench.books() != right


def test_a_renewal_goes_on_where_it_was_killed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "PIECE", DAY // 4)
    bench.stored(batch([(meter, 15 * at, float(at)) for meter in (0, 1) for at in range(100)]))
    settle(bench)
    right = bench.books()
    misbook(bench)
    monkeypatch.setattr(rules, "EDITION", rules.EDITION + 1)
    assert settle(bench, steps=6) == 6
    assert bench.books() != right
    assert settle(bench) < 10
    assert bench.books() == right


def test_books_of_before_there_were_editions_are_settled_again(bench: Bench) -> None:
    readings = batch([(0, 15 * at, float(at)) for at in range(10)])
    bench.store.write(readings)
    booked = Batch.of([KEYS[0].intervals()], [0], BEGIN + np.array([0]), [7.0])
    bench.store.write(booked)
    settle(bench)
    assert [value for _, time, value, _ in bench.books() if time == BEGIN] == [(1.0).hex()]
