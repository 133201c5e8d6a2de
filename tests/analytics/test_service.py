"""The analytics service on a real InfluxDB that is killed under it."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from analytics.service import SNAPSHOT, Analytics
from schema.batch import Batch
from schema.errors import RetryLater
from schema.instant import DAY, HOUR, MINUTE, to_micros
from schema.series import SeriesKey
from store.registry import snapshots, worklist
from store.registry.alarms import open_alarms
from store.registry.base import Registry
from store.registry.migrate import tables
from store.registry.places import Device, Site
from store.series import open_store
from tests.servers import free_port, influxdb

KEY = SeriesKey("demo", "hall", "electricity_meter", "elec-1", "energy")
BEGIN = to_micros(datetime(2026, 3, 2, tzinfo=UTC))
HOURS = 48


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry(f"sqlite:///{tmp_path / 'registry.db'}")
    tables().metadata.create_all(registry.engine)
    with registry.writing() as session:
        session.add(Site(id="demo", title_zh="甲", title_en="A", timezone="Asia/Shanghai", calendar="CN"))
        session.flush()
        session.add(
            Device(
                site="demo",
                id="elec-1",
                building="hall",
                kind="electricity_meter",
                title_zh="电",
                title_en="E",
                parent=None,
                agent=None,
                interval=3600.0,
                state_since=BEGIN,
            )
        )
        worklist.add(session, [(KEY, BEGIN, BEGIN + HOURS * HOUR)])
    return registry


@pytest.mark.influx
@pytest.mark.parametrize("restarted", [False, True], ids=["it waits", "it is started again"])
def test_what_was_taken_when_the_store_died_is_settled_later(
    tmp_path: Path, registry: Registry, restarted: bool
) -> None:
    (tmp_path / "influx").mkdir()
    port = free_port()
    store = open_store(f"influxdb://127.0.0.1:{port}/dayuan")
    time = BEGIN + np.arange(HOURS + 1) * HOUR
    with influxdb(tmp_path / "influx", port) as server:
        store.write(Batch.of([KEY], [0] * len(time), time, np.arange(HOURS + 1.0)))
        service = Analytics(store, registry, lambda: BEGIN + HOURS * HOUR + MINUTE)
        server.process.kill()
        server.process.wait()
        with pytest.raises(RetryLater):
            service.step()
        service.save()
    if restarted:
        service = Analytics(store, registry, lambda: BEGIN + HOURS * HOUR + MINUTE)
    with influxdb(tmp_path / "influx", port):
        service.step()
        service.save()
        assert store.read([KEY.intervals()], BEGIN, BEGIN + HOURS * HOUR).value.sum() == pytest.approx(HOURS)
    with registry.reading() as session:
        assert not session.query(worklist.Unsettled).count()
    store.close()
    registry.close()


def test_an_agent_that_is_gone_explains_the_silence_behind_it(tmp_path: Path, registry: Registry) -> None:
    """Its last will says so; it need never have sent a reading of its own."""
    gone = BEGIN + HOUR
    now = [gone]
    store = open_store(f"duckdb:///{tmp_path}/readings.duckdb")
    store.write(Batch.of([KEY], [0, 0], [gone - 2 * MINUTE, gone - MINUTE], [1.0, 2.0]))
    with registry.writing() as session:
        meter = session.get_one(Device, ("demo", "elec-1"))
        meter.agent, meter.interval = "box", 15.0
        box = Device(site="demo", id="box", building="agents", kind="agent", title_zh="盒", title_en="Box", interval=0)
        box.state, box.state_since = "offline", gone
        session.add(box)
    service = Analytics(store, registry, lambda: now[0])
    for minutes in (0, 1.5, 10):
        now[0] = gone + round(minutes * MINUTE)
        service.step()
    with registry.writing() as session:
        known = {alarm.device: alarm for alarm in open_alarms(session)}
        assert (known["elec-1"].suppressed, known["elec-1"].root) == (True, known["box"].id)
        assert known["box"].reason.en.startswith("Box: away from the broker since")
        session.get_one(Device, ("demo", "box")).state = "online"
    store.write(Batch.of([KEY], [0], [gone + 11 * MINUTE], [3.0]))
    now[0] = gone + 11 * MINUTE
    service.step()
    with registry.reading() as session:
        assert [alarm.device for alarm in open_alarms(session)] == ["box"], "nobody heard of the meter's"
    service.save()
    store.close()
    registry.close()


DAYS = 16
GAUGE = SeriesKey("demo", "hall", "room_sensor", "room-1", "temperature")


def test_without_a_snapshot_the_detectors_learn_stored_history_and_say_nothing_of_it(tmp_path: Path) -> None:
    """What they know then is what one that was never stopped knows; what waits is told as ever."""
    store = open_store(f"duckdb:///{tmp_path}/readings.duckdb")
    rng = np.random.default_rng(4)
    time = BEGIN + np.arange(DAYS * 24 + 1) * HOUR
    used = np.where(np.arange(len(time)) % 24 < 12, 5.0, 20.0) * (1 + rng.normal(0, 0.02, len(time)))
    used[-48:-24] *= 3  # a day that is told when it comes, and not when it is history
    batch = Batch.of(
        [KEY, GAUGE],
        np.repeat([0, 1], len(time)),
        np.tile(time, 2),
        np.concatenate([np.cumsum(used), 20 + rng.normal(0, 0.1, len(time))]),
    )
    now = [BEGIN]

    def service(name: str) -> tuple[Registry, Analytics]:
        registry = Registry(f"sqlite:///{tmp_path / name}.db")
        tables().metadata.create_all(registry.engine)
        with registry.writing() as session:
            session.add(Site(id="demo", title_zh="甲", title_en="A", timezone="Asia/Shanghai", calendar="CN"))
        return registry, Analytics(store, registry, lambda: now[0])

    def live(registry: Registry, analytics: Analytics, days: range) -> None:
        for day in days:
            part = batch.take((batch.time > BEGIN + (day - 1) * DAY) & (batch.time <= BEGIN + day * DAY))
            store.write(part)
            with registry.writing() as session:
                worklist.add(session, [(key, int(part.time.min()), int(part.time.max())) for key in (KEY, GAUGE)])
            now[0] = int(part.time.max()) + MINUTE
            while analytics.step().more:
                pass

    registry, never_stopped = service("first")
    live(registry, never_stopped, range(DAYS))
    with registry.reading() as session:
        told = {alarm.rule for alarm in open_alarms(session)}
    assert "seasonal" in told
    other, warmed = service("second")
    live(other, warmed, range(0))
    while warmed.step().more:
        warmed.save()
        with other.reading() as session:
            assert snapshots.load(session, SNAPSHOT) is None, "half of it is learned"
    with other.reading() as session:
        assert not open_alarms(session)
    same(warmed, never_stopped)
    for each in ((registry, never_stopped), (other, warmed)):
        live(*each, range(DAYS, DAYS + 1))
    same(warmed, never_stopped)
    with other.reading() as session:
        assert "seasonal" in {alarm.rule for alarm in open_alarms(session)}, "it still lasts"
    for one in (registry, other):
        one.close()
    store.close()


def same(one: Analytics, other: Analytics) -> None:
    mine, theirs = one.detection.tables, other.detection.tables
    for name, state in {"series": mine.series, "sites": mine.sites, **mine.of}.items():
        known = {"series": theirs.series, "sites": theirs.sites, **theirs.of}[name]
        assert set(state.keys) == set(known.keys)
        order = [known.rows[key] for key in state.keys]
        for column, cells in state.columns.items():
            np.testing.assert_allclose(cells, known.columns[column][..., order], 1e-5, 1e-6, err_msg=f"{name}.{column}")
