"""Stages for the tests of the API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.stage import Stage, opened


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One compound for all tests of a file; they leave it as it was, or work on names of their own."""
    with opened(tmp_path_factory.mktemp("api")) as found:
        yield found


@pytest.fixture
def own_stage(tmp_path: Path) -> Iterator[Stage]:
    """A compound for one test that changes it."""
    with opened(tmp_path) as found:
        yield found
