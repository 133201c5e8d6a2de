"""`dayuan bench store` measures, as a table for people and as JSON for programs."""

import json

from typer.testing import CliRunner

from dayuan.cli import app


def test_the_embedded_store_is_measured_and_meets_its_target() -> None:
    ended = CliRunner().invoke(app, ["bench", "store", "--rows", "20000", "--json"])
    assert ended.exit_code == 0, ended.output
    (found,) = json.loads(ended.stdout)
    assert found["store"] == "duckdb"
    assert found["rows"] == 20_000
    assert found["rows_per_s"] > 1000
    assert 0 < found["last_1000_ms"] < 100
    # Well under 100 ms where nothing else runs; a test machine may be busy.
    assert 0 < found["year_hourly_ms"] < 1000


def test_the_table_names_every_number() -> None:
    ended = CliRunner().invoke(app, ["bench", "store", "--rows", "20000"])
    assert ended.exit_code == 0, ended.output
    assert "last values of 1,000 series" in ended.stdout
    assert ended.stdout.count(" ms ") == 5


def test_an_unknown_store_is_one_line() -> None:
    ended = CliRunner().invoke(app, ["bench", "store", "--store", "mysql://x"])
    assert ended.exit_code == 2
    assert "the store is duckdb:///path" in ended.stderr
