"""The adapters under test; one InfluxDB serves the whole run, every test has a database of its own."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from store.registry.base import Registry
from store.registry.migrate import upgrade
from store.series import open_store
from store.series.port import SeriesStore
from tests.postgres import postgres
from tests.servers import Server, influxdb

Opener = Callable[[], SeriesStore]
_numbers = count()


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real InfluxDB 1.x."""
    with influxdb(tmp_path_factory.mktemp("influxdb")) as server:
        yield server


@pytest.fixture(params=["duckdb", pytest.param("influxdb", marks=pytest.mark.influx)])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes the address of an empty store, again and again."""
    if request.param == "duckdb":
        return lambda: f"duckdb:///{tmp_path}/store-{next(_numbers)}.duckdb"
    port = request.getfixturevalue("influx").port
    return lambda: f"influxdb://127.0.0.1:{port}/dayuan-{next(_numbers)}"


@pytest.fixture
def opener(fresh_url: Callable[[], str]) -> Iterator[Opener]:
    """Opens the one store of this test, after closing it if it was open."""
    url = fresh_url()
    opened: list[SeriesStore] = []

    def reopen() -> SeriesStore:
        for store in opened:
            store.close()
        opened[:] = [open_store(url)]
        return opened[0]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> SeriesStore:
    """An empty store."""
    return opener()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL."""
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty registry database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    server: str = request.getfixturevalue("postgres_url")
    name = f"registry_{next(_numbers)}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture
def registry(registry_url: str) -> Iterator[Registry]:
    """A registry with all its tables, empty."""
    registry = Registry(registry_url)
    upgrade(registry)
    yield registry
    registry.close()
