"""Where a message stands in its agent's stream, so that the platform can prove a gap or its absence."""

import msgspec


class Position(msgspec.Struct, frozen=True):
    """Message `seq` of `agent` in `epoch` (one life of its outbox); nothing below `floor` will be sent again."""

    agent: str
    epoch: str
    seq: int
    floor: int = 1


class Acknowledged(msgspec.Struct, frozen=True):
    """What the platform has on disk: all up to `seq`, and all above but the gaps `missing`, [first, last], up to `top`.

    `top` is 0 where nothing is beyond a gap.
    """

    epoch: str
    seq: int
    missing: tuple[tuple[int, int], ...] = ()
    top: int = 0
