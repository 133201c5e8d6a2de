"""The write path of 2.x and 3.x, the official client, against a real `/api/v2/write`: VictoriaMetrics."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from schema.batch import Batch
from schema.errors import RetryLater
from schema.instant import MINUTE
from store.series import open_store
from tests.servers import Server, free_port, victoria_metrics
from tests.store.test_contract import ENERGY, POWER, T0, WATER, batch

pytestmark = pytest.mark.influx


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with victoria_metrics(tmp_path_factory.mktemp("victoria")) as server:
        yield server


def exported(server: Server, prefix: str, count: int) -> list[tuple[str, str, str, str, list[int], list[float]]]:
    """Every series with that prefix once it shows `count` values: it shows writes late."""
    address = f"http://127.0.0.1:{server.port}/api/v1/export"
    found = []
    for _ in range(100):
        httpx.get(f"http://127.0.0.1:{server.port}/internal/force_flush")
        answer = httpx.get(address, params={"match[]": f'{{__name__=~"{prefix}.*"}}'})
        lines = [json.loads(line) for line in answer.text.splitlines()]
        found = [
            (m["__name__"], m["site"], m["building"], m["device"], line["timestamps"], line["values"])
            for line in lines
            for m in [line["metric"]]
        ]
        if sum(len(row[4]) for row in found) >= count:
            break
        time.sleep(0.05)
    return sorted(found)


@pytest.mark.parametrize("scheme", ["influxdb2", "influxdb3"])
def test_readings_arrive_through_the_official_client(
    victoria: Server, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_TOKEN", "any")
    store = open_store(f"{scheme}://127.0.0.1:{victoria.port}/{scheme}?org=dayuan&token_env=STORE_TOKEN")
    kinds = {key: key._replace(kind=f"{scheme}_{key.kind}") for key in (ENERGY, POWER, WATER)}
    rows = [(kinds[key], minute * MINUTE, minute / 4) for minute in range(3000) for key in (ENERGY, POWER, WATER)]
    store.write(batch(*rows))
    store.close()
    times = [T0 // 1000 + minute * 60_000 for minute in range(3000)]
    values = [minute / 4 for minute in range(3000)]
    assert exported(victoria, scheme, 9000) == [
        (f"{scheme}_meter_energy", "demo", "hq", "m1", times, values),
        (f"{scheme}_meter_power", "demo", "hq", "m1", times, values),
        (f"{scheme}_water_volume", "demo", "canteen", "w1", times, values),
    ]


@pytest.mark.parametrize("scheme", ["influxdb", "influxdb2", "influxdb3"])
def test_nobody_there_is_tried_again(scheme: str) -> None:
    store = open_store(f"{scheme}://127.0.0.1:{free_port()}/dayuan")
    for _ in range(2):
        with pytest.raises(RetryLater):
            store.write(Batch.of([ENERGY], [0], [T0], [1.0]))
    with pytest.raises(RetryLater):
        store.latest([ENERGY])
    store.close()
