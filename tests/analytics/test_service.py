"""The analytics service on a real InfluxDB that is killed under it."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from analytics.service import Analytics
from schema.batch import Batch
from schema.errors import RetryLater
from schema.instant import HOUR, MINUTE, to_micros
from schema.series import SeriesKey
from store.registry import worklist
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
