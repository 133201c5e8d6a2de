"""SQLite's write-ahead log, read as far as it takes to tell damage from the torn tail of a power cut.

A transaction is on disk before the next is begun, so a power cut tears the last one at most. SQLite itself takes the
log up to its first bad frame for all there is: damage before the end would take back what was durable without a word.
Format: "The Write-Ahead Log", file format of SQLite, section 4.
"""

import struct
from pathlib import Path

_HEADER = 32
_FRAME = 24
_PAGE = 4096
_LITTLE, _BIG = 0x377F0682, 0x377F0683


def holed(wal: Path) -> bool:
    """Whether a frame is bad although more than the end of its own transaction follows it."""
    log = wal.read_bytes() if wal.exists() else b""
    if len(log) < _HEADER:
        return False
    magic, _, page = struct.unpack(">3I", log[:12])
    order = {_LITTLE: "<", _BIG: ">"}.get(magic)
    if order is None or struct.unpack(">2I", log[24:32]) != (sums := _checksum(order, log[:24], (0, 0))):
        first = log[_HEADER : _HEADER + _FRAME]
        return _commits(log, _HEADER, _PAGE, first[8:16]) > 0
    salt = log[16:24]
    at = _HEADER
    while at + _FRAME + page <= len(log):
        head = log[at : at + _FRAME]
        if head[8:16] != salt:
            break
        sums = _checksum(order, log[at + _FRAME : at + _FRAME + page], _checksum(order, head[:8], sums))
        if sums != struct.unpack(">2I", head[16:24]):
            break
        at += _FRAME + page
    return _commits(log, at, page, salt) > 1


def _commits(log: bytes, at: int, page: int, salt: bytes) -> int:
    """How many frames from `at` on say that they end a transaction of this log."""
    ends = 0
    while at + _FRAME <= len(log):
        ends += log[at + 8 : at + 16] == salt and log[at + 4 : at + 8] != b"\0\0\0\0"
        at += _FRAME + page
    return ends


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """The running checksum over pairs of 32-bit words."""
    low, high = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        low = (low + first + high) & 0xFFFFFFFF
        high = (high + second + low) & 0xFFFFFFFF
    return low, high
