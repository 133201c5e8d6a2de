"""Drivers are found by being there."""

import asyncio
import importlib
import tomllib
from pathlib import Path

import msgspec
import pytest

from edge import drivers
from edge.source import Source
from edge.tomlfile import Reader
from schema.errors import Stop


def test_the_drivers_are_the_files_that_declare_one() -> None:
    assert {"modbus", "dlt645", "cjt188", "push", "pull", "file"} <= set(drivers.names())
    assert not [name for name in drivers.names() if "_" in name], "a part of a driver is none"


@pytest.mark.parametrize("name", drivers.names())
def test_a_driver_declares_all_of_its_seam(name: str) -> None:
    found = drivers.bus(name)
    assert issubclass(found.Section, msgspec.Struct)
    assert callable(found.check)
    assert callable(found.connect)


@pytest.mark.parametrize("name", drivers.names())
def test_the_section_in_a_drivers_docstring_is_right(name: str) -> None:
    text = importlib.import_module(f"edge.drivers.{name}").__doc__ or ""
    told = tomllib.loads(text.partition("```toml\n")[2].partition("```")[0])
    reader = Reader(Path("agent.toml"), text.partition("```toml\n")[2].partition("```")[0], _path)
    reader.struct(drivers.bus(name).Section, told["devices"][name], ("devices", name))
    reader.finish()


def _path(wanted: type[Path | Source], value: str, *_: object) -> Path | Source:
    assert wanted in (Path, Source)
    return wanted(Path(value))


def test_a_driver_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(Stop, match="no driver 'profibus'; known are cjt188, dlt645, file, modbus, pull, push"):
        drivers.bus("profibus")


def test_a_driver_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "opc.py").write_text("import library_of_opc\n")
    monkeypatch.setattr(drivers, "__path__", [*drivers.__path__, str(tmp_path)])
    with pytest.raises(Stop, match="the driver 'opc' needs library_of_opc: pip install library_of_opc"):
        drivers.bus("opc")
    assert "opc" not in drivers.names()


async def _nobody_to_look_for() -> None:
    await drivers.probe("push://0.0.0.0:8900")


def test_a_driver_that_cannot_look_for_devices_says_so() -> None:
    with pytest.raises(Stop, match="'push' cannot look for devices"):
        asyncio.run(_nobody_to_look_for())
