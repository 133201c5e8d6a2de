"""MQTT packets of the client's side, versions 3.1.1 (OASIS 2014, level 4) and 5 (OASIS 2019, level 5). Pure, no I/O."""

import struct
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from schema.errors import DayuanError

CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 0x20, 0x30, 0x40, 0x90, 0xB0, 0xD0, 0xE0
PINGREQ_PACKET, DISCONNECT_PACKET = b"\xc0\x00", b"\xe0\x00"
MAX_PACKET = 16 << 20
"""Bytes of one packet that are kept; the rest of a longer one is read and dropped."""

_NO_RETAINED = 0x20
_EXPIRY, _SESSION_EXPIRY, _SERVER_KEEP_ALIVE, _REASON_STRING = 0x02, 0x11, 0x13, 0x1F
_RECEIVE_MAXIMUM, _MAX_PACKET = 0x21, 0x27
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
    max_packet: int = 268_435_460
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
        try:
            begin = self._complete(data, self._skipped(data, 0), parsed)
            if begin < len(data):
                self._parse(data, begin, parsed)
        except IndexError as error:
            raise ProtocolError("a packet ends too early") from error
        return parsed

    def _skipped(self, data: bytes, begin: int) -> int:
        """Where what is to be dropped of a packet that is too long ends."""
        dropped = min(self._skip, len(data) - begin)
        self._skip -= dropped
        return begin + dropped

    def _complete(self, data: bytes, begin: int, parsed: Parsed) -> int:
        """Parse the packet of which there was a part, when it is whole now; where the next one begins."""
        while self._rest and begin < len(data):
            # Byte by byte up to the length, then the packet: what follows need not be copied once more.
            missing = self._need - len(self._rest) if self._need else 1
            self._rest += data[begin : begin + missing]
            begin = min(begin + missing, len(data))
            if len(self._rest) >= self._need:
                whole = bytes(self._rest)
                self._rest.clear()
                self._parse(whole, 0, parsed)
                begin = self._skipped(data, begin)
        return begin

    def _parse(self, data: bytes, start: int, parsed: Parsed) -> None:
        topics, payloads, ids, packets = parsed
        names, version5, end = self._names, self._version5, len(data)
        self._need = 0
        while end - start >= 2:
            head, length, body = data[start], data[start + 1], start + 2
            if length > 127:
                try:
                    two = data[body] < 128
                    length, body = (length & 0x7F | data[body] << 7, body + 1) if two else _varint(data, start + 1)
                except IndexError:
                    break
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
                if at > stop or head & 0x04 or (packet_id > 0) != (head & 0x02 > 0):
                    raise ProtocolError("malformed PUBLISH")
                topics.append(names.get(raw) or self._name(raw))
                payloads.append(data[at:stop])
                ids.append(packet_id)
            else:
                packets.append((head, data[body:stop]))
            start = stop
            if surplus:
                self._skip = surplus
                start = self._skipped(data, start)
        self._rest += data[start:]

    def _name(self, raw: bytes) -> str:
        if len(self._names) >= 65_536:
            self._names.clear()
        # A topic that is no UTF-8 is somebody's message all the same: the receiver refuses it by its name.
        return self._names.setdefault(raw, raw.decode(errors="replace"))


def connect(
    version: int,
    client_id: str,
    *,
    clean_start: bool,
    keepalive: int,
    session_expiry: int,
    receive_maximum: int,
    user: str | None = None,
    password: str | None = None,
    will: Will | None = None,
) -> bytes:
    """CONNECT; in 3.1.1 the session lives as long as the broker pleases."""
    flags = clean_start << 1 | (password is not None) << 6 | (user is not None) << 7
    body = [_text(client_id)]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        body += [b"\0" if version == 5 else b"", _text(will.topic), _binary(will.payload)]
    body += [_text(user)] if user is not None else []
    body += [_text(password)] if password is not None else []
    head = b"\0\x04MQTT" + struct.pack(">BBH", version, flags, keepalive)
    if version == 5:
        head += struct.pack(">BBIBH", 8, _SESSION_EXPIRY, session_expiry, _RECEIVE_MAXIMUM, receive_maximum)
    return _packet(0x10, head + b"".join(body))


def publish(
    version: int,
    topic: bytes,
    payload: bytes,
    packet_id: int = 0,
    *,
    retain: bool = False,
    dup: bool = False,
    expiry: int | None = None,
) -> bytes:
    """PUBLISH, at QoS 1 where it has a packet id; `expiry` in s is version 5's, version 3.1.1 leaves it out."""
    head = PUBLISH | retain | (packet_id > 0) << 1 | dup << 3
    label = packet_id.to_bytes(2, "big") if packet_id else b""
    properties = b""
    if version == 5:
        properties = b"\0" if expiry is None else struct.pack(">BBI", 5, _EXPIRY, expiry)
    length = 2 + len(topic) + len(label) + len(properties) + len(payload)
    return b"".join(
        (bytes((head,)), _encode_varint(length), len(topic).to_bytes(2, "big"), topic, label, properties, payload)
    )


def pubacks(ids: Sequence[int]) -> bytes:
    """One PUBACK for each packet id, in order."""
    return struct.pack(f">{len(ids)}I", *[0x4002_0000 | packet_id for packet_id in ids])


def subscribe(version: int, packet_id: int, filters: Iterable[str], qos: int = 1, fresh: Collection[str] = ()) -> bytes:
    """SUBSCRIBE to all filters at one QoS; to those in `fresh` without what is retained, which 3.1.1 cannot say."""
    body = packet_id.to_bytes(2, "big") + (b"\0" if version == 5 else b"")
    for text in filters:
        body += _text(text) + bytes((qos | (_NO_RETAINED if version == 5 and text in fresh else 0),))
    return _packet(0x82, body)


def unsubscribe(version: int, packet_id: int, filters: Iterable[str]) -> bytes:
    """UNSUBSCRIBE from all filters."""
    body = packet_id.to_bytes(2, "big") + (b"\0" if version == 5 else b"")
    return _packet(0xA2, body + b"".join(map(_text, filters)))


def parse_connack(body: bytes) -> Connack:
    """A CONNACK of either version: one of 3.1.1 (how an old broker refuses version 5) has no properties."""
    if len(body) < 2:
        raise ProtocolError("malformed CONNACK")
    properties = _properties(body, 2) if len(body) > 2 else {}
    return Connack(
        bool(body[0] & 1),
        body[1],
        _number(properties.get(_RECEIVE_MAXIMUM)) or 65_535,
        _number(properties.get(_MAX_PACKET)) or 268_435_460,
        _number(properties.get(_SERVER_KEEP_ALIVE)),
        _words(properties.get(_REASON_STRING)),
    )


def parse_puback(body: bytes) -> tuple[int, int]:
    """(packet id, reason code) of a PUBACK; 3.1.1 knows no reason but success."""
    if len(body) < 2:
        raise ProtocolError("malformed PUBACK")
    return int.from_bytes(body[:2], "big"), body[2] if len(body) > 2 else 0


def parse_suback(version: int, body: bytes) -> tuple[int, bytes]:
    """(packet id, one reason code a filter) of a SUBACK."""
    try:
        at = 2
        if version == 5:
            length, at = _varint(body, at)
            at += length
    except IndexError as error:
        raise ProtocolError("malformed SUBACK") from error
    if at > len(body) - 1:
        raise ProtocolError("malformed SUBACK")
    return int.from_bytes(body[:2], "big"), body[at:]


def parse_unsuback(body: bytes) -> int:
    """The packet id of an UNSUBACK."""
    if len(body) < 2:
        raise ProtocolError("malformed UNSUBACK")
    return int.from_bytes(body[:2], "big")


def parse_disconnect(body: bytes) -> int:
    """The reason code of the broker's DISCONNECT (version 5)."""
    return body[0] if body else 0


def _properties(body: bytes, at: int) -> dict[int, bytes]:
    """The raw values of a property block by identifier; of a repeated one the last."""
    found: dict[int, bytes] = {}
    try:
        length, at = _varint(body, at)
        end = at + length
        if end > len(body):
            raise ProtocolError("a property block ends too early")
        while at < end:
            form = _PROPERTY_FORM[body[at]]
            if form in _WIDTH:
                stop = at + 1 + _WIDTH[form]
            elif form == _VARINT:
                stop = _varint(body, at + 1)[1]
            else:
                stop = at + 1
                for _ in range(2 if form == _PAIR else 1):
                    stop += 2 + (body[stop] << 8 | body[stop + 1])
            if stop > end:
                raise ProtocolError("a property ends too early")
            found[body[at]] = body[at + 1 : stop]
            at = stop
    except (IndexError, KeyError) as error:
        raise ProtocolError("malformed properties") from error
    return found


def _number(raw: bytes | None) -> int | None:
    return None if raw is None else int.from_bytes(raw, "big")


def _words(raw: bytes | None) -> str:
    return "" if raw is None else raw[2:].decode(errors="replace")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, position after it) of a variable byte integer (MQTT 5 section 1.5.5); IndexError where it is cut off."""
    value = 0
    for place in range(4):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ProtocolError("malformed length")


def _encode_varint(value: int) -> bytes:
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _packet(head: int, body: bytes) -> bytes:
    return bytes((head,)) + _encode_varint(len(body)) + body


def _text(text: str) -> bytes:
    return _binary(text.encode())


def _binary(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
