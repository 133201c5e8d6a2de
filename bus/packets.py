"""MQTT packets of the client's side, versions 3.1.1 (OASIS 2014, level 4) and 5 (OASIS 2019, level 5). Pure, no I/O."""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schema.errors import DayuanError

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 0x20, 0x30, 0x40, 0x90, 0xD0, 0xE0
PINGREQ_PACKET, DISCONNECT_PACKET = b"\xc0\x00", b"\xe0\x00"
MAX_PACKET = 16 << 20
"""Bytes of one packet that are kept; the rest of a longer one is read and dropped."""

_SESSION_EXPIRY, _SERVER_KEEP_ALIVE, _REASON_STRING, _RECEIVE_MAXIMUM, _EXPIRY = 0x11, 0x13, 0x1F, 0x21, 0x02
_BYTE, _TWO, _FOUR, _VARINT, _TEXT, _PAIR = range(6)
_PROPERTY_FORM = (
    dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), _BYTE)
    | dict.fromkeys((0x13, 0x21, 0x22, 0x23), _TWO)
    | dict.fromkeys((0x02, 0x11, 0x18, 0x27), _FOUR)
    | {0x0B: _VARINT, 0x26: _PAIR}
    | dict.fromkeys((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F), _TEXT)
)
_WIDTH = {_BYTE: 1, _TWO: 2, _FOUR: 4}


class ProtocolError(DayuanError):
    """The peer does not speak MQTT as agreed: drop the connection."""


class Will(NamedTuple):
    """What the broker says for us when we are gone without a word."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True


class Connack(NamedTuple):
    """The broker's answer; a `code` other than 0 is a refusal."""

    session_present: bool
    code: int
    receive_maximum: int = 65_535
    keepalive: int | None = None
    reason: str = ""


class Parsed(NamedTuple):
    """The complete packets of a piece of stream: PUBLISHes as columns (id 0 is QoS 0), the others as (head, body)."""

    topics: list[str]
    payloads: list[bytes]
    ids: list[int]
    packets: list[tuple[int, bytes]]


class Parser:
    """Turns the broker's stream into packets; ProtocolError where it is none."""

    def __init__(self, version: int, max_packet: int = MAX_PACKET) -> None:
        self._version5 = version == 5
        self._max_packet = max_packet
        self._rest = bytearray()
        self._need = 0
        self._skip = 0
        self._names: dict[bytes, str] = {}

    def feed(self, data: bytes) -> Parsed:
        """All packets that these bytes complete."""
        parsed = Parsed([], [], [], [])
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return parsed
            data = bytes(self._rest)
            self._rest.clear()
        try:
            self._parse(data, parsed)
        except IndexError as error:
            raise ProtocolError("a packet ends too early") from error
        return parsed

    def _parse(self, data: bytes, parsed: Parsed) -> None:
        topics, payloads, ids, packets = parsed
        names, version5, end, start = self._names, self._version5, len(data), 0
        while start + 1 < end:
            head, length, body = data[start], data[start + 1], start + 2
            if length > 127:
                if body + 3 > end and max(data[start + 1 : end]) > 127 and data[end - 1] > 127:
                    break
                length, body = _varint(data, start + 1)
            surplus = max(0, length - self._max_packet)
            stop = body + length - surplus
            if stop > end:
                self._need = stop - start
                break
            if head & 0xF0 == PUBLISH:
                at = body + 2 + (data[body] << 8 | data[body + 1])
                raw = data[body + 2 : at]
                packet_id = 0
                if head & 0x06:
                    packet_id = data[at] << 8 | data[at + 1]
                    at += 2
                if version5:
                    properties, at = (data[at], at + 1) if data[at] < 128 else _varint(data, at)
                    at += properties
                if at > stop or head & 0x04 or (packet_id == 0) is (head & 0x02 != 0):
                    raise ProtocolError("malformed PUBLISH")
                topics.append(names.get(raw) or self._name(raw))
                payloads.append(data[at:stop])
                ids.append(packet_id)
            else:
                packets.append((head, data[body:stop]))
            start = stop
            if surplus:
                here = min(surplus, end - start)
                self._skip = surplus - here
                start += here
        if start < end:
            self._rest += data[start:]
            self._need = max(self._need, 2)
        # `_need` speaks of the packet at the front of `_rest`
        if start + 1 >= end or stop <= end:
            self._need = 0

    def _name(self, raw: bytes) -> str:
        if len(self._names) >= 65_536:
            self._names.clear()
        # A topic that is no UTF-8 is somebody's message all the same: the receiver refuses it by its name.
        return self._names.setdefault(raw, raw.decode(errors="replace"))
