"""What every time-series store promises, on every adapter: store/series/port.py."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.batch import Batch
from schema.instant import DAY, HOUR, MINUTE, SECOND
from schema.series import Quality, SeriesKey
from store.series import open_store
from store.series.port import PartialWrite, SeriesStore
from tests.store.conftest import Opener

T0 = 1_700_006_400_000_000
"""2023-11-15 00:00 UTC."""
ENERGY = SeriesKey("demo", "hq", "meter", "m1", "energy")
POWER = ENERGY._replace(point="power")
OTHER = ENERGY._replace(device="m2")
WATER = SeriesKey("demo", "canteen", "water", "w1", "volume")
ELSEWHERE = SeriesKey("north", "hq", "meter", "m1", "energy")
Row = tuple[SeriesKey, int, float, int]


def batch(*rows: tuple[SeriesKey, int, float] | Row) -> Batch:
    """Rows (key, time after T0, value, quality) in the given order."""
    keys = list(dict.fromkeys(row[0] for row in rows))
    return Batch.of(
        keys,
        [keys.index(row[0]) for row in rows],
        [T0 + row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] if len(row) == 4 else 0 for row in rows],
    )


def rows(found: Batch) -> list[Row]:
    """What `batch` was made of."""
    columns = zip(found.code.tolist(), found.time.tolist(), found.value.tolist(), found.quality.tolist(), strict=True)
    return [(found.keys[code], time - T0, value, quality) for code, time, value, quality in columns]


def everything(store: SeriesStore) -> list[Row]:
    return rows(store.read(store.series(), T0 - DAY, T0 + 1000 * DAY))


def test_an_empty_store_answers_nothing(store: SeriesStore) -> None:
    assert store.series() == []
    assert len(store.latest([ENERGY])) == 0
    assert len(store.read([ENERGY], T0, T0 + DAY, margin=1)) == 0
    assert len(store.aggregate([ENERGY], T0, T0 + DAY, HOUR).time) == 0
    assert len(store.aggregate([ENERGY], T0, T0 + 100 * DAY, HOUR).time) == 0
    assert len(store.read([], T0, T0 + DAY)) == len(store.latest([])) == 0
    store.write(Batch.empty())
    assert store.series() == []


def test_what_is_written_is_read(store: SeriesStore) -> None:
    store.write(batch((ENERGY, 0, 1.5), (POWER, 0, 7.0), (OTHER, 0, 2.0), (ENERGY, 1, 0.1), (WATER, 5, -3.25)))
    found = store.read([WATER, ENERGY, POWER], T0, T0 + 10)
    assert rows(found) == [(WATER, 5, -3.25, 0), (ENERGY, 0, 1.5, 0), (ENERGY, 1, 0.1, 0), (POWER, 0, 7.0, 0)]
    assert found.time.dtype == np.int64
    assert found.code.dtype == np.int32


def test_the_latest_of_a_quiet_series_is_found_behind_busy_ones(store: SeriesStore) -> None:
    quiet = [(OTHER, 0, 1.0), (POWER, 1 * MINUTE, 2.0), (WATER, -90 * DAY, 3.0)]
    store.write(batch(*quiet, *((ENERGY, second * SECOND, float(second)) for second in range(50 * 60))))
    keys = [WATER, ENERGY, OTHER, POWER, ELSEWHERE]
    newest = [
        (WATER, -90 * DAY, 3.0, 0),
        (ENERGY, 2999 * SECOND, 2999.0, 0),
        (OTHER, 0, 1.0, 0),
        (POWER, MINUTE, 2.0, 0),
    ]
    assert rows(store.latest(keys)) == newest
    assert rows(store.latest(keys)) == newest
    store.write(batch((WATER, 0, 4.0)))
    assert rows(store.latest([WATER])) == [(WATER, 0, 4.0, 0)]


def test_a_read_includes_its_start_and_not_its_end(store: SeriesStore) -> None:
    store.write(batch(*((ENERGY, minute * MINUTE, float(minute)) for minute in range(10))))
    assert rows(store.read([ENERGY], T0 + 2 * MINUTE, T0 + 4 * MINUTE)) == [
        (ENERGY, 2 * MINUTE, 2.0, 0),
        (ENERGY, 3 * MINUTE, 3.0, 0),
    ]


def test_margin_adds_the_neighbours_of_each_series_however_far(store: SeriesStore) -> None:
    store.write(batch((ENERGY, 0, 1.0), (ENERGY, 1, 2.0), (ENERGY, 100, 3.0), (ENERGY, 200, 4.0), (ENERGY, 201, 5.0)))
    store.write(batch((OTHER, -400 * DAY, 6.0), (OTHER, 200 * DAY, 7.0), (WATER, 100, 8.0)))
    found = store.read([ENERGY, OTHER, WATER], T0 + 50, T0 + 200, margin=1)
    assert rows(found) == [
        (ENERGY, 1, 2.0, 0),
        (ENERGY, 100, 3.0, 0),
        (ENERGY, 200, 4.0, 0),
        (OTHER, -400 * DAY, 6.0, 0),
        (OTHER, 200 * DAY, 7.0, 0),
        (WATER, 100, 8.0, 0),
    ]


def test_a_wider_margin_adds_as_many_as_there_are(store: SeriesStore) -> None:
    store.write(batch(*((ENERGY, hour * HOUR, float(hour)) for hour in range(0, 60, 5)), (OTHER, -90 * DAY, 7.0)))
    found = store.read([OTHER, ENERGY], T0 + 26 * HOUR, T0 + 32 * HOUR, margin=3)
    assert rows(found) == [
        (OTHER, -90 * DAY, 7.0, 0),
        *((ENERGY, hour * HOUR, float(hour), 0) for hour in (15, 20, 25, 30, 35, 40, 45)),
    ]
    assert len(store.read([ENERGY], T0, T0 + HOUR, margin=100)) == 12


def test_latest_is_the_newest_in_time_not_in_arrival(store: SeriesStore) -> None:
    store.write(batch((ENERGY, 10, 1.0), (POWER, 5, 2.0), (WATER, 1, 3.0)))
    store.write(batch((ENERGY, 9, 4.0)))
    assert rows(store.latest([WATER, OTHER, ENERGY])) == [(WATER, 1, 3.0, 0), (ENERGY, 10, 1.0, 0)]
    store.write(batch((ENERGY, 10, 5.0), (WATER, 2, 6.0, Quality.ESTIMATED)))
    assert rows(store.latest([WATER, OTHER, ENERGY])) == [(WATER, 2, 6.0, 2), (ENERGY, 10, 5.0, 0)]


def test_series_are_those_of_a_site_or_all_sorted(store: SeriesStore) -> None:
    store.write(batch((ENERGY, 0, 1.0), (POWER, 10, 1.0), (ELSEWHERE, 0, 1.0), (WATER, 0, 1.0)))
    assert store.series() == sorted([ENERGY, POWER, ELSEWHERE, WATER])
    assert store.series("north") == [ELSEWHERE]
    assert store.series("nowhere") == []


def test_redelivery_adds_nothing(store: SeriesStore) -> None:
    delivery = batch((ENERGY, 0, 1.0), (POWER, 0, 2.0), (ENERGY, 60, 3.0, Quality.PARTIAL))
    for _ in range(3):
        store.write(delivery)
    assert everything(store) == rows(delivery.take(np.array([0, 2, 1])))
    assert store.aggregate([ENERGY], T0, T0 + DAY, HOUR).count.tolist() == [2]


def test_the_last_write_of_an_instant_wins_within_a_batch_and_across(store: SeriesStore) -> None:
    store.write(batch((ENERGY, 0, 1.0), (POWER, 0, 9.0), (ENERGY, 0, 2.0), (ENERGY, 5, 3.0)))
    assert everything(store) == [(ENERGY, 0, 2.0, 0), (ENERGY, 5, 3.0, 0), (POWER, 0, 9.0, 0)]
    store.write(batch((ENERGY, 5, 4.0), (ENERGY, 0, 0.0)))
    assert everything(store) == [(ENERGY, 0, 0.0, 0), (ENERGY, 5, 4.0, 0), (POWER, 0, 9.0, 0)]


def test_quality_comes_back_and_its_last_write_wins(opener: Opener) -> None:
    store = opener()
    store.write(batch((ENERGY, 0, 1.0, Quality.ESTIMATED), (POWER, 0, 2.0), (ENERGY, 9, 3.0, Quality.EDITED)))
    assert everything(store) == [(ENERGY, 0, 1.0, 2), (ENERGY, 9, 3.0, 3), (POWER, 0, 2.0, 0)]
    store.write(batch((ENERGY, 0, 1.0), (POWER, 0, 2.0, Quality.PARTIAL)))
    assert everything(store) == [(ENERGY, 0, 1.0, 0), (ENERGY, 9, 3.0, 3), (POWER, 0, 2.0, 1)]
    store = opener()
    store.write(batch((ENERGY, 9, 3.0), (POWER, 0, 5.0, Quality.EDITED), (POWER, 0, 4.0), (POWER, 9, 4.0)))
    assert everything(store) == [(ENERGY, 0, 1.0, 0), (ENERGY, 9, 3.0, 0), (POWER, 0, 4.0, 0), (POWER, 9, 4.0, 0)]


def test_aggregates_are_by_buckets_since_1970_and_only_of_the_range(store: SeriesStore) -> None:
    store.write(batch(*((ENERGY, minute * MINUTE, float(minute)) for minute in range(180)), (OTHER, 61 * MINUTE, -5.0)))
    found = store.aggregate([OTHER, WATER, ENERGY], T0 + 30 * MINUTE, T0 + 150 * MINUTE, HOUR)
    columns = (found.code, found.time - T0, found.mean, found.low, found.high, found.count)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == [
        (0, HOUR, -5.0, -5.0, -5.0, 1),
        (2, 0, 44.5, 30.0, 59.0, 30),
        (2, HOUR, 89.5, 60.0, 119.0, 60),
        (2, 2 * HOUR, 134.5, 120.0, 149.0, 30),
    ]
    assert found.keys == (OTHER, WATER, ENERGY)


@pytest.mark.parametrize("every", [HOUR, 15 * MINUTE, DAY, 7 * HOUR])
def test_long_aggregates_follow_every_write(store: SeriesStore, every: int) -> None:
    """Weeks that were answered before are answered anew after a write to them."""
    start, end = T0 - 3 * DAY - 90 * MINUTE, T0 + 50 * DAY
    times = np.arange(start - DAY, end + DAY, 30 * MINUTE) - T0
    value = dict(zip(times.tolist(), np.sin(np.arange(len(times))).tolist(), strict=True))
    store.write(batch(*((ENERGY, time, reading) for time, reading in value.items())))
    for time, change in ((-1, None), (20 * DAY, 5.0), (40 * DAY + 1, -7.0), (20 * DAY, 6.0), (49 * DAY, 9.0)):
        if change is not None:
            value[time] = change
            store.write(batch((ENERGY, time, change)))
        found = store.aggregate([ENERGY], start, end, every)
        inside = sorted((T0 + at, reading) for at, reading in value.items() if start <= T0 + at < end)
        buckets: dict[int, list[float]] = {}
        for at, reading in inside:
            buckets.setdefault(at // every * every, []).append(reading)
        groups = list(buckets.values())
        assert found.time.tolist() == list(buckets)
        assert found.count.tolist() == [len(group) for group in groups]
        assert found.low.tolist() == [min(group) for group in groups]
        assert found.high.tolist() == [max(group) for group in groups]
        np.testing.assert_allclose(found.mean, [np.mean(group) for group in groups], rtol=1e-12, atol=1e-15)


def test_every_finite_value_comes_back_exactly(store: SeriesStore) -> None:
    values = [1e308, -1e308, 5e-324, -0.1, 0.1 + 0.2, 123456789.123456789, 0.0, 1e15, 1e22, 2.0**53]
    store.write(batch(*((ENERGY, place, value) for place, value in enumerate(values))))
    assert store.read([ENERGY], T0, T0 + DAY).value.tolist() == values


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused_and_the_rest_is_stored(store: SeriesStore, bad: float) -> None:
    with pytest.raises(PartialWrite) as refusal:
        store.write(batch((ENERGY, 0, 1.0), (ENERGY, 1, bad), (POWER, 1, 2.0), (WATER, 0, bad)))
    assert refusal.value.rows.tolist() == [1, 3]
    assert everything(store) == [(ENERGY, 0, 1.0, 0), (POWER, 1, 2.0, 0)]
    with pytest.raises(PartialWrite):
        store.write(batch((ENERGY, 5, bad)))


@pytest.mark.parametrize("name", ["a b", "a,b", "a=b", "大院 1", "it's", 'say "x"', "a/b|c.*", "x;y", "50%", "{}"])
def test_odd_names_come_back(store: SeriesStore, name: str) -> None:
    odd = [SeriesKey(*(name if place == part else text for place, text in enumerate(ENERGY))) for part in range(5)]
    odd.append(SeriesKey(name, name, name, name, name))
    store.write(batch(*((key, 0, float(place)) for place, key in enumerate([*odd, ENERGY]))))
    assert store.series() == sorted([*odd, ENERGY])
    assert rows(store.read([*odd, ENERGY], T0, T0 + 1)) == [
        (key, 0, float(i), 0) for i, key in enumerate([*odd, ENERGY])
    ]
    assert rows(store.latest(odd)) == [(key, 0, float(place), 0) for place, key in enumerate(odd)]
    assert store.aggregate(odd, T0, T0 + HOUR, HOUR).mean.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_reopening_keeps_everything(opener: Opener) -> None:
    store = opener()
    store.write(batch((ENERGY, 0, 1.0), (POWER, 3, 2.0, Quality.EDITED), (ENERGY, 0, 4.0)))
    before = everything(store), store.series(), rows(store.latest([ENERGY, POWER]))
    store = opener()
    assert (everything(store), store.series(), rows(store.latest([ENERGY, POWER]))) == before
    store.write(batch((OTHER, 0, 1.0), (ENERGY, 5, 6.0)))
    assert rows(store.latest([ENERGY, OTHER])) == [(ENERGY, 5, 6.0, 0), (OTHER, 0, 1.0, 0)]


def test_a_thousand_series_at_once(store: SeriesStore) -> None:
    keys = [ENERGY._replace(device=f"d{number:04}", building=f"b{number % 7}") for number in range(1000)]
    code = np.tile(np.arange(1000), 10)
    time = T0 + np.repeat(np.arange(10), 1000) * MINUTE
    store.write(Batch.of(keys, code, time, (code + time % 7).astype(float)))
    assert rows(store.latest(keys)) == [
        (key, 9 * MINUTE, number + (T0 + 9 * MINUTE) % 7, 0) for number, key in enumerate(keys)
    ]
    found = store.read(keys, T0 + 4 * MINUTE, T0 + 6 * MINUTE, margin=1)
    assert found.code.tolist() == np.repeat(np.arange(1000), 4).tolist()
    assert found.time.tolist() == [T0 + minute * MINUTE for minute in (3, 4, 5, 6)] * 1000


def test_readers_see_whole_batches_while_a_writer_writes(store: SeriesStore) -> None:
    """Both points of an instant are there or neither, the newest only ever moves on."""
    failures: list[BaseException] = []
    done = threading.Event()
    store.write(batch((ENERGY, 0, 0.0), (POWER, 0, 0.0)))

    def reading() -> None:
        last = 0
        try:
            while not done.is_set():
                (newest,) = rows(store.latest([ENERGY]))
                assert newest[1] >= last
                last = newest[1]
                assert len(store.read([ENERGY], T0, T0 + last + 1)) == last // SECOND + 1
                store.aggregate([ENERGY, POWER], T0, T0 + DAY, HOUR)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    readers = [threading.Thread(target=reading) for _ in range(2)]
    for reader in readers:
        reader.start()
    for second in range(1, 100):
        store.write(batch((ENERGY, second * SECOND, 1.0), (POWER, second * SECOND, 2.0)))
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert len(everything(store)) == 200


STREAM: list[Row] = [
    (key, minute * MINUTE, minute + len(key.device) / 8, (minute * 7) % 4 if minute % 3 == 0 else 0)
    for minute in range(12)
    for key in (ENERGY, POWER, WATER)
]


@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_delivery_of_a_stream_ends_in_the_same_readings(fresh_url: Callable[[], str], data: st.DataObject) -> None:
    """Split, reordered, repeated: the readings are those of one undisturbed delivery."""
    order = [*data.draw(st.permutations(STREAM)), *data.draw(st.lists(st.sampled_from(STREAM), max_size=20))]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(order) - 1), max_size=6)))
    store = open_store(fresh_url())
    try:
        for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
            store.write(batch(*order[begin:end]))
        assert everything(store) == sorted(STREAM)
        assert rows(store.latest([WATER])) == [max(row for row in STREAM if row[0] == WATER)]
    finally:
        store.close()
