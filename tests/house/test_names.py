"""The rooms are top-level packages: no dependency may bring one of the same name."""

import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_no_dependency_has_the_name_of_a_room() -> None:
    brought = packages_distributions()
    assert len(brought) > 50
    assert {room: set(brought[room]) - {"dayuan"} for room in ROOMS if set(brought.get(room, ())) - {"dayuan"}} == {}


def test_every_package_of_the_checkout_is_a_room_that_the_tools_know() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert found == ROOMS
    assert set(PROJECT["tool"]["ruff"]["lint"]["isort"]["known-first-party"]) == ROOMS
    assert set(PROJECT["tool"]["mypy"]["packages"]) == ROOMS | {"tests"}
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == ROOMS - {"grafana"}
