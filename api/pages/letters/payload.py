"""A payload as a person can read it."""

import json
from io import BytesIO
from typing import Any

import cbor2
import msgspec

from api.letters import legible
from api.pages.letters import text_letters
from schema.text import Text

_DEPTH = 32
_ROW = 16
_SHOWN_BYTES = 4096


def readable(payload: bytes) -> tuple[Text, str]:
    """What it is, and how it reads: JSON and CBOR set out, other text as it is, other bytes in hexadecimal."""
    written = legible(payload)
    if written is not None:
        try:
            return text_letters.AS_JSON, msgspec.json.format(written, indent=2)
        except msgspec.DecodeError:
            return text_letters.AS_TEXT, written
    found = _cbor(payload)
    return (text_letters.AS_BYTES, _hexadecimal(payload)) if found is None else (text_letters.AS_CBOR, found)


def _cbor(payload: bytes) -> str | None:
    """A whole CBOR array or map as JSON; None for anything else, which is text or bytes by chance."""
    stream = BytesIO(payload)
    try:
        value: Any = cbor2.load(stream, max_depth=_DEPTH)
        if not isinstance(value, list | dict) or stream.read(1):
            return None
        return json.dumps(value, indent=2, ensure_ascii=False, default=repr)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError, MemoryError):
        return None


def _hexadecimal(payload: bytes) -> str:
    """Offset, bytes, and what of them is ASCII, of the beginning."""
    rows = []
    for start in range(0, min(len(payload), _SHOWN_BYTES), _ROW):
        row = payload[start : start + _ROW]
        plain = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
        rows.append(f"{start:04x}  {row.hex(' '):<{3 * _ROW}} {plain}")
    if len(payload) > _SHOWN_BYTES:
        rows.append("…")
    return "\n".join(rows)
