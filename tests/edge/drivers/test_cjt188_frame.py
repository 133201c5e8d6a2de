"""CJ/T 188 frames: published examples of both editions, makers' layouts, round trips and damage."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.cjt188_frame import (
    ANY_TYPE,
    ANYONE,
    PROFILES,
    UNITS,
    Frame,
    Measured,
    Parser,
    Value,
    answer,
    encode,
    layout,
    measured,
    question,
)
from schema.errors import Reject
from schema.quantity import UNITS as KNOWN

WATER = "78330011223344"
HEAT = "00000040314132"
# Published: a water meter (the published check sum of this answer is a misprint, 08; that of the question is right).
WATER_ANSWER = bytes.fromhex("68 10 44332211003378 81 16 1f90 00 007766552c 007766552c 31012211051520 2184 13 16")
# Published: JY's heat meter, which sends units first.
HEAT_ANSWER = bytes.fromhex(
    "fefefefe 68 20 32413140000000 81 2e 901f 01 0802000000 0802000000 1700000000 3500000000 2c34100000"
    "352500 662500 000000 53001210071520 0000 31 16"
)
FLOW = layout(PROFILES["flow"])

frames = st.builds(
    Frame,
    st.integers(0, 255),
    st.text("0123456789", min_size=14, max_size=14),
    st.integers(0, 255),
    st.binary(max_size=200),
)


def one(raw: bytes) -> Frame:
    (found,) = Parser().feed(raw)
    return found


def test_published_water_meter() -> None:
    asked = bytes.fromhex("fefefe 68 10 44332211003378 01 03 1f90 00 80 16")
    assert question(0x10, WATER, "2018", 0) == asked
    data = answer(one(WATER_ANSWER), 0x10, WATER, 0)
    assert data is not None
    said = measured(data, FLOW)
    assert said.values == {"volume": Value(Decimal("556677.00"), "m3")}
    assert said.status == b"\x21\x84"
    # The published clock reads 2015-05-11 22:01:31.
    assert said.clock == datetime(2015, 5, 11, 22, 1, 31)  # noqa: DTZ001


def test_published_heat_meter() -> None:
    assert question(0x20, HEAT, "2004", 1) == bytes.fromhex("fefefe 68 20 32413140000000 01 03 901f 01 20 16")
    data = answer(one(HEAT_ANSWER), 0x20, HEAT, 1)
    assert data is not None
    said = measured(data, layout(PROFILES["heat-unit-first"]))
    assert said == Measured(
        {
            "energy": Value(Decimal("0.02"), "MWh"),
            "power": Value(Decimal(0), "kW"),
            "flow": Value(Decimal(0), "m3/h"),
            "volume": Value(Decimal("10.34"), "m3"),
            "supply": Value(Decimal("25.35"), "Cel"),
            "return": Value(Decimal("25.66"), "Cel"),
        },
        datetime(2015, 7, 10, 12, 0, 53),  # noqa: DTZ001
        b"\0\0",
    )
    assert not said.low_battery
    # The table of the standard has units behind: these bytes cannot be taken for it.
    with pytest.raises(Reject, match="unknown_unit"):
        measured(data, layout(PROFILES["heat"]))


def test_heat_meter_of_the_standards_table() -> None:
    data = bytes.fromhex(
        "7856341205 7856341205 0012000017 5634120035 992500002c 503500 254000 112233 53260914032620 0400"
    )
    said = measured(data, layout(PROFILES["heat"]))
    assert said.values["energy"] == Value(Decimal("123456.78"), "kWh")
    assert said.values["power"] == Value(Decimal(12), "kW")
    assert said.values["flow"] == Value(Decimal("12.3456"), "m3/h")
    assert said.values["volume"] == Value(Decimal("25.99"), "m3")
    assert said.low_battery


def test_published_question_for_an_address() -> None:
    # As of the standard, type and address are the wildcard AA.
    assert question(ANY_TYPE, ANYONE, "2004", 0)[3:] == bytes.fromhex("68 aa aaaaaaaaaaaaaa 03 03 810a 00 49 16")
    said = one(bytes.fromhex("fefefe 68 10 12000000000000 83 03 810a 00 9b 16"))
    assert (said.type, said.address) == (0x10, "00000000000012")
    assert answer(said, ANY_TYPE, ANYONE, 0) == b""


@given(frames, st.integers(0, 4))
def test_round_trip(frame: Frame, preamble: int) -> None:
    assert one(encode(frame, preamble)) == frame


@given(st.lists(frames, min_size=1, max_size=3), st.binary(max_size=9).filter(lambda raw: 0x68 not in raw), st.data())
def test_frames_are_found_however_they_are_split_and_whatever_is_around(
    sent: list[Frame], noise: bytes, data: st.DataObject
) -> None:
    raw = noise + noise.join(encode(frame) for frame in sent) + noise
    parser, found, at = Parser(), list[Frame](), 0
    while at < len(raw):
        step = data.draw(st.integers(1, len(raw) - at))
        found += parser.feed(raw[at : at + step])
        at += step
    assert found == sent


def test_truncation_at_every_byte_and_what_follows_it() -> None:
    for raw in (WATER_ANSWER, HEAT_ANSWER[4:]):
        for cut in range(1, len(raw)):
            assert Parser().feed(raw[:cut]) == []
            assert Parser().feed(raw[:cut] + WATER_ANSWER) == [one(WATER_ANSWER)]


def test_no_single_wrong_bit_gives_a_value() -> None:
    for raw, kind, address, serial in ((WATER_ANSWER, 0x10, WATER, 0), (HEAT_ANSWER[4:], 0x20, HEAT, 1)):
        for bit in range(len(raw) * 8):
            wrong = bytearray(raw)
            wrong[bit // 8] ^= 1 << bit % 8
            assert not [frame for frame in Parser().feed(bytes(wrong)) if answer(frame, kind, address, serial)]


def test_an_answer_of_another_is_not_taken() -> None:
    said = one(WATER_ANSWER)
    assert answer(said._replace(address="78330011223345"), 0x10, WATER, 0) is None
    assert answer(said._replace(type=0x11), 0x10, WATER, 0) is None
    assert answer(said._replace(control=0x01), 0x10, WATER, 0) is None
    assert answer(said, 0x10, WATER, 1) is None
    assert answer(said._replace(data=b"\x1f\x91" + said.data[2:]), 0x10, WATER, 0) is None


def test_an_answer_may_have_its_identifier_either_way_round() -> None:
    said = one(WATER_ANSWER)
    assert answer(said._replace(data=b"\x90\x1f" + said.data[2:]), 0x10, WATER, 0) == said.data[3:]


def test_a_refusal_is_rejected() -> None:
    with pytest.raises(Reject, match="refused"):
        answer(Frame(0x10, WATER, 0xC1, b"\0\0\0"), 0x10, WATER, 0)


@given(st.integers(0, 99_999_999), st.sampled_from(sorted(UNITS)))
def test_values_in_every_unit(hundredths: int, code: int) -> None:
    raw = bytes.fromhex(f"{hundredths:08d}")[::-1] + bytes([code])
    said = measured(raw, layout("volume:4.2@after")).values["volume"]
    assert said == Value(Decimal(hundredths).scaleb(-2) * UNITS[code].factor, UNITS[code].symbol)
    assert said.unit in KNOWN


@pytest.mark.parametrize(
    ("raw", "reason"),
    [("0000000a2c", "bad_digits"), ("000000002d", "unknown_unit"), ("000000002c00", "bad_length"), ("", "bad_length")],
)
def test_what_is_no_value_is_rejected(raw: str, reason: str) -> None:
    with pytest.raises(Reject) as told:
        measured(bytes.fromhex(raw), layout("volume:4.2@after"))
    assert told.value.reason == reason


def test_a_value_of_ff_is_missing_and_a_clock_that_stands_still_spoils_nothing() -> None:
    data = bytes.fromhex("ffffffff2c 000000002c 00000000000000 0000")
    assert measured(data, FLOW) == Measured({}, None, b"\0\0")


@pytest.mark.parametrize("text", ["", "volume", "volume:4.2", "volume:x@m3", "Volume:4.2@after", "volume:4.2@after,"])
def test_a_layout_that_is_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match=r"field|layout"):
        layout(text)
