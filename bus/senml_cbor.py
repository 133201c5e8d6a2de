"""SenML CBOR packs (RFC 8428 section 6): the records of a pack as the JSON form would have them, and encoding.

A pack tells itself from JSON by its first byte: a CBOR array begins with 0x80 to 0x9f (or the tag of RFC 8949 section
3.4.6), which no JSON text does.
"""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import cbor2

from bus.payload import position
from schema.errors import Reject
from schema.reading import Reading
from schema.stream import Position

LABELS = {
    -6: "bs", -5: "bv", -4: "bu", -3: "bt", -2: "bn", -1: "bver",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""RFC 8428 section 6, table 4."""
DEPTH = 8

_SELF_DESCRIBED = b"\xd9\xd9\xf7"
_OPEN = b"\x9f\xbf"
_BREAK = b"\xff"
_NAMES = frozenset(LABELS.values())
_PLAIN = frozenset({str, int, float, bool, type(None)})


class _Refused:
    """What stands behind a tag that a pack has no use for, such as a bignum of a megabyte or a shared reference."""

    def __init__(self, tag: int) -> None:
        self._tag = tag

    def __repr__(self) -> str:
        return f"tag {self._tag}"


def is_pack(payload: bytes) -> bool:
    """Whether the payload begins like a SenML CBOR pack."""
    return 0x80 <= (payload or b"\0")[0] <= 0x9F or payload.startswith(_SELF_DESCRIBED)


def elements(payload: bytes) -> list[Any]:
    """The elements of a pack, labels and values as in JSON; Reject("undecodable") where none can be told."""
    stream = BytesIO(payload.removeprefix(_SELF_DESCRIBED))
    try:
        pack = cbor2.load(stream, semantic_decoders=_TAGS, tag_hook=_other, max_depth=DEPTH, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise Reject("undecodable", str(error)[:200]) from error
    if not isinstance(pack, list):
        raise Reject("undecodable", "a SenML pack is an array")
    if stream.read(1):
        raise Reject("undecodable", "something follows the pack")
    return [_named(element) if isinstance(element, dict) else repr(element)[:200] for element in pack]


def encode(site: str, readings: Sequence[Reading], at: Position | None = None) -> bytes:
    """One pack of one device's readings, its array and first map of indefinite length, so that it can be placed."""
    if not readings:
        return b"\x80"
    first = readings[0]
    head = {-2: f"{site}/{first.device}/", -3: _seconds(first.time)} | _record(first, first.time)
    rest = b"".join(cbor2.dumps(_record(reading, first.time)) for reading in readings[1:])
    body = b"".join((_OPEN, cbor2.dumps(head)[1:], _BREAK, rest, _BREAK))
    return body if at is None else place(body, at)


def place(body: bytes, at: Position) -> bytes:
    """The body that `encode` made, with its place in the agent's stream as labels of the first record."""
    labels = {"agent": at.agent, "epoch": at.epoch, "seq": at.seq, "floor": at.floor}
    return _OPEN + cbor2.dumps(labels)[1:] + body[len(_OPEN) :]


def placeable(body: bytes) -> bool:
    """Whether `encode` made this body."""
    return body.startswith(_OPEN)


def position_of(payload: bytes) -> Position | None:
    """The place that `place` gave a pack, also where the rest of it cannot be read."""
    if not placeable(payload):
        return None
    decoder = cbor2.CBORDecoder(BytesIO(payload[len(_OPEN) :]), semantic_decoders=_TAGS, tag_hook=_other, max_depth=1)
    try:
        items = [decoder.decode() for _ in range(8)]
    except (cbor2.CBORDecodeError, ValueError, OverflowError, MemoryError):
        return None
    if items[::2] != ["agent", "epoch", "seq", "floor"]:
        return None
    return position(*items[1::2])


def _record(reading: Reading, base: int) -> dict[int, object]:
    record: dict[int, object] = {0: reading.point, 1: reading.unit, 2: float(reading.value)}
    return record | {6: _seconds(reading.time - base)} if reading.time != base else record


def _named(element: dict[Any, Any]) -> dict[str, Any]:
    """The record with the labels of JSON; one that is neither in the table nor a new name is must-be-understood."""
    named = {}
    for label, value in element.items():
        name = LABELS.get(label) if type(label) is int else None
        named[_label(label) if name is None else name] = value if type(value) in _PLAIN else _spelled(value)
    return named


def _label(label: object) -> str:
    return label if isinstance(label, str) and label not in _NAMES else f"{str(label)[:50]}_"


def _spelled(value: object) -> object:
    if isinstance(value, bytes):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
    return [repr(value)[:200]]


def _refusing(tag: int) -> Any:
    return lambda _value, _immutable: _Refused(tag)


def _other(tag: cbor2.CBORTag, _immutable: object) -> _Refused:
    return _Refused(tag.tag)


def _decimal(parts: Any, _immutable: object) -> object:
    """A decimal fraction, as the nearest float."""
    if isinstance(parts, list | tuple) and len(parts) == 2 and all(type(part) is int for part in parts):
        return float(f"{parts[1]}e{parts[0]}")
    return _Refused(4)


# Every tag that the library would read as something else: dates, bignums, references, patterns, sets, addresses.
_KNOWN = (0, 1, 2, 3, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)
_TAGS = {tag: _refusing(tag) for tag in _KNOWN} | {4: _decimal}


def _seconds(micros: int) -> float:
    whole, rest = divmod(micros, 1_000_000)
    return micros / 1e6 if rest else whole
