"""An agent with many meters, as `dayuan bench edge` runs it."""

from pathlib import Path

import pytest
from rich.console import Console

from dayuan.bench.edge import run
from tests.broker import mosquitto

pytestmark = pytest.mark.broker


def test_200_meters_are_read_every_second_by_an_agent_of_few_wheels(tmp_path: Path) -> None:
    """Whether any slot is missed is for the benchmark to say, on a machine that does nothing else."""
    with mosquitto(tmp_path / "probe"):
        pass
    result = run(meters=200, interval=1, seconds=3, folder=tmp_path, console=Console(quiet=True))
    assert result["slots"] == 600
    assert result["missed"] < 600
    assert not {"numpy", "scipy", "pandas", "sqlalchemy", "duckdb"} & set(result["wheels"])
