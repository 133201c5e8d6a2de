"""SenML CBOR: the same packs as in JSON, and nothing but a Reject for what is none."""

import math
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import senml, senml_cbor
from bus.senml import LATEST, RELATIVE, Pack, decode
from schema.errors import Reject
from schema.reading import Reading
from schema.stream import Position
from tests.bus.test_senml import NOW, packs, positions


def of(*records: Any) -> Pack:
    return decode(cbor2.dumps(list(records)), "demo", "m1", NOW)


def reasons(pack: Pack) -> list[tuple[int, str]]:
    return [(reject.index, reject.reason) for reject in pack.rejects]


def rows(pack: Pack) -> list[tuple[str, str | None, int, float]]:
    return list(zip(pack.points, pack.units, pack.times, pack.values, strict=True))


@given(packs, st.none() | positions)
def test_a_pack_says_the_same_in_both_forms(readings: list[Reading], position: Position | None) -> None:
    cbor = decode(senml_cbor.encode("demo", readings, position), "demo", "m1", NOW)
    json = decode(senml.encode("demo", readings, position), "demo", "m1", NOW)
    assert not cbor.rejects
    assert rows(cbor) == rows(json)
    assert cbor.position == json.position == position


@given(packs, positions)
def test_a_stored_body_takes_its_place_when_it_is_sent(readings: list[Reading], position: Position) -> None:
    body = senml_cbor.encode("demo", readings)
    assert senml_cbor.placeable(body)
    assert senml_cbor.place(body, position) == senml_cbor.encode("demo", readings, position)


@given(packs, positions, st.data())
def test_a_damaged_pack_is_read_or_rejected(readings: list[Reading], position: Position, data: st.DataObject) -> None:
    payload = bytearray(senml_cbor.encode("demo", readings, position))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        pack = decode(bytes(payload), "demo", "m1", NOW)
    except Reject:
        return
    assert all(RELATIVE <= time < LATEST for time in pack.times)
    assert all(map(math.isfinite, pack.values))


@pytest.mark.parametrize("definite", [True, False])
def test_a_pack_cut_off_anywhere_is_undecodable(definite: bool) -> None:
    payload = senml_cbor.encode("demo", [Reading("m1", "p", NOW, 1.0, "kW")] * 3, Position("a", "e", 3))
    payload = cbor2.dumps(cbor2.loads(payload)) if definite else payload
    for end in range(len(payload)):
        with pytest.raises(Reject) as caught:
            decode(payload[:end], "demo", "m1", NOW)
        assert caught.value.reason == "undecodable"


def test_the_example_of_the_standard_is_read() -> None:
    """RFC 8428 section 6: integer labels, a base version, times before the base time."""
    payload = bytes.fromhex(
        "82a72178 1b75726e3a6465763a6f773a313065323037336130313038303036 3a"
        "22fb41d303a15b001062 23614120 05 0067766f6c74616765 016156 02fb405e066666666666"
        "a3006763757272656e74 0624 02fb3ff3333333333333"
    )
    pack = decode(payload, "demo", "m1", NOW)
    assert pack.rejects == []
    assert rows(pack) == [
        ("urn:dev:ow:10e2073a0108006:voltage", "V", 1276020076001000, 120.1),
        ("urn:dev:ow:10e2073a0108006:current", "A", 1276020071001000, 1.2),
    ]


def test_decimal_fractions_and_half_floats_are_numbers() -> None:
    payload = b"\x82" + bytes.fromhex("a2006161 02c48221196ab3") + bytes.fromhex("a2006162 02f93e00")
    assert [(point, value) for point, _, _, value in rows(decode(payload, "demo", "m1", NOW))] == [
        ("a", 273.15),
        ("b", 1.5),
    ]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({0: "p", 2: math.nan}, "not_finite"),
        ({0: "p", 2: True}, "not_a_number"),
        ({0: "p", 3: "on"}, "not_a_number"),
        ({0: "p", 8: b"\x01"}, "not_a_number"),
        ({0: "p", 2: 2**70}, "not_a_number"),
        ({0: "p", 2: [1]}, "not_a_number"),
        ({0: "p\0", 2: 1}, "bad_record"),
        ({0: "p", 2: 1, 99: 1}, "must_understand"),
        ({"n": "p", 2: 1}, "must_understand"),
        ({0: "p", 2: 1, "later_": 1}, "must_understand"),
        ({0: "p", 2: 1, 6: "now"}, "bad_record"),
        ({0: "p"}, "no_value"),
        ({2: 1}, "no_name"),
        ("rubbish", "not_a_record"),
        (cbor2.CBORTag(258, [1]), "not_a_record"),
    ],
)
def test_a_bad_record_spoils_no_good_one(record: Any, reason: str) -> None:
    pack = of({0: "good", 2: 1.5}, record, {0: "better", 2: 2})
    assert pack.points == ["good", "better"]
    assert reasons(pack) == [(1, reason)]
    again = decode(pack.rejects[0].record_bytes, "demo", "m1", NOW)
    assert again.points == []


@pytest.mark.parametrize(
    "payload",
    [
        bytes.fromhex("8000"),
        bytes.fromhex("d81c81d81d00"),
        b"\x9b" + b"\xff" * 8,
        b"\x81" * 5000,
        b"\x81\x5b" + b"\x7f" + b"\xff" * 7,
        bytes.fromhex("81a2006161 0061620201"),
    ],
)
def test_what_is_no_pack_is_undecodable(payload: bytes) -> None:
    with pytest.raises(Reject) as caught:
        decode(payload, "demo", "m1", NOW)
    assert caught.value.reason == "undecodable"


@given(packs, positions)
def test_the_place_of_a_pack_is_told_also_where_the_rest_is_lost(readings: list[Reading], position: Position) -> None:
    payload = senml_cbor.encode("demo", readings, position)
    places = [senml_cbor.position_of(payload[:end]) for end in range(len(payload) + 1)]
    assert places[-1] == position
    assert set(places) <= {None, position}


def test_a_time_that_would_be_relative_is_refused() -> None:
    with pytest.raises(Reject, match="bad_time"):
        senml.encode_cbor("demo", [Reading("m1", "p", 5, 1.0, "kW")])


def test_an_unknown_extension_is_ignored() -> None:
    assert of({0: "p", 2: 1, "extra": {"x": [1, 2]}}).points == ["p"]
