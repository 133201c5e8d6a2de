"""Where the real readings are that some tests use: never part of the project, so these tests may have to be skipped."""

import os
from pathlib import Path

import pytest


def real(name: str) -> Path:
    """A file or folder of the real data; without it the test is skipped, saying where it was looked for."""
    folder = Path(os.environ.get("DAYUAN_DATA_SETS", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / name).exists():
        pytest.skip(f"real data {name} is not in {folder}: set DAYUAN_DATA_SETS to the folder that holds it")
    return folder / name
