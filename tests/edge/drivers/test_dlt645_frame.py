"""DL/T 645 frames: published examples, round trips, and what damage can and cannot do."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.dlt645_frame import (
    ANYONE,
    EVERYONE,
    READ_ADDRESS,
    Frame,
    Parser,
    answer,
    clock,
    demand_time,
    encode,
    item,
    matches,
    question,
    refusal,
    values,
)
from schema.errors import Reject

ENERGY = 0x00010000
OWN = "000000000161"
# Public captures of a meter with address 161: forward energy 0.26 kWh, voltage of phase A 100.1 V.
ASKED = bytes.fromhex("fefefefe 68 610100000000 68 11 04 33333433 14 16")
ANSWERED = bytes.fromhex("68 610100000000 68 91 08 33333433 59333333 8a 16")
VOLTAGE = bytes.fromhex("68 610100000000 68 91 06 33343435 3443 10 16")

frames = st.builds(
    Frame,
    st.text("0123456789", min_size=12, max_size=12),
    st.integers(0, 255),
    st.binary(max_size=200),
)


def one(raw: bytes) -> Frame:
    (found,) = Parser().feed(raw)
    return found


def number(di: int, raw: bytes) -> Decimal | None:
    (found,) = values(di, raw)
    return found


def test_published_frames() -> None:
    assert question(OWN, ENERGY) == ASKED
    energy = answer(one(ANSWERED), OWN, ENERGY)
    assert energy is not None
    assert values(ENERGY, energy.data) == [Decimal("0.26")]
    voltage = answer(one(VOLTAGE), OWN, 0x02010100)
    assert voltage is not None
    assert values(0x02010100, voltage.data) == [Decimal("100.1")]
    # The well-known question for the address of whoever is there.
    assert encode(Frame(ANYONE, READ_ADDRESS), 0) == bytes.fromhex("68 aaaaaaaaaaaa 68 13 00 df 16")


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


@given(st.binary(max_size=600))
def test_no_noise_stops_the_parser(noise: bytes) -> None:
    parser = Parser()
    parser.feed(noise)
    assert parser.feed(b"\x00" * 600 + ANSWERED)[-1] == one(ANSWERED)


def test_a_frame_that_does_not_end_hides_none_behind_it() -> None:
    for cut in range(1, len(ANSWERED)):
        assert Parser().feed(ANSWERED[:cut] + VOLTAGE) == [one(VOLTAGE)]


def test_a_truncated_frame_is_none() -> None:
    for cut in range(len(ANSWERED)):
        assert Parser().feed(ANSWERED[:cut]) == []


def test_no_single_wrong_bit_gives_a_value() -> None:
    for raw in (ANSWERED, VOLTAGE):
        for bit in range(len(raw) * 8):
            wrong = bytearray(raw)
            wrong[bit // 8] ^= 1 << bit % 8
            assert Parser().feed(bytes(wrong)) == []


def test_the_sum_alone_lets_opposite_flips_through() -> None:
    """Why a register that does not go on is read twice: 8 bits of sum cannot promise more."""
    wrong = bytearray(encode(Frame(OWN, 0x91, ENERGY.to_bytes(4, "little") + bytes.fromhex("78563412")), 0))
    wrong[14] ^= 0x02
    wrong[15] ^= 0x02
    assert values(ENERGY, one(bytes(wrong)).data[4:]) == [Decimal("123458.76")]


@given(st.integers(0, 11), st.binary(min_size=1, max_size=40))
def test_an_answer_of_another_is_not_taken(digit: int, data: bytes) -> None:
    other = OWN[:digit] + str((int(OWN[digit]) + 1) % 10) + OWN[digit + 1 :]
    assert answer(Frame(other, 0x91, ENERGY.to_bytes(4, "little") + data), OWN, ENERGY) is None
    assert answer(Frame(OWN, 0x91, 0x00020000.to_bytes(4, "little") + data), OWN, ENERGY) is None
    # The echo of a question on two wires is no answer either.
    assert answer(Frame(OWN, 0x11, ENERGY.to_bytes(4, "little") + data), OWN, ENERGY) is None


def test_wildcards() -> None:
    assert matches("202610010042", "AAAAAAAA0042")
    assert not matches("202610010043", "AAAAAAAA0042")
    assert not matches(ANYONE, ANYONE)
    assert encode(Frame(EVERYONE, 0x08), 0)[1:7] == b"\x99" * 6


def test_refusals_say_why() -> None:
    with pytest.raises(Reject, match="refused: 00010000: no such data"):
        answer(Frame(OWN, 0xD1, b"\x02"), OWN, ENERGY)
    assert refusal(b"\x05") == "other error, wrong password or no permission"
    assert refusal(b"") == "no reason given"


def test_what_follows_is_told_by_its_number() -> None:
    head = ENERGY.to_bytes(4, "little")
    first = answer(Frame(OWN, 0xB1, head + b"ab"), OWN, ENERGY)
    assert first is not None
    assert (first.data, first.more) == (b"ab", True)
    last = answer(Frame(OWN, 0x92, head + b"cd\x01"), OWN, ENERGY, 1)
    assert last is not None
    assert (last.data, last.more) == (b"cd", False)
    assert answer(Frame(OWN, 0x92, head + b"cd\x02"), OWN, ENERGY, 1) is None
    assert question(OWN, ENERGY, 1)[4:] == encode(Frame(OWN, 0x12, head + b"\x01"), 0)


@given(st.integers(0, 99_999_999))
def test_forward_and_reverse_registers_have_no_sign(hundredths: int) -> None:
    raw = bytes.fromhex(f"{hundredths:08d}")[::-1]
    for di in (0x00010000, 0x00020000, 0x00010100):
        assert number(di, raw) == Decimal(hundredths).scaleb(-2)


@given(st.integers(-79_999_999, 79_999_999))
def test_combined_energy_is_signed(hundredths: int) -> None:
    raw = bytearray(bytes.fromhex(f"{abs(hundredths):08d}")[::-1])
    raw[-1] |= 0x80 if hundredths < 0 else 0
    assert number(0x00000000, bytes(raw)) == Decimal(hundredths).scaleb(-2)


@pytest.mark.parametrize(
    ("di", "raw", "value", "unit"),
    [
        (0x02020100, "235180", "-5.123", "A"),
        (0x02030000, "563412", "12.3456", "kW"),
        (0x02030000, "563492", "-12.3456", "kW"),
        (0x02040000, "000080", "0", "kvar"),
        (0x02060000, "0010", "1", "/"),
        (0x02060000, "8789", "-0.987", "/"),
        (0x02800002, "0150", "50.01", "Hz"),
        (0x02800007, "5380", "-5.3", "Cel"),
        (0x00030000, "01000080", "-0.01", "kvarh"),
        (0x00090000, "01000000", "0.01", "kVAh"),
        (0x0001000C, "99999999", "999999.99", "kWh"),
        (0x01010000, "563412 3008150326", "12.3456", "kW"),
    ],
)
def test_items(di: int, raw: str, value: str, unit: str) -> None:
    found = number(di, bytes.fromhex(raw))
    assert found is not None
    assert item(di).unit == unit
    assert found == Decimal(value)


def test_blocks() -> None:
    assert values(0x0001FF00, bytes.fromhex("00000100 00000000 00000001")) == [100, 0, 10000]
    assert values(0x0201FF00, bytes.fromhex("0422 ffff ffff")) == [Decimal("220.4"), None, None]


@pytest.mark.parametrize(
    ("di", "raw", "reason"),
    [
        (ENERGY, "000000", "bad_length"),
        (ENERGY, "", "bad_length"),
        (ENERGY, "0000000000000000", "bad_length"),
        (ENERGY, "0a000000", "bad_digits"),
        (0x04000101, "00000000", "unknown_item"),
        (0x02010500, "0000", "unknown_item"),
    ],
)
def test_what_is_no_number_is_rejected(di: int, raw: str, reason: str) -> None:
    with pytest.raises(Reject) as told:
        values(di, bytes.fromhex(raw))
    assert told.value.reason == reason


def test_the_meters_clock() -> None:
    assert clock(bytes.fromhex("06140326"), bytes.fromhex("532609")) == datetime(2026, 3, 14, 9, 26, 53)  # noqa: DTZ001
    assert demand_time(bytes.fromhex("5634123008150326")) == datetime(2026, 3, 15, 8, 30)  # noqa: DTZ001
    with pytest.raises(Reject, match="bad_time"):
        clock(bytes.fromhex("06141326"), bytes.fromhex("532609"))


@pytest.mark.parametrize("address", ["123", "12345678901F", "1234567890123"])
def test_no_frame_without_an_address(address: str) -> None:
    with pytest.raises(ValueError, match="12 digits"):
        encode(Frame(address, 0x11))
