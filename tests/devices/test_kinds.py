"""Every device kind, tested by being there; and what happens to one that is declared wrongly."""

import re
import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import devices
from devices import kinds
from devices.kind import DeviceKind, Point
from schema.errors import Stop
from schema.quantity import CANONICAL, UNITS
from schema.series import INTERVAL_SUFFIX
from schema.text import Text

SEGMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
POINTS = {f"{kind.name}-{point.name}": point for kind in kinds().values() for point in kind.points}


def in_both_languages(text: Text) -> bool:
    return bool(re.search("[\u4e00-\u9fff]", text.zh)) and text.en.isascii() and text.en.strip() == text.en != ""


@pytest.mark.parametrize("kind", kinds().values(), ids=kinds())
def test_a_kind_is_whole(kind: DeviceKind) -> None:
    assert SEGMENT.fullmatch(kind.name)
    assert SEGMENT.fullmatch(kind.short)
    assert not kind.name.endswith(INTERVAL_SUFFIX), "its measurement would be taken for intervals"
    assert in_both_languages(kind.title)
    assert kind.interval > 0
    assert kind.points
    names = [point.name for point in kind.points]
    assert len(set(names)) == len(names)
    assert {kind.point(name) for name in names} == set(kind.points)
    assert kind.point("no such point") is None


@pytest.mark.parametrize("kind", kinds().values(), ids=kinds())
def test_a_kind_books_a_counter_and_draws_a_gauge(kind: DeviceKind) -> None:
    assert (kind.carrier is None) == (kind.consumption is None)
    if kind.consumption is not None:
        booked = kind.point(kind.consumption)
        assert booked is not None
        assert booked.kind == "counter"
        assert booked.quantity in {"energy", "volume"}
    if kind.demand is not None:
        drawn = kind.point(kind.demand)
        assert drawn is not None
        assert drawn.kind == "gauge"


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_a_point_is_whole(point: Point) -> None:
    assert SEGMENT.fullmatch(point.name)
    assert in_both_languages(point.title)
    assert point.quantity in CANONICAL
    assert UNITS[point.unit].quantity == point.quantity
    assert point.low < point.high
    if point.kind == "counter":
        assert point.low == 0, "a register never reads below zero"
        assert point.width is None or 0 < point.width <= point.high
    else:
        assert point.width is None, "only registers roll over"


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("electricity_meter", "energy energy_export reactive_energy power voltage current power_factor frequency"),
        ("electricity_meter", "voltage_a current_b power_c current_n voltage_unbalance voltage_thd current_thd"),
        ("water_meter", "volume flow"),
        ("gas_meter", "volume energy"),
        ("heat_meter", "energy volume power flow supply return"),
        ("weather_station", "temperature humidity irradiance wind"),
        ("gate", "entries exits"),
        ("vehicle_gate", "entries exits barrier"),
        ("canteen_terminal", "meals"),
        ("plate_scale", "plates waste"),
        ("cold_chain", "temperature door"),
        ("gas_alarm", "level alarm valve"),
        ("room_sensor", "temperature set_point co2 presence"),
        ("lift", "trips hours energy motor vibration fault"),
        ("pump", "running power pressure starts hours"),
        ("ev_charger", "energy power connected sessions"),
        ("pv_inverter", "yield power voltage"),
        ("waste_bin", "mass collected"),
    ],
)
def test_what_a_compound_has_can_be_connected(kind: str, points: str) -> None:
    assert set(points.split()) <= {point.name for point in kinds()[kind].points}


def test_shorts_tell_kinds_apart() -> None:
    shorts = [kind.short for kind in kinds().values()]
    assert len(set(shorts)) == len(shorts)


def test_every_file_is_a_kind() -> None:
    folder = Path(devices.__file__).parent
    assert len(kinds()) == len(list(folder.glob("*.py"))) - 2


def test_declarations_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        kinds()["gate"].interval = 1  # type: ignore[misc]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which further kinds are looked for."""
    monkeypatch.setattr(devices, "__path__", [*devices.__path__, str(tmp_path)])
    kinds.cache_clear()
    yield tmp_path
    kinds.cache_clear()
    for name in ("boiler", "twin", "empty"):
        sys.modules.pop(f"devices.{name}", None)
        if hasattr(devices, name):
            delattr(devices, name)


BOILER = """
from devices.gate import KIND as GATE
from dataclasses import replace
KIND = replace(GATE, name={name!r})
"""


def test_a_new_file_is_a_new_kind(folder: Path) -> None:
    (folder / "boiler.py").write_text(BOILER.format(name="boiler"))
    assert kinds()["boiler"].points == kinds()["gate"].points


def test_a_second_kind_of_a_name_ends_with_both_told(folder: Path) -> None:
    (folder / "twin.py").write_text(BOILER.format(name="gate"))
    with pytest.raises(Stop, match=r"two device kinds are named 'gate'; rename the one in devices/twin\.py"):
        kinds()


def test_a_file_without_a_kind_ends_with_its_name(folder: Path) -> None:
    (folder / "empty.py").write_text("")
    with pytest.raises(Stop, match=r"devices/empty\.py declares no KIND"):
        kinds()
