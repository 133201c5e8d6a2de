"""Of several words on one instant of one series the highest counts, whatever order they come in."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.batch import Batch
from schema.series import SeriesKey
from store.series import open_store
from store.series.duckdb import DuckStore
from store.series.port import SeriesStore

T0 = 1_700_006_400_000_000
KEYS = [SeriesKey("demo", "hq", "meter", name, "energy") for name in ("m1", "m2")]
Word = tuple[int, int, int, float]
"""(series, instant, rank, value)"""

words = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(0, 3), st.sampled_from([0, 1, 2, 2**63 - 1]), st.sampled_from([-1.5, 0.0, 7.0])
    ),
    max_size=12,
)


def write(store: SeriesStore, said: list[Word], *, ranked: bool = True) -> list[float]:
    """The values that were replaced."""
    code, time, rank, value = zip(*said, strict=True) if said else ((), (), (), ())
    replaced = store.write(Batch.of(KEYS, code, [T0 + at for at in time], value, rank=rank if ranked else None))
    values: list[float] = replaced.value.tolist()
    return values


def held(store: SeriesStore) -> dict[tuple[int, int], float]:
    found = store.read(KEYS, T0, T0 + 10)
    assert [row.tolist() for row in (found.code, found.quality)] == [sorted(found.code.tolist()), [0] * len(found)]
    return dict(
        zip(zip(found.code.tolist(), (found.time - T0).tolist(), strict=True), found.value.tolist(), strict=True)
    )


def highest(said: list[Word]) -> dict[tuple[int, int], float]:
    return {(code, time): value for code, time, _, value in sorted(said, key=lambda word: word[2:])}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(words)
def test_the_highest_of_a_batch_counts_on_every_store(fresh_url: Callable[[], str], said: list[Word]) -> None:
    store = open_store(fresh_url())
    try:
        write(store, said)
        assert held(store) == highest(said)
    finally:
        store.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.lists(words, max_size=5), st.data())
def test_the_highest_ever_counts_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, said: list[list[Word]], data: st.DataObject
) -> None:
    """Also after a restart, and `latest` says the same as `read`."""
    path = tmp_path_factory.mktemp("ranks") / "store.duckdb"
    turns = data.draw(st.permutations([*said, *said[:2]]))
    again = data.draw(st.integers(0, len(turns)))
    store = DuckStore(path)
    for number, turn in enumerate(turns):
        if number == again:
            store.close()
            store = DuckStore(path)
        write(store, turn)
    every = [word for turn in said for word in turn]
    newest = store.latest(KEYS)
    found = held(store)
    store.close()
    assert found == highest(every)
    last = {code: max(at for one, at in found if one == code) for code, _ in found}
    told = dict(
        zip(zip(newest.code.tolist(), (newest.time - T0).tolist(), strict=True), newest.value.tolist(), strict=True)
    )
    assert told == {place: found[place] for place in last.items()}


def test_a_store_that_keeps_ranks_tells_what_was_replaced(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "store.duckdb")
    assert store.keeps_ranks
    assert write(store, [(0, 1, 5, 1.0), (0, 2, 5, 2.0)]) == []
    assert write(store, [(0, 1, 5, 1.0), (0, 1, 4, 9.0), (0, 3, 4, 3.0)]) == []
    assert write(store, [(0, 1, 6, 1.0)]) == []
    assert write(store, [(0, 1, 5, 8.0)]) == []
    assert write(store, [(0, 1, 7, 0.5), (0, 0, 7, 0.0)]) == [1.0]
    assert held(store) == {(0, 0): 0.0, (0, 1): 0.5, (0, 2): 2.0, (0, 3): 3.0}
    store.close()


def test_what_has_no_rank_is_held_from_then_on_until_a_word_comes(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "store.duckdb")
    write(store, [(0, 1, 5, 1.0)])
    write(store, [(0, 1, 0, 0.25)], ranked=False)
    assert held(store) == {(0, 1): 0.25}
    write(store, [(0, 1, 1, 0.125)])
    assert held(store) == {(0, 1): 0.125}
    store.close()


def test_a_file_of_before_ranks_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute(
            "CREATE TABLE series (sid INTEGER, site VARCHAR, building VARCHAR, kind VARCHAR, device VARCHAR, "
            "point VARCHAR); CREATE TABLE reading (sid INTEGER, time BIGINT, value DOUBLE, quality UTINYINT)"
        )
        db.execute("INSERT INTO series VALUES (0, ?, ?, ?, ?, ?)", KEYS[0])
        db.execute("INSERT INTO reading SELECT 0, ? + range, range, 0 FROM range(3)", [T0])
    for _ in range(2):
        store = DuckStore(path)
        assert held(store) == {(0, 0): 0.0, (0, 1): 1.0, (0, 2): 2.0}
        write(store, [(0, 1, 0, 0.5)])
        store.close()
    store = DuckStore(path)
    write(store, [(0, 1, 1, 0.5)])
    assert held(store)[0, 1] == 0.5
    store.close()
