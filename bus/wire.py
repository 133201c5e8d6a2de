"""The protobuf wire format, as much as Sparkplug needs: varints, delimited fields, and the skipping of unknown ones."""

from collections.abc import Collection

LARGEST = (1 << 64) - 1


class Malformed(ValueError):
    """The bytes are no such message."""


def varint(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """The number at `pos`, and where the next thing is; Malformed beyond `end` or 64 bits."""
    if pos >= end:
        raise Malformed("a number ends early")
    byte = data[pos]
    if byte < 0x80:
        return byte, pos + 1
    result, shift = byte & 0x7F, 7
    for at in range(pos + 1, min(end, pos + 10)):
        byte = data[at]
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            if result > LARGEST:
                break
            return result, at + 1
        shift += 7
    raise Malformed("a number ends early or is beyond 64 bits")


def blob(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """Start and end of the delimited field whose length is at `pos`."""
    size, start = varint(data, pos, end)
    if size > end - start:
        raise Malformed("a field ends early")
    return start, start + size


def bare(data: bytes, field: int, pos: int, end: int, known: Collection[int]) -> int:
    """Where an unknown field ends; Malformed for a known one, which is then of the wrong type."""
    number, wire = field >> 3, field & 7
    if number in known or not 0 < number < 1 << 29:
        raise Malformed(f"field {number} has wire type {wire}")
    if wire == 0:
        return varint(data, pos, end)[1]
    if wire == 2:
        return blob(data, pos, end)[1]
    stop = pos + {1: 8, 5: 4}.get(wire, end)
    if wire not in {1, 5} or stop > end:
        raise Malformed(f"field {number} has wire type {wire} or ends early")
    return stop


def varint_of(number: int) -> bytes:
    """The bytes of a number of up to 64 bits."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def key(number: int, wire: int) -> bytes:
    """The tag of a field."""
    return varint_of(number << 3 | wire)


def delimited(data: bytes) -> bytes:
    """The data behind its length."""
    return varint_of(len(data)) + data
