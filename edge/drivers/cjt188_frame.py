"""CJ/T 188-2004 and -2018 on the wire: frames, the parser that finds them, and what makers put in them; pure, no I/O.

FE FE FE | 68 T A0..A6 C L DATA CS 16, address BCD low byte first, CS the sum modulo 256; DATA as it is, beginning with
data identifier and serial number. What such a sum promises and does not is said in dlt645_frame.py.
"""

import re
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Literal, NamedTuple

from edge.drivers.dlt645_frame import digits
from edge.drivers.framing import START, Finder, Shape, closed
from schema.errors import Reject

READ, READ_ADDRESS = 0x01, 0x03
ANSWER, ERROR = 0x80, 0x40
ANY_TYPE = 0xAA
ANYONE = "A" * 14

DATA, ADDRESS = 0x901F, 0x810A
"""Data identifiers: what the meter measures now, and its address."""

Order = Literal["2004", "2018"]
"""How an identifier is sent: 90 1F as of 2004, 1F 90 as of 2018; makers of either age do either."""

_SHAPE = Shape(head=11, first=2, last=9)


class Frame(NamedTuple):
    """A frame: meter type (10H water ... 49H), 14 digits of address, control code, data."""

    type: int
    address: str
    control: int
    data: bytes = b""


def encode(frame: Frame, preamble: int = 3) -> bytes:
    """The bytes of a frame after `preamble` times FE; ValueError for an address that is none, or data too long."""
    if len(frame.address) != 14 or not set(frame.address) <= set("0123456789A"):
        raise ValueError(f"address {frame.address!r} must be 14 digits")
    if len(frame.data) > 255:
        raise ValueError(f"{len(frame.data)} bytes of data do not fit in a frame")
    address = bytes.fromhex(frame.address)[::-1]
    body = bytes([START, frame.type, *address, frame.control, len(frame.data)]) + frame.data
    return closed(body, preamble)


class Parser:
    """The frames in bytes that come split anywhere, with noise around."""

    def __init__(self) -> None:
        self._finder = Finder(_SHAPE)

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes."""
        return [
            Frame(raw[1], raw[8:1:-1].hex().upper(), raw[9], raw[_SHAPE.head : -2]) for raw in self._finder.feed(chunk)
        ]


def question(kind: int, address: str, order: Order, serial: int) -> bytes:
    """The request for what a meter measures; with ANYONE as address, for the address of the only one on the line."""
    control, di = (READ_ADDRESS, ADDRESS) if address == ANYONE else (READ, DATA)
    return encode(Frame(kind, address, control, _sent(di, order) + bytes([serial])))


def answer(frame: Frame, kind: int, address: str, serial: int) -> bytes | None:
    """The data behind identifier and serial number if a frame answers `question`, its identifier either way round.

    None if it answers something else; Reject("refused") when the meter says that it cannot.
    """
    control, di = (READ_ADDRESS, ADDRESS) if address == ANYONE else (READ, DATA)
    if frame.control & ~ERROR != control | ANSWER or "A" in frame.address:
        return None
    if (kind != ANY_TYPE and frame.type != kind) or (address not in {ANYONE, frame.address}):
        return None
    if frame.control & ERROR:
        raise Reject("refused", f"the meter answers an error: {frame.data.hex(' ')}")
    head = frame.data[:3]
    if head[:2] not in {_sent(di, "2004"), _sent(di, "2018")} or head[2:] != bytes([serial]):
        return None
    return frame.data[3:]


def _sent(di: int, order: Order) -> bytes:
    return di.to_bytes(2, "big" if order == "2004" else "little")


class Unit(NamedTuple):
    """What a unit byte means: value * factor in `symbol`."""

    symbol: str
    factor: Decimal = Decimal(1)


UNITS = {
    0x01: Unit("J"),
    0x02: Unit("Wh"),
    0x05: Unit("kWh"),
    0x08: Unit("MWh"),
    0x0A: Unit("MWh", Decimal(100)),
    0x0B: Unit("MJ", Decimal("0.001")),
    0x0E: Unit("MJ"),
    0x11: Unit("GJ"),
    0x13: Unit("GJ", Decimal(100)),
    0x14: Unit("W"),
    0x17: Unit("kW"),
    0x1A: Unit("MW"),
    0x29: Unit("l"),
    0x2C: Unit("m3"),
    0x32: Unit("m3/h", Decimal("0.001")),
    0x35: Unit("m3/h"),
}


class Field(NamedTuple):
    """A stretch of the data: `size` BCD bytes; its unit fixed, or a byte before or after it."""

    name: str
    size: int
    decimals: int = 0
    unit: str = ""


_FIELD = re.compile(r"([a-z_]+):([1-9])(?:\.([0-9]))?(?:@(before|after|[A-Za-z0-9/]+))?")
_RAW = {"skip": "", "clock": "", "status": ""}


@cache
def layout(text: str) -> tuple[Field, ...]:
    """Fields as written, `name:bytes.decimals@unit`, unit `before`, `after` or fixed; ValueError for other writing.

    `clock:7` and `status:2` are the meter's time and state, `skip:n` bytes nobody wants.
    """
    fields = []
    for word in text.split():
        found = _FIELD.fullmatch(word)
        if found is None or (found[1] not in _RAW and not found[4]):
            raise ValueError(f"field {word!r} must be written name:bytes.decimals@unit, like volume:4.2@after")
        fields.append(Field(found[1], int(found[2]), int(found[3] or 0), found[4] or ""))
    if not fields:
        raise ValueError("a layout needs fields")
    return tuple(fields)


_HEAT = "supply:3.2@Cel return:3.2@Cel skip:3 clock:7 status:2"
PROFILES: dict[str, str] = {
    # Table of the standard for water and gas: now, and on the settlement day.
    "flow": "volume:4.2@after skip:5 clock:7 status:2",
    # Table of the standard for heat: settlement day, now, power, flow, volume, temperatures, hours.
    "heat": f"skip:5 energy:4.2@after power:4.2@after flow:4.4@after volume:4.2@after {_HEAT}",
    # Makers that send each unit before its value (JY and others).
    "heat-unit-first": f"skip:5 energy:4.2@before power:4.2@before flow:4.4@before volume:4.2@before {_HEAT}",
}
"""Layouts of the data of 901F by name; which one a meter follows is its maker's choice."""


class Value(NamedTuple):
    """A number in `unit`."""

    value: Decimal
    unit: str


class Measured(NamedTuple):
    """What an answer says: numbers by field, the meter's clock (no zone; None if it has none), its two state bytes."""

    values: dict[str, Value]
    clock: datetime | None
    status: bytes

    @property
    def low_battery(self) -> bool:
        """Whether its battery wants changing (bit 2 of the first state byte)."""
        return bool(self.status[:1] and self.status[0] & 0x04)


def measured(data: bytes, fields: tuple[Field, ...]) -> Measured:
    """Read an answer's data by its layout, a field of FF left out; Reject for another length, digits or unit."""
    wanted = sum(field.size + (field.unit in {"before", "after"}) for field in fields)
    if len(data) != wanted:
        raise Reject("bad_length", f"{len(data)} bytes of data, the layout has {wanted}: another maker's profile?")
    numbers: dict[str, Value] = {}
    raw_fields = {"clock": b"", "status": b""}
    at = 0
    for field in fields:
        if field.unit == "before":
            at += 1
        raw = data[at : at + field.size]
        at += field.size
        code = data[at - field.size - 1] if field.unit == "before" else data[at] if field.unit == "after" else None
        if field.unit == "after":
            at += 1
        if field.name in _RAW:
            raw_fields[field.name] = raw
        elif raw != b"\xff" * field.size:
            numbers[field.name] = _value(raw, field, code)
    return Measured(numbers, _clock(raw_fields["clock"]), raw_fields["status"])


def _value(raw: bytes, field: Field, code: int | None) -> Value:
    unit = Unit(field.unit) if code is None else UNITS.get(code)
    if unit is None:
        raise Reject("unknown_unit", f"{field.name}: unit byte {code:02X}")
    return Value(digits(raw, field.decimals) * unit.factor, unit.symbol)


def _clock(raw: bytes) -> datetime | None:
    """ss mm hh DD MM YY(2); a clock that shows no time is none, and spoils nothing else."""
    try:
        return datetime.strptime(raw[::-1].hex(), "%Y%m%d%H%M%S")  # noqa: DTZ007 - the meter's clock has no zone
    except ValueError:
        return None
