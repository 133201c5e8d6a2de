"""An agent with many meters, as `dayuan bench edge` runs it."""

from pathlib import Path

import pytest
from rich.console import Console

from dayuan.bench.edge import run
from tests.broker import mosquitto

pytestmark = [pytest.mark.broker, pytest.mark.timeout(90)]


def test_200_meters_read_every_second_miss_no_slot(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "probe"):
        pass
    result = run(meters=200, interval=1, seconds=6, folder=tmp_path, console=Console(quiet=True))
    assert (result["slots"], result["missed"]) == (1200, 0)
    assert not {"numpy", "scipy", "pandas", "sqlalchemy", "duckdb"} & set(result["wheels"])
