"""The MQTT codec: any cut of the stream reads the same, and damage is a ProtocolError, never anything else."""

import struct
from contextlib import suppress
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import packets
from bus.packets import Connack, Parsed, Parser, ProtocolError, Will

versions = st.sampled_from([4, 5])
messages = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_characters="\0+#"), min_size=1, max_size=40),
        st.binary(max_size=300),
        st.integers(0, 65_535),
        st.booleans(),
        st.none() | st.integers(0, 1 << 31),
    ),
    max_size=12,
)


def stream(version: int, chosen: list[tuple[str, bytes, int, bool, int | None]]) -> bytes:
    return b"".join(
        packets.publish(version, topic.encode(), payload, packet_id, retain=retain, dup=packet_id > 9, expiry=expiry)
        for topic, payload, packet_id, retain, expiry in chosen
    )


def feed_in_pieces(parser: Parser, data: bytes, cuts: list[int]) -> Parsed:
    """All that the parser makes of the data, cut at these places."""
    whole = Parsed([], [], [], [])
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for begin, end in pairwise(edges):
        for column, piece in zip(whole, parser.feed(data[begin:end]), strict=True):
            cast("list[object]", column).extend(cast("list[object]", piece))
    return whole


@given(versions, messages, st.lists(st.integers(0, 5_000)))
def test_messages_survive_however_the_stream_is_cut(
    version: int, chosen: list[tuple[str, bytes, int, bool, int | None]], cuts: list[int]
) -> None:
    data = stream(version, chosen) + packets.pubacks([1, 65_535]) + b"\xd0\x00"
    found = feed_in_pieces(Parser(version), data, cuts)
    assert found.topics == [topic for topic, *_ in chosen]
    assert found.payloads == [payload for _, payload, *_ in chosen]
    assert found.ids == [packet_id for _, _, packet_id, *_ in chosen]
    assert found.packets == [(0x40, b"\0\x01"), (0x40, b"\xff\xff"), (0xD0, b"")]


@given(versions, messages.filter(bool), st.data())
def test_a_damaged_stream_is_read_or_a_protocol_error(
    version: int, chosen: list[tuple[str, bytes, int, bool, int | None]], data: st.DataObject
) -> None:
    damaged = bytearray(stream(version, chosen))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(ProtocolError):
        feed_in_pieces(Parser(version), bytes(damaged), [data.draw(st.integers(0, len(damaged)))])


def test_a_stream_cut_at_every_byte_waits_for_the_rest() -> None:
    data = stream(5, [("a/b", b"x" * 200, 7, False, 5)])
    for cut in range(len(data)):
        parser = Parser(5)
        assert parser.feed(data[:cut]) == Parsed([], [], [], [])
        assert parser.feed(data[cut:]).payloads == [b"x" * 200]


@given(st.binary(max_size=60), versions)
def test_any_answer_is_read_or_a_protocol_error(body: bytes, version: int) -> None:
    for parse in (
        packets.parse_connack,
        packets.parse_puback,
        packets.parse_disconnect,
        lambda raw: packets.parse_suback(version, raw),
    ):
        with suppress(ProtocolError):
            parse(body)


@pytest.mark.parametrize("size", [1_001, 1_500, 70_000])
@pytest.mark.parametrize("piece", [1, 333, 100_000])
def test_a_giant_is_delivered_cut_and_the_stream_goes_on(size: int, piece: int) -> None:
    parser = Parser(5, max_packet=1_000)
    data = stream(5, [("giant", b"g" * size, 1, False, None), ("next", b"n", 2, False, None)])
    found = feed_in_pieces(parser, data, list(range(0, len(data), piece)))
    assert found.topics == ["giant", "next"]
    assert found.ids == [1, 2]
    assert 900 < len(found.payloads[0]) < 1_000
    assert found.payloads[1] == b"n"


def test_a_topic_that_is_no_text_is_a_message_all_the_same() -> None:
    assert Parser(4).feed(b"\x30\x05\x00\x02\xff\xfex").topics == ["\ufffd\ufffd"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\xff\x7f",  # a length of five bytes
        b"\x30\x03\x00\x09a",  # a topic longer than its packet
        b"\x32\x05\x00\x01a\x00\x00",  # QoS 1 with packet id 0
        b"\x34\x05\x00\x01a\x00\x01",  # QoS 2, which we never subscribe to
        b"\x30\x00",
    ],
)
def test_malformed_packets_are_protocol_errors(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Parser(4).feed(data)


def test_connack_properties() -> None:
    properties = b"\x21\x00\x14\x13\x00\x3c\x24\x01\x1f\x00\x02ok\x22\x00\x00\x2a\x01\x27\x00\x00\x00\x09"
    body = b"\x01\x00" + bytes((len(properties),)) + properties
    assert packets.parse_connack(body) == Connack(
        session_present=True, code=0, receive_maximum=20, max_packet=9, keepalive=60, reason="ok"
    )
    assert packets.parse_connack(b"\x00\x05") == Connack(session_present=False, code=5)


def test_connect_says_what_it_should() -> None:
    will = Will("w", b"x")
    terms = {"clean_start": False, "keepalive": 30, "session_expiry": 60, "receive_maximum": 9}
    old = packets.connect(4, "me", user="u", password="p", will=will, **terms)  # type: ignore[arg-type]
    assert old == b"\x10\x1a\x00\x04MQTT\x04\xec\x00\x1e\x00\x02me\x00\x01w\x00\x01x\x00\x01u\x00\x01p"
    new = packets.connect(5, "me", **terms)  # type: ignore[arg-type]
    assert new[2:] == b"\x00\x04MQTT\x05\x00\x00\x1e\x08\x11" + struct.pack(">I", 60) + b"\x21\x00\x09\x00\x02me"
