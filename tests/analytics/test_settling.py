"""Settling: however readings come, the books end the same to the last bit; nothing that was taken is lost to a kill."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.books import rules
from analytics.books.settling import Ground, prepare
from analytics.service import Analytics
from schema.batch import Batch
from schema.instant import DAY, HOUR, MINUTE
from schema.series import Quality, SeriesKey
from store.registry import worklist
from store.registry.base import Registry
from store.registry.migrate import tables
from store.registry.places import Device, Site
from store.registry.worklist import Work
from store.series.duckdb import DuckStore

BEGIN = 1_789_948_800_000_000
NOW = BEGIN + 2 * DAY
KEYS = tuple(SeriesKey("demo", "hall", "electricity_meter", name, "energy") for name in ("m1", "m2"))


def settle(store: DuckStore, work: list[Work], ground: Ground | None = None) -> Batch:
    """Write what is settled; all that lies next to the work."""
    settled = prepare(store, work, ground or Ground())
    store.write(settled.rows)
    return settled.told


class Bench:
    """A store and a registry, as ingest and analytics share them."""

    def __init__(self, folder: Path) -> None:
        self.store = DuckStore(folder / "readings.duckdb")
        self.registry = Registry(f"sqlite:///{folder / 'registry.db'}")
        tables().metadata.create_all(self.registry.engine)

    def close(self) -> None:
        self.store.close()
        self.registry.close()

    def stored(self, batch: Batch) -> None:
        """What ingest does with a batch."""
        self.store.write(batch)
        touched = [
            (key, int(rows.time.min()), int(rows.time.max())) for key in batch.keys if len(rows := batch.of_series(key))
        ]
        with self.registry.writing() as session:
            worklist.add(session, touched)

    def books(self) -> list[tuple[SeriesKey, int, str, int]]:
        """Every interval, its value to the last bit."""
        found = self.store.read([key.intervals() for key in KEYS], 0, NOW + DAY)
        rows = zip(found.code.tolist(), found.time.tolist(), found.value.tolist(), found.quality.tolist(), strict=True)
        return [(KEYS[code], time, value.hex(), quality) for code, time, value, quality in rows]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def batch(rows: list[tuple[int, int, float]]) -> Batch:
    """Readings of (meter, minute, register)."""
    code, minute, value = zip(*rows, strict=True)
    return Batch.of(KEYS, code, BEGIN + np.array(minute) * MINUTE, value)


def test_a_late_reading_changes_only_what_lies_between_its_neighbours(bench: Bench) -> None:
    bench.stored(batch([(0, minute, minute / 10) for minute in (0, 15, 30, 60, 75, 90)]))
    settle(bench.store, [Work(KEYS[0], BEGIN, BEGIN + 90 * MINUTE)])
    before = bench.books()
    late = batch([(0, 45, 3.5)])
    bench.store.write(late)
    changed = settle(bench.store, [Work(KEYS[0], BEGIN + 45 * MINUTE, BEGIN + 45 * MINUTE)])
    assert ((changed.time - BEGIN) // MINUTE).tolist() == [30, 45]
    assert changed.value.tolist() == pytest.approx([0.5, 2.5])
    after = bench.books()
    assert [row for row in after if row[1] not in changed.time] == [row for row in before if row[1] not in changed.time]


def test_the_running_interval_is_partial_until_a_reading_lies_beyond_it(bench: Bench) -> None:
    bench.stored(batch([(0, 0, 0.0), (0, 20, 2.0)]))
    settle(bench.store, [Work(KEYS[0], BEGIN, BEGIN + 20 * MINUTE)])
    assert [quality for *_, quality in bench.books()] == [Quality.MEASURED, Quality.PARTIAL]
    bench.stored(batch([(0, 31, 3.1)]))
    settle(bench.store, [Work(KEYS[0], BEGIN + 31 * MINUTE, BEGIN + 31 * MINUTE)])
    assert [quality for *_, quality in bench.books()] == [Quality.MEASURED, Quality.MEASURED, Quality.PARTIAL]


def test_gauges_are_no_consumption(bench: Bench) -> None:
    power = KEYS[0]._replace(point="power")
    bench.store.write(Batch.of((power,), [0, 0], [BEGIN, BEGIN + HOUR], [1.0, 2.0]))
    assert len(settle(bench.store, [Work(power, BEGIN, BEGIN + HOUR)])) == 0


registers = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 36 * 60)), min_size=3, max_size=40, unique=True).map(
    lambda rows: [(meter, minute, minute * (3 + meter) / 7) for meter, minute in rows]
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=registers, data=st.data())
def test_any_order_duplication_and_kill_ends_in_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    once, mixed = Bench(tmp_path_factory.mktemp("once")), Bench(tmp_path_factory.mktemp("mixed"))
    try:
        once.stored(batch(sorted(rows)))
        Analytics(once.store, once.registry, lambda: NOW).step()

        sent = data.draw(st.permutations(rows + data.draw(st.lists(st.sampled_from(rows), max_size=10))))
        analytics = Analytics(mixed.store, mixed.registry, lambda: NOW)
        while sent:
            size = data.draw(st.integers(1, len(sent)))
            mixed.stored(batch(sent[:size]))
            sent = sent[size:]
            match data.draw(st.sampled_from(["wait", "step", "taken and killed", "saved and started again"])):
                case "step":
                    analytics.step()
                case "taken and killed":
                    with mixed.registry.writing() as session:
                        worklist.take(session)
                    analytics = Analytics(mixed.store, mixed.registry, lambda: NOW)
                case "saved and started again":
                    analytics.step()
                    analytics.save()
                    analytics = Analytics(mixed.store, mixed.registry, lambda: NOW)
        analytics.step()
        assert mixed.books() == once.books()
    finally:
        once.close()
        mixed.close()


def test_a_meter_that_falls_silent_opens_an_alarm_and_its_return_ends_it(bench: Bench) -> None:
    clock = [NOW]
    with bench.registry.writing() as session:
        session.add(
            Site(
                id="demo",
                title_zh="院",
                title_en="Site",
                timezone="Asia/Shanghai",
                calendar="CN",
                area_m2=None,
                people=None,
            )
        )
        session.flush()
        session.add(
            Device(
                site="demo",
                id="m1",
                building="hall",
                kind="electricity_meter",
                title_zh="总表",
                title_en="Main",
                parent=None,
                agent=None,
                interval=60.0,
                replay=False,
                state="online",
                state_since=BEGIN,
            )
        )
    analytics = Analytics(bench.store, bench.registry, lambda: clock[0])

    def told(after: int) -> list[str]:
        clock[0] = NOW + after
        return [body["effect"] for kind, body in analytics.step().notices if kind == "alarm"]

    bench.stored(Batch.of(KEYS[:1], [0], [NOW], [5.0]))
    assert told(0) == []
    assert told(2 * MINUTE) == []
    assert told(4 * MINUTE) == ["opened"]
    assert told(5 * MINUTE) == []
    bench.stored(Batch.of(KEYS[:1], [0], [NOW + 5 * MINUTE], [5.1]))
    assert told(6 * MINUTE) == ["returned"]


def test_a_register_behind_transformers_rolls_over_at_its_own_width(bench: Bench) -> None:
    bench.stored(batch([(0, 0, 39_999_990.0), (0, 15, 10.0)]))
    work = [Work(KEYS[0], BEGIN, BEGIN + 15 * MINUTE)]
    [reset] = settle(bench.store, work).value.tolist()
    assert reset == 0.0
    [counted] = settle(bench.store, work, Ground(widths={("demo", "m1"): 40e6})).value.tolist()
    assert counted == pytest.approx(20.0)


def test_a_late_reading_fills_the_gaps_again_that_it_taught(bench: Bench) -> None:
    """A gap on the National Day holiday, taught by Mid-Autumn's, of which one hour is late."""
    hours = [hour for hour in range(10 * 24) if hour != 98] + [12 * 24]
    registers = Batch.of(
        KEYS[:1],
        [0] * len(hours),
        BEGIN + np.array(hours) * HOUR,
        [float(hour // 24 * 100 + hour % 24) for hour in hours],
    )
    bench.stored(registers)
    settle(bench.store, [Work(KEYS[0], BEGIN, BEGIN + 12 * DAY)])
    gap = (BEGIN + 10 * DAY, BEGIN + 12 * DAY)
    before = bench.store.read([KEYS[0].intervals()], *gap)
    assert set((before.quality >> 2).tolist()) == {rules.PROFILE}

    late = Batch.of(KEYS[:1], [0], [BEGIN + 98 * HOUR], [402.9])
    bench.store.write(late)
    work = [Work(KEYS[0], BEGIN + 98 * HOUR, BEGIN + 98 * HOUR)]
    causes = [(revision.cause, revision.begin < gap[0]) for revision in prepare(bench.store, work, Ground()).revisions]
    assert set(causes) == {("late", True), ("history", False)}
    settle(bench.store, work)
    after = bench.store.read([KEYS[0].intervals()], *gap)
    assert after.value.sum() == before.value.sum()
    assert after.value.tolist() != before.value.tolist()
    assert prepare(bench.store, work, Ground()).revisions == []
