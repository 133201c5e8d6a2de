"""What every payload shares: its size limit, its place in the agent's stream, and how a bad part is named."""

import msgspec

from bus.topics import is_segment
from schema.errors import Reject
from schema.stream import Position

MAX_PAYLOAD = 1 << 20


class Rejected(msgspec.Struct, frozen=True):
    """Part `index` of a payload that cannot be accepted; `record_bytes` is that part as a payload of its own."""

    index: int
    reason: str
    detail: str
    record_bytes: bytes


def check_size(payload: bytes) -> None:
    """Reject("too_large") beyond MAX_PAYLOAD."""
    if len(payload) > MAX_PAYLOAD:
        raise Reject("too_large", f"{len(payload)} bytes, the limit is {MAX_PAYLOAD}")


def position(agent: object, epoch: object, seq: object, floor: object) -> Position | None:
    """The position that four labels state; None when they state none, as those of a foreign agent may."""
    if (
        isinstance(agent, str)
        and is_segment(agent)
        and isinstance(epoch, str)
        and is_segment(epoch.lower())
        and type(seq) is int
        and type(floor) is int
        and 1 <= floor <= seq < 1 << 63
    ):
        return Position(agent, epoch, seq, floor)
    return None
