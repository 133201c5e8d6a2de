"""DL/T 645-2007 on the wire: frames, the parser that finds them, and the data identifiers; pure, no I/O.

FE FE FE FE | 68 A0..A5 68 C L DATA CS 16, address BCD low byte first, every byte of DATA + 33H, CS the sum modulo 256.

What a frame promises: the sum finds every single wrong bit and misses about 1 in 256 of the frames damaged worse, two
opposite flips of one bit place for certain. So a reader also wants the address, control code and data identifier it
asked for, the exact length, decimal digits, and a register that goes on from where it stood.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from edge.drivers.framing import START, Finder, Shape, closed
from schema.errors import Reject

READ, READ_ON, READ_ADDRESS, BROADCAST_TIME = 0x11, 0x12, 0x13, 0x08
ANSWER, MORE, ERROR = 0x80, 0x20, 0x40
"""Bits of a control code: sent by the meter, more frames follow, the request was refused."""

ANYONE = "A" * 12
EVERYONE = "9" * 12
"""The wildcard, answered by every meter on the line; the broadcast address, answered by none."""

_OFFSET = 0x33
_SHAPE = Shape(head=10, first=1, last=7, second=7)

_REFUSALS = (
    "other error",
    "no such data",
    "wrong password or no permission",
    "the baud rate cannot be changed",
    "too many seasons",
    "too many day periods",
    "too many tariffs",
    "reserved",
)


class Frame(NamedTuple):
    """A frame: 12 digits of address (A where it is a wildcard), control code, data as meant (without the 33H)."""

    address: str
    control: int
    data: bytes = b""


def encode(frame: Frame, preamble: int = 4) -> bytes:
    """The bytes of a frame after `preamble` times FE; ValueError for an address that is none, or data too long."""
    if len(frame.address) != 12 or not set(frame.address) <= set("0123456789A"):
        raise ValueError(f"address {frame.address!r} must be 12 digits")
    if len(frame.data) > 255:
        raise ValueError(f"{len(frame.data)} bytes of data do not fit in a frame")
    body = bytes([START, *bytes.fromhex(frame.address)[::-1], START, frame.control, len(frame.data)])
    body += bytes((byte + _OFFSET) & 0xFF for byte in frame.data)
    return closed(body, preamble)


class Parser:
    """The frames in bytes that come split anywhere, with noise around."""

    def __init__(self) -> None:
        self._finder = Finder(_SHAPE)

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes."""
        return [_frame(raw) for raw in self._finder.feed(chunk)]


def _frame(raw: bytes) -> Frame:
    data = bytes((byte - _OFFSET) & 0xFF for byte in raw[_SHAPE.head : -2])
    return Frame(raw[6:0:-1].hex().upper(), raw[8], data)


def question(address: str, di: int, follow: int = 0) -> bytes:
    """The request for a data identifier, or for what follows its frame number `follow` - 1."""
    data = di.to_bytes(4, "little")
    return encode(Frame(address, READ_ON, data + bytes([follow])) if follow else Frame(address, READ, data))


class Part(NamedTuple):
    """Data of an answer without its identifier, and whether more frames follow."""

    data: bytes
    more: bool
    address: str


def answer(frame: Frame, address: str, di: int, follow: int = 0) -> Part | None:
    """What a frame answers to `question` of the same arguments, None if it answers something else.

    Reject("refused") when the meter says that it cannot.
    """
    asked = READ_ON if follow else READ
    if not matches(frame.address, address) or frame.control & ~MORE & ~ERROR != asked | ANSWER:
        return None
    if frame.control & ERROR:
        raise Reject("refused", f"{di:08X}: {refusal(frame.data)}")
    data = frame.data
    if data[:4] != di.to_bytes(4, "little") or (follow and data[-1:] != bytes([follow])):
        return None
    return Part(data[4:-1] if follow else data[4:], bool(frame.control & MORE), frame.address)


def matches(address: str, wanted: str) -> bool:
    """Whether a meter's address is the wanted one, A standing for any digit; a wildcard itself is nobody's."""
    return "A" not in address and all(want in {"A", digit} for digit, want in zip(address, wanted, strict=True))


def refusal(data: bytes) -> str:
    """The words of an error answer's information byte."""
    bits = data[0] if data else 0
    return ", ".join(word for bit, word in enumerate(_REFUSALS) if bits >> bit & 1) or "no reason given"


class Item(NamedTuple):
    """How a data identifier's values are written: `size` BCD bytes, the top bit a sign where `signed`.

    `ct` and `pt` say which transformer ratios its secondary value is multiplied by; `stamped` that a time follows each.
    """

    unit: str
    size: int
    decimals: int
    signed: bool = False
    ct: bool = False
    pt: bool = False
    stamped: bool = False


_SIGNED_SUMS = {0x00, 0x03, 0x04}
_VARIABLES = {
    0x01: Item("V", 2, 1, pt=True),
    0x02: Item("A", 3, 3, signed=True, ct=True),
    0x03: Item("kW", 3, 4, signed=True, ct=True, pt=True),
    0x04: Item("kvar", 3, 4, signed=True, ct=True, pt=True),
    0x05: Item("kVA", 3, 4, signed=True, ct=True, pt=True),
    0x06: Item("/", 2, 3, signed=True),
}
_SINGLE = {
    0x02800001: Item("A", 3, 3, ct=True),
    0x02800002: Item("Hz", 2, 2),
    0x02800003: Item("kW", 3, 4, ct=True, pt=True),
    0x02800004: Item("kW", 3, 4, ct=True, pt=True),
    0x02800007: Item("Cel", 2, 1, signed=True),
}


def item(di: int) -> Item:
    """How the values of a data identifier are written (annex A); Reject("unknown_item") for those not known here."""
    group, what, which, last = di.to_bytes(4, "big")
    if group in {0x00, 0x01} and what <= 0x0A and last <= 0x0C:
        of_energy = "kWh" if what <= 0x02 else "kvarh" if what <= 0x08 else "kVAh"
        if group == 0x00:
            return Item(of_energy, 4, 2, signed=what in _SIGNED_SUMS, ct=True, pt=True)
        return Item(of_energy[:-1], 3, 4, signed=what in _SIGNED_SUMS, ct=True, pt=True, stamped=True)
    known = _VARIABLES.get(what) if group == 0x02 and last == 0 and (which <= 3 or which == 0xFF) else _SINGLE.get(di)
    if known is None:
        raise Reject("unknown_item", f"{di:08X} is not a data identifier that can be read as a number")
    return known


def values(di: int, data: bytes) -> list[Decimal | None]:
    """The numbers of an answer, one, or those of a block (total and tariffs; phases A, B, C); None where not fitted.

    Secondary values, as the meter shows them. Reject("bad_length"), Reject("bad_digits").
    """
    form = item(di)
    step = form.size + (5 if form.stamped else 0)
    count, rest = divmod(len(data), step)
    if rest or not count or (count > 1 and di >> 8 & 0xFF != 0xFF):
        raise Reject("bad_length", f"{di:08X} has {len(data)} bytes of data, each value {step}")
    return [_number(data[at : at + form.size], form) for at in range(0, len(data), step)]


def _number(raw: bytes, form: Item) -> Decimal | None:
    if raw == b"\xff" * len(raw):
        return None
    top = raw[-1]
    sign = -1 if form.signed and top & 0x80 else 1
    return sign * digits(raw[:-1] + bytes([top & 0x7F if form.signed else top]), form.decimals)


def digits(raw: bytes, decimals: int) -> Decimal:
    """A BCD number, low byte first; Reject("bad_digits") for bytes that are none."""
    text = raw[::-1].hex()
    if not text.isdecimal():
        raise Reject("bad_digits", f"{raw.hex(' ')} is no decimal number")
    return Decimal(text).scaleb(-decimals)


def demand_time(data: bytes) -> datetime:
    """When the demand of a single 01xxxxxx answer occurred, of the meter's clock, without a zone (YYMMDDhhmm)."""
    return _moment(data[3:8])


def clock(date: bytes, time: bytes) -> datetime:
    """The meter's clock from its items 04000101 (YYMMDDWW) and 04000102 (hhmmss), without a zone."""
    return _moment(time + date[1:])


def _moment(raw: bytes) -> datetime:
    text = raw[::-1].hex()
    form = "%y%m%d%H%M" if len(raw) == 5 else "%y%m%d%H%M%S"
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - the meter's clock has no zone
    except ValueError as error:
        raise Reject("bad_time", f"{raw.hex(' ')} is no time") from error
