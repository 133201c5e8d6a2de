"""SenML: exact round trips, the base fields of RFC 8428, and bad records that spoil no good one."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.payload import MAX_PAYLOAD
from bus.senml import LATEST, RELATIVE, Pack, decode, encode
from schema.errors import Reject
from schema.reading import Reading
from schema.stream import Position

NOW = 1_760_000_000_123_456

positions = st.builds(
    lambda agent, epoch, floor, more: Position(agent, epoch, floor + more, floor),
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True),
    st.from_regex(r"[a-f0-9]{1,32}", fullmatch=True),
    st.integers(1, 1 << 61),
    st.integers(0, 1 << 61),
)
packs = st.lists(
    st.builds(
        Reading,
        st.just("m1"),
        st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
        st.integers(RELATIVE, LATEST - 1) | st.integers(NOW - 1_000_000, NOW),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["kWh", "m3", "%RH", "count"]),
    ),
    min_size=1,
    max_size=20,
)


def pack_of(*records: Any) -> Pack:
    """The pack of these JSON records, at NOW."""
    return decode(json.dumps(records).encode(), "demo", "m1", NOW)


def reasons(pack: Pack) -> list[tuple[int, str]]:
    return [(reject.index, reject.reason) for reject in pack.rejects]


@given(packs, st.none() | positions)
def test_readings_survive_to_the_microsecond(readings: list[Reading], position: Position | None) -> None:
    pack = decode(encode("demo", readings, position), "demo", "m1", NOW)
    assert not pack.rejects
    assert pack.position == position
    assert pack.points == [reading.point for reading in readings]
    assert pack.units == [reading.unit for reading in readings]
    assert pack.values == [reading.value for reading in readings]
    assert pack.times == [reading.time for reading in readings]


@given(packs, positions, st.data())
def test_a_damaged_pack_is_read_or_rejected(readings: list[Reading], position: Position, data: st.DataObject) -> None:
    payload = bytearray(encode("demo", readings, position))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        pack = decode(bytes(payload), "demo", "m1", NOW)
    except Reject:
        return
    assert len(pack.points) == len(pack.units) == len(pack.times) == len(pack.values)
    assert all(RELATIVE <= time < LATEST for time in pack.times)


@pytest.mark.parametrize("time", [-NOW / 1e6, -NOW / 1e6 + 1000, -NOW / 1e6 - 1000, -1.58e9])
def test_an_instant_too_early_for_senml_is_none_when_it_is_read_again_either(time: float) -> None:
    pack = pack_of({"n": "p", "v": 1, "t": time})
    assert reasons(pack) == [(0, "bad_time")]
    again = decode(pack.rejects[0].record_bytes, "demo", "m1", NOW + 400 * 86_400_000_000)
    assert reasons(again) == [(0, "bad_time")]


def test_a_pack_cut_off_anywhere_is_undecodable() -> None:
    payload = encode("demo", [Reading("m1", "p", NOW, 1.0, "kW")] * 3, Position("a", "e", 3))
    for end in range(len(payload)):
        with pytest.raises(Reject) as caught:
            decode(payload[:end], "demo", "m1", NOW)
        assert caught.value.reason == "undecodable"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["n", "v", "t", "bn", "bt", "u", "bver", "agent", "x_", "\ud800"]), inner)
        ),
    )
)
def test_any_json_is_read_or_rejected(value: Any) -> None:
    for payload in (value, [value], [{"n": "p", "v": 1}, value]):
        with suppress(Reject):
            decode(json.dumps(payload).encode(), "demo", "m1", NOW)


def test_base_fields_hold_until_they_change() -> None:
    pack = pack_of(
        {"bn": "demo/m1/", "bt": 1.7e9, "bu": "kW", "bv": 10, "n": "a", "v": 1},
        {"n": "b", "v": 2, "t": 0.5, "u": "W"},
        {"bn": "", "bt": 1.8e9, "bv": 0},
        {"n": "c", "v": 3},
    )
    assert pack.points == ["a", "b", "c"]
    assert pack.units == ["kW", "W", "kW"]
    assert pack.values == [11.0, 12.0, 3.0]
    assert pack.times == [1_700_000_000_000_000, 1_700_000_000_500_000, 1_800_000_000_000_000]
    assert not pack.rejects


def test_a_small_time_counts_from_now() -> None:
    pack = pack_of({"n": "a", "v": 1}, {"n": "a", "v": 2, "t": -60}, {"n": "a", "v": 3, "t": 2**28 - 1})
    assert pack.times == [NOW, NOW - 60_000_000, NOW + (2**28 - 1) * 1_000_000]
    assert pack_of({"n": "a", "v": 1, "t": 2**28}).times == [RELATIVE]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"n": "p"}, "no_value"),
        ({"n": "p", "v": None}, "no_value"),
        ({"n": "p", "s": 5}, "no_value"),
        ({"n": "p", "v": "1"}, "not_a_number"),
        ({"n": "p", "v": True}, "not_a_number"),
        ({"n": "p", "vs": "on"}, "not_a_number"),
        ({"n": "p", "vb": False}, "not_a_number"),
        ({"n": "p", "v": float("nan")}, "not_finite"),
        ({"n": "p", "v": float("inf")}, "not_finite"),
        ({"v": 1}, "no_name"),
        ({"n": "demo/m2/p", "v": 1}, "foreign_name"),
        ({"n": 5, "v": 1}, "bad_record"),
        ({"n": "p", "v": 1, "u": 5}, "bad_record"),
        ({"n": "p\x00", "v": 1}, "bad_record"),
        ({"n": "\ud800", "v": 1}, "bad_record"),
        ({"n": "energy", "v": 1, "\ud800": 1}, "bad_record"),
        ({"n": "p", "v": 1, "t": "now"}, "bad_record"),
        ({"n": "p", "v": 1, "t": 1.7e12}, "bad_time"),
        ({"n": "p", "v": 1, "t": 1e300}, "bad_time"),
        ({"n": "p", "v": 1, "t": -1e300}, "bad_time"),
        ({"n": "p", "v": 1, "later_": 1}, "must_understand"),
        (7, "not_a_record"),
    ],
)
def test_a_bad_record_spoils_no_good_one(record: Any, reason: str) -> None:
    pack = pack_of({"bt": 1.7e9, "n": "good", "v": 1}, record, {"n": "good", "v": 2})
    if not (isinstance(record, dict) and isinstance(record.get("t"), float) and record["t"] > 0):
        assert pack.values == [1.0, 2.0]
    assert reasons(pack) == [(1, reason)]


def test_a_rejected_record_can_be_tried_again_alone() -> None:
    pack = pack_of({"bn": "demo/m1/", "bt": -5, "bu": "kW", "bv": 1, "n": "a", "v": 1}, {"n": "b", "v": "2", "t": 1})
    fixed = pack.rejects[0].record_bytes.replace(b'"2"', b"2")
    again = decode(fixed, "demo", "m1", NOW + 999_000_000)
    assert (again.points, again.units, again.values, again.times) == (["b"], ["kW"], [3.0], [NOW - 4_000_000])


def test_a_base_that_cannot_be_read_rejects_what_would_build_on_it() -> None:
    with pytest.raises(Reject) as caught:
        pack_of({"bt": "x", "n": "a", "v": 1}, {"n": "b", "v": 2})
    assert caught.value.reason == "bad_base"


def test_a_later_version_of_senml_is_refused() -> None:
    with pytest.raises(Reject) as caught:
        pack_of({"bver": 11, "n": "a", "v": 1})
    assert caught.value.reason == "unsupported_version"


def test_a_pack_beyond_the_limit_is_not_even_read() -> None:
    with pytest.raises(Reject) as caught:
        decode(b" " * MAX_PAYLOAD + b"[]", "demo", "m1", NOW)
    assert caught.value.reason == "too_large"


def test_deep_nesting_is_undecodable() -> None:
    with pytest.raises(Reject):
        decode(b"[" * 100_000, "demo", "m1", NOW)


@pytest.mark.parametrize("agent", ["a/b", "#", "", 5, "a" * 65])
def test_labels_of_a_foreign_agent_are_no_position(agent: Any) -> None:
    pack = pack_of({"agent": agent, "epoch": "e", "seq": 1, "floor": 1, "n": "p", "v": 1})
    assert pack.position is None
    assert pack.values == [1.0]


def test_a_time_that_would_be_read_as_relative_is_not_sent() -> None:
    with pytest.raises(Reject) as caught:
        encode("demo", [Reading("m1", "p", 0, 1.0, "kW")], None)
    assert caught.value.reason == "bad_time"
