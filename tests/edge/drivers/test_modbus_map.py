"""Register maps: every type in every order comes back as it was sent, and no value is not zero."""

import itertools
import math
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import kinds
from edge.drivers.modbus_map import MOST, Entry, Order, RegisterMap, Request, named, number, read, shipped
from schema.errors import Stop
from schema.quantity import conversion
from schema.text import Text

FORMATS = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f", "f64": "d"}
ORDERS = st.sampled_from(get_args(Order))


def sent(data: bytes, order: str) -> list[int]:
    """Registers of big-endian bytes sent in an order."""
    words = [data[at : at + 2] for at in range(0, len(data), 2)]
    if order in ("badc", "dcba"):
        words = [word[::-1] for word in words]
    if order in ("cdab", "dcba"):
        words.reverse()
    return [int.from_bytes(word, "big") for word in words]


def entries(**more: Any) -> RegisterMap:
    return RegisterMap(title=Text("表", "Meter"), kind="electricity_meter", **more)


@given(kind=st.sampled_from([*FORMATS]), order=ORDERS, data=st.binary(min_size=8, max_size=8))
def test_any_bits_are_the_number_they_stand_for_or_none(kind: str, order: Order, data: bytes) -> None:
    form = f">{FORMATS[kind]}"
    data = data[: struct.calcsize(form)]
    value = struct.unpack(form, data)[0]
    got = number(sent(data, order), kind, order)
    if got is None:
        absent = {"u": b"\xff" * len(data), "i": b"\x80" + b"\0" * (len(data) - 1)}
        assert data == absent[kind[0]] if kind[0] in absent else not math.isfinite(value)
    else:
        assert got == value


@given(order=ORDERS, digits=st.integers(0, 10**16 - 1), words=st.sampled_from([1, 2, 4]))
def test_bcd_is_read_digit_by_digit(order: Order, digits: int, words: int) -> None:
    digits %= 10 ** (4 * words)
    data = bytes.fromhex(f"{digits:0{4 * words}d}")
    assert number(sent(data, order), f"bcd{16 * words}", order) == digits


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("f32", [0x7FC0, 0]),
        ("f32", [0xFFC0, 0]),
        ("f32", [0xFFFF, 0xFFFF]),
        ("f32", [0x7F80, 0]),
        ("f64", [0x7FF8, 0, 0, 0]),
        ("u16", [0xFFFF]),
        ("i16", [0x8000]),
        ("u32", [0xFFFF, 0xFFFF]),
        ("i32", [0x8000, 0]),
        ("i64", [0x8000, 0, 0, 0]),
        ("bcd32", [0xFFFF, 0xFFFF]),
        ("bcd16", [0x12A4]),
    ],
)
def test_what_meters_send_for_no_value_is_missing(kind: str, words: list[int]) -> None:
    assert number(words, kind, "abcd") is None


def test_a_negative_one_is_a_value() -> None:
    assert number([0xFFFF], "i16", "abcd") == -1
    assert number([0xFFFF, 0xFFFF], "i32", "abcd") == -1


def test_scale_and_ratios_are_applied_once_and_exactly() -> None:
    adl = named("acrel-adl3000")
    request = Request(3, 10, 2, ("energy",))
    # 1234.56 kWh secondary behind 200/5 A and 10/0.1 kV: raw * 0.01 * 40 * 100.
    value = adl.decode(
        "energy", request, sent((123456).to_bytes(4, "big"), "abcd"), adl.points["energy"].factor(40, 100)
    )
    assert value == 4938240.0
    assert adl.points["energy"].factor(1, 1) * 123457 == Fraction("1234.57")
    assert [adl.points[name].factor(40, 100) for name in ("current", "voltage", "power_factor")] == [
        Fraction(4, 10),
        Fraction(10),
        Fraction(1, 1000),
    ]


def test_the_mean_of_three_phases_is_a_value_when_all_three_are() -> None:
    mine = entries(points={"voltage": Entry(address=0, type="u16", unit="V", scale=0.1, mean=3)})
    [request] = mine.requests(["voltage"])
    assert request.length == 3
    assert mine.decode("voltage", request, [2300, 2310, 2320], Fraction(1, 10)) == 231.0
    assert mine.decode("voltage", request, [2300, 0xFFFF, 2320], Fraction(1, 10)) is None


@pytest.mark.parametrize(("raw", "meant"), [(0.9, 0.9), (1.1, 0.9), (-0.9, -0.9), (-1.1, -0.9), (1.0, 1.0)])
def test_the_four_quadrant_power_factor_of_a_pm5000_is_undone(raw: float, meant: float) -> None:
    pm = named("schneider-pm5000")
    request = pm.requests(["power_factor"])[0]
    value = pm.decode("power_factor", request, sent(struct.pack(">f", raw), "abcd"), Fraction(1))
    assert value == pytest.approx(meant, abs=1e-6)


@given(
    addresses=st.lists(st.integers(0, 600), min_size=1, max_size=15, unique=True),
    gap=st.integers(0, 60),
    most=st.integers(12, MOST),
    kind=st.sampled_from(["u16", "f32", "i64"]),
)
def test_every_point_is_asked_for_once_whole_and_within_the_limits(
    addresses: list[int], gap: int, most: int, kind: Any
) -> None:
    points = {
        point.name: Entry(address=at, type=kind, unit=point.unit, function=4 if at % 2 else 3)
        for point, at in zip(kinds()["electricity_meter"].points, addresses, strict=False)
    }
    requests = entries(points=points, gap=gap, most=most).requests(points)
    assert sorted(name for request in requests for name in request.points) == sorted(points)
    for request in requests:
        assert 1 <= request.length <= most
        wanted = set()
        for name in request.points:
            entry = points[name]
            assert entry.function == request.function
            assert request.address <= entry.address
            assert entry.address + entry.count <= request.address + request.length
            wanted |= {*range(entry.address, entry.address + entry.count)}
        runs = sorted(wanted)
        assert all(after - before - 1 <= gap for before, after in itertools.pairwise(runs))


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_map_fits_its_kind(name: str) -> None:
    chosen = named(name)
    kind = kinds()[chosen.kind]
    assert kind.consumption in chosen.points
    assert {"voltage", "frequency"} <= chosen.points.keys(), "a probe tells a meter by its supply"
    for point, entry in chosen.points.items():
        declared = kind.point(point)
        assert declared is not None, f"a {kind.name} has no {point}"
        conversion(entry.unit, declared.quantity)


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            'energy = { address = 1, type = "u33", unit = "kWh" }',
            r"mine.toml:4: points.energy.type: there is no choice 'u33'; did you mean '.32'\?",
        ),
        ('energy = { address = 70000, type = "u32", unit = "kWh" }', "<= 65535"),
        ('energy = { address = 65535, type = "u32", unit = "kWh" }', "ends behind register 65535"),
        ('energy = { address = 1, type = "u32", unit = "kwh" }', "'energy': unknown_unit: 'kwh'; its unit is kWh"),
        ('energy = { address = 1, type = "u32", unit = "V" }', "'energy': wrong_unit: V measures voltage"),
        (
            'enrgy = { address = 1, type = "u32", unit = "kWh" }',
            r"mine.toml:4: points.enrgy: there is no point of a electricity_meter 'enrgy'; did you mean 'energy'",
        ),
        ('energy = { address = 1, type = "u32", unit = "kWh", scale = 0 }', "makes no value"),
        (
            'energy = { address = 1, type = "u32", unit = "kWh", time = "ct" }',
            "there is no key 'time'; did you mean 'times'",
        ),
        ("", "a map needs points"),
        ("energy = 1", "a table is wanted, not 1"),
        ("energy = {", "is not TOML"),
    ],
)
def test_a_fault_in_a_map_is_named(tmp_path: Path, toml: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'title = ["表", "Meter"]\nkind = "electricity_meter"\n[points]\n{toml}\n', encoding="utf-8")
    with pytest.raises(Stop, match=says):
        read(path)


def test_an_unknown_map_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no map 'adl'; known are acrel-adl3000, generic, schneider-pm5000"):
        named("adl")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({}, RegisterMap)
