"""A real InfluxDB 1.x that is away, refuses, or was written to by others."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from schema.batch import Batch
from schema.errors import RetryLater, Stop
from schema.instant import MINUTE
from schema.series import SeriesKey
from store.series import open_store
from store.series.influx import InfluxStore
from store.series.influx_settings import InfluxSettings
from store.series.port import PartialWrite, SeriesStore
from tests.servers import Server, influxdb
from tests.store.test_contract import ENERGY, OTHER, POWER, T0, WATER, batch, rows

pytestmark = pytest.mark.influx


@contextmanager
def store_at(url: str) -> Iterator[SeriesStore]:
    store = open_store(url)
    try:
        yield store
    finally:
        store.close()


def query(server: Server, statement: str, **parameters: str) -> httpx.Response:
    address = f"http://127.0.0.1:{server.port}/query"
    return httpx.post(address, params=parameters, data={"q": statement}).raise_for_status()


def test_a_store_that_is_away_asks_to_retry_and_comes_back_with_everything(tmp_path: Path) -> None:
    with influxdb(tmp_path) as server:
        port = server.port
        store = open_store(f"influxdb://127.0.0.1:{port}/dayuan")
        store.write(batch((ENERGY, 0, 1.0)))
        server.process.kill()
        server.process.wait()
        for call in (lambda: store.write(batch((ENERGY, 1, 2.0))), store.series, lambda: store.latest([ENERGY])):
            with pytest.raises(RetryLater, match="cannot be reached"):
                call()
    with influxdb(tmp_path, port):
        store.write(batch((ENERGY, 1, 2.0)))
        assert rows(store.read([ENERGY], T0, T0 + 10)) == [(ENERGY, 0, 1.0, 0), (ENERGY, 1, 2.0, 0)]
    store.close()


def test_fields_of_another_type_are_refused_and_the_rest_is_stored(influx: Server) -> None:
    """Thousands of refused rows cost a few requests, whatever stands on the same line with them."""
    address = f"http://127.0.0.1:{influx.port}"
    query(influx, "CREATE DATABASE conflict")
    line = f"meter,site=demo,building=hq,device=m1 energy=1i {T0 - 1}000"
    httpx.post(f"{address}/write?db=conflict", content=line).raise_for_status()
    sent = [(key, minute * MINUTE, 1.0) for minute in range(7000) for key in (ENERGY, POWER, WATER)]
    with store_at(f"influxdb://127.0.0.1:{influx.port}/conflict") as store:
        with pytest.raises(PartialWrite, match="field type conflict") as refusal:
            store.write(batch(*sent))
        assert refusal.value.rows.tolist() == [place for place, row in enumerate(sent) if row[0] == ENERGY]
        assert len(store.read([POWER, WATER], T0, T0 + 7000 * MINUTE)) == 14_000


def test_values_beyond_the_retention_are_refused(influx: Server) -> None:
    query(influx, "CREATE DATABASE short WITH DURATION 2h REPLICATION 1 SHARD DURATION 1h")
    old = Batch.of([ENERGY], np.zeros(3000, int), T0 + np.arange(3000), np.ones(3000))
    with store_at(f"influxdb://127.0.0.1:{influx.port}/short") as store:
        with pytest.raises(PartialWrite, match="beyond retention") as refusal:
            store.write(old)
        assert len(refusal.value.rows) == 3000


@pytest.mark.parametrize("bad", ["", "back\\slash", "line\nend", "\x00"])
def test_ids_that_line_protocol_cannot_say_are_refused(influx: Server, bad: str) -> None:
    with store_at(f"influxdb://127.0.0.1:{influx.port}/ids") as store:
        with pytest.raises(PartialWrite) as refusal:
            store.write(batch((OTHER, 0, 1.0), (ENERGY._replace(device=bad), 0, 1.0), (WATER, 0, 2.0)))
        assert refusal.value.rows.tolist() == [1]
        assert store.series() == sorted([OTHER, WATER])


def test_instants_the_server_cannot_hold_are_refused(influx: Server) -> None:
    with store_at(f"influxdb://127.0.0.1:{influx.port}/instants") as store:
        with pytest.raises(PartialWrite) as refusal:
            store.write(Batch.of([ENERGY], [0, 0, 0], [2**62, T0, -(2**62)], [1.0, 2.0, 3.0]))
        assert rows(store.read([ENERGY], T0, T0 + 1)) == [(ENERGY, 0, 2.0, 0)]
        assert set(refusal.value.rows.tolist()) == {0, 2}


def test_points_of_an_instant_share_a_line_and_measured_ones_say_no_quality(influx: Server) -> None:
    with store_at(f"influxdb://127.0.0.1:{influx.port}/shape") as store:
        store.write(batch((ENERGY, 0, 1.0), (POWER, 0, 2.0), (ENERGY, 1, 3.0)))
        assert "energy.q" not in query(influx, "SHOW FIELD KEYS", db="shape").text
        store.write(batch((ENERGY, 1, 3.0, 2), (POWER, 5, 1.0)))
        table = query(influx, 'SELECT "energy.q" FROM meter', db="shape", epoch="u").json()["results"][0]["series"][0]
        assert table["values"] == [[T0 + 1, 2]]


def test_sign_in_by_user_and_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong ones end with what to do; a user who is no administrator reads long ranges too."""
    with influxdb(tmp_path, auth=True) as server:
        query(server, "CREATE USER root WITH PASSWORD 'p w' WITH ALL PRIVILEGES")
        for statement in (
            "CREATE DATABASE dayuan",
            "CREATE USER meter WITH PASSWORD 'x'",
            "GRANT ALL ON dayuan TO meter",
        ):
            query(server, statement, u="root", p="p w")
        place = f"127.0.0.1:{server.port}/dayuan"
        for url in (f"influxdb://{place}", f"influxdb://root:wrong@{place}"):
            with store_at(url) as store, pytest.raises(Stop, match="check user, password or token"):
                store.write(batch((ENERGY, 0, 1.0)))
        monkeypatch.setenv("STORE_PASSWORD", "p w")
        with store_at(f"influxdb://root@{place}?password_env=STORE_PASSWORD") as store:
            store.write(batch((ENERGY, 0, 1.0)))
            assert store.series() == [ENERGY]
        with store_at(f"influxdb://meter:x@{place}") as store:
            assert store.aggregate([ENERGY], T0, T0 + 100_000_000 * MINUTE // 1000, 60 * MINUTE).count.tolist() == [1]


def test_two_processes_see_each_other(influx: Server) -> None:
    """Answers kept in memory never hide what another writer stored."""
    url = f"influxdb://127.0.0.1:{influx.port}/shared"
    end = T0 + 60 * 1440 * MINUTE
    with store_at(url) as writer, store_at(url) as reader:
        for minute in (0, 30 * 1440, 15, 20 * 1440, 59 * 1440):
            before = len(reader.read([ENERGY], T0, end))
            writer.write(batch((ENERGY, minute * MINUTE, float(minute))))
            assert reader.aggregate([ENERGY], T0, end, 60 * MINUTE).count.sum() == before + 1
            assert reader.latest([ENERGY]).time.tolist() == [writer.read([ENERGY], T0, end).time.max()]


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("mysql://x/y", "the store is duckdb"),
        ("influxdb://host:8086", "write the store as influxdb://"),
        ("influxdb://host/db?tokenenv=X", "unknown option tokenenv"),
        ("influxdb2://host/bucket?token_env=DAYUAN_NO_SUCH_SECRET", "environment variable DAYUAN_NO_SUCH_SECRET"),
        ("duckdb://", "the store is duckdb"),
    ],
)
def test_a_wrong_address_says_what_is_right(url: str, line: str) -> None:
    with pytest.raises(Stop, match=line):
        open_store(url)


def test_settings_keep_secrets_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_TOKEN", "s3cret")
    found = InfluxSettings.of("influxdb2://host/bucket?org=bureau&token_env=STORE_TOKEN&db=mapped&rp=year&tls=1")
    assert (found.address, found.bucket, found.database, found.retention) == (
        "https://host:8086",
        "bucket",
        "mapped",
        "year",
    )
    assert (found.token, found.org, found.version) == ("s3cret", "bureau", 2)
    assert "s3cret" not in repr(found)
    InfluxStore(found).close()


def test_keys_are_series_keys(influx: Server) -> None:
    """Other tenants of the database, without our tags, are not ours."""
    query(influx, "CREATE DATABASE tenants")
    foreign = 'cpu,host=a load=1 1\nmeter,site=demo,building=hq,device=m9 state="on" 1'
    httpx.post(f"http://127.0.0.1:{influx.port}/write?db=tenants", content=foreign).raise_for_status()
    with store_at(f"influxdb://127.0.0.1:{influx.port}/tenants") as store:
        store.write(batch((ENERGY, 0, 1.0)))
        assert store.series() == [ENERGY]
        assert isinstance(store.series()[0], SeriesKey)
