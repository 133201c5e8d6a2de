"""`dayuan bench store` measures, as a table for people and as JSON for programs."""

import json
import os

import pytest
from typer.testing import CliRunner

from dayuan.bench.ingest.run import Bench, measure
from dayuan.cli import app


def test_the_embedded_store_is_measured() -> None:
    ended = CliRunner().invoke(app, ["bench", "store", "--rows", "20000", "--json"])
    assert ended.exit_code == 0, ended.output
    (found,) = json.loads(ended.stdout)
    assert found["store"] == "duckdb"
    assert found["rows"] == 20_000
    assert min(found["rows_per_s"], found["last_1000_ms"], found["year_hourly_ms"]) > 0


def test_the_table_names_every_number() -> None:
    ended = CliRunner().invoke(app, ["bench", "store", "--rows", "20000"])
    assert ended.exit_code == 0, ended.output
    assert "last values of 1,000 series" in ended.stdout
    assert ended.stdout.count(" ms ") == 5


def test_an_unknown_store_is_one_line() -> None:
    ended = CliRunner().invoke(app, ["bench", "store", "--store", "mysql://x"])
    assert ended.exit_code == 2
    assert "the store is duckdb:///path" in ended.stderr


@pytest.mark.broker
def test_ingest_is_measured_beside_the_limits_of_its_parts_and_nothing_is_lost() -> None:
    command = ["bench", "ingest", "--store", "duckdb", "--readings", "10", "--seconds", "0.5", "--json"]
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 0, ended.output
    found = json.loads(ended.stdout)
    (run,) = found["runs"]
    assert run["messages"] > 0
    assert run["readings_per_s"] == pytest.approx(10 * run["messages_per_s"], rel=0.1)
    assert (run["lost"], run["duplicated"], run["unacknowledged"]) == (0, 0, 0)
    assert run["cpu_s"]["total"] > 0
    assert {"receive", "decode", "write", "record"} < run["cpu_s"].keys()
    assert run["peak_rss_mb"] > 20
    assert [one["readings_per_message"] for one in found["limits"]["broker"] + found["limits"]["duckdb"]] == [10, 10]
    assert [line.partition(":")[0] for line in ended.stderr.splitlines()[:3]] == ["1 of 3", "2 of 3", "3 of 3"]


@pytest.mark.broker
@pytest.mark.influx
def test_two_ingest_processes_share_the_load_and_lose_nothing() -> None:
    run = measure(Bench("influxdb", 10, 0.3, processes=2))
    assert run["messages"] > 0
    assert (run["lost"], run["unacknowledged"]) == (0, 0)
    assert {"ingest", "broker", "store", "publishers", "others", "idle"} == run["cpu_share"].keys()
    assert run["cpu_share"]["ingest"] > 0
    assert sum(run["cpu_share"].values()) == pytest.approx(os.cpu_count() or 1, rel=0.3)


@pytest.mark.parametrize("wrong", ["", "a", "0", "1,,2"])
def test_readings_that_are_no_numbers_are_one_line(wrong: str) -> None:
    ended = CliRunner().invoke(app, ["bench", "ingest", "--readings", wrong])
    assert ended.exit_code == 2
    assert "no whole numbers" in ended.stderr
