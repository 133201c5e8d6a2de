"""What every payload shares: its size limit, its place in the agent's stream, and how a bad part is named."""

from collections.abc import Sequence

import msgspec

from bus.topics import is_segment
from schema.errors import Reject
from schema.stream import Position

MAX_PAYLOAD = 1 << 20
MOST_REJECTS = 200


class Rejected(msgspec.Struct, frozen=True):
    """Part `index` of a payload that cannot be accepted; `record_bytes` is that part as a payload of its own."""

    index: int
    reason: str
    detail: str
    record_bytes: bytes


def few(rejects: Sequence[Rejected], payload: bytes) -> list[Rejected]:
    """What to park of a payload: bad parts each by itself; where they are too many, the whole of it as one.

    Else one message of a million bytes would be 300,000 letters, and take all others from their shelf.
    """
    if len(rejects) <= MOST_REJECTS:
        return list(rejects)
    first = rejects[0]
    return [Rejected(first.index, first.reason, f"{len(rejects)} bad parts, the first: {first.detail}", payload)]


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
