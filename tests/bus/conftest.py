"""A real Mosquitto for the tests of this room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker, mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of the test's own."""
    with mosquitto(tmp_path / "broker") as running:
        yield running
