"""Frames of 68H ... 16H with a length, a checksum and a decimal address, as DL/T 645 and CJ/T 188 send them."""

from typing import NamedTuple

START, END = 0x68, 0x16


class Shape(NamedTuple):
    """Where things stand: a head that ends in the length, the address in [first, last), START again at `second`."""

    head: int
    first: int
    last: int
    second: int = 0

    def size(self, kept: bytearray, at: int) -> int:
        """How many bytes the whole frame at `at` has; 0 if there is none, or not yet."""
        if len(kept) < at + self.head + 2 or kept[at + self.second] != START:
            return 0
        size = self.head + kept[at + self.head - 1] + 2
        end = at + size - 1
        if end >= len(kept) or kept[end] != END or sum(kept[at : end - 1]) & 0xFF != kept[end - 1]:
            return 0
        # No meter has a hexadecimal address; the wildcard A is seen in the echo of a request only.
        return size if set(kept[at + self.first : at + self.last].hex()) <= set("0123456789a") else 0


def closed(body: bytes, preamble: int) -> bytes:
    """A body from START on with its checksum and END, after `preamble` times FE."""
    return b"\xfe" * preamble + body + bytes([sum(body) & 0xFF, END])


class Finder:
    """Finds the frames in bytes that come split anywhere, with noise around; what is damaged is no frame.

    A frame that does not end never hides a whole one behind it.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._longest = shape.head + 255 + 2
        self._kept = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The frames that `chunk` completes, from START to END."""
        kept = self._kept
        kept += chunk
        found = []
        at = done = 0
        while (at := kept.find(START, at)) >= 0:
            if size := self._shape.size(kept, at):
                found.append(bytes(kept[at : at + size]))
                at = done = at + size
            else:
                at += 1
        del kept[: max(done, len(kept) - self._longest)]
        return found
