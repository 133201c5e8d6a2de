"""Where a message stands in its agent's stream, so that the platform can prove a gap or its absence."""

import re

import msgspec

_BORN = re.compile(r"([0-9a-f]{13})-")
_HIGHEST = (1 << 63) - 1


class Position(msgspec.Struct, frozen=True):
    """Message `seq` of `agent` in `epoch` (one life of its outbox); nothing below `floor` will be sent again."""

    agent: str
    epoch: str
    seq: int
    floor: int = 1

    @property
    def rank(self) -> int:
        """Of two words on one instant of one series the one of the higher rank counts, whichever came first.

        Within an epoch the later message has it. Nobody numbers a message a microsecond, so an epoch that was born
        later has it too, and that of another agent as far as their clocks agree.
        """
        return min(born(self.epoch) + self.seq, _HIGHEST)


def new_epoch(now: int, entropy: bytes) -> str:
    """The name of a life that begins now (us UTC, until 2112): it says when, and is like no other."""
    return f"{now:013x}-{entropy.hex()}"


def born(epoch: str) -> int:
    """When a life began; 0 where its name does not say so."""
    found = _BORN.match(epoch)
    return int(found[1], 16) if found else 0


class Acknowledged(msgspec.Struct, frozen=True):
    """What the platform has on disk: all up to `seq`, and all above but the gaps `missing`, [first, last], up to `top`.

    `top` is 0 where nothing is beyond a gap.
    """

    epoch: str
    seq: int
    missing: tuple[tuple[int, int], ...] = ()
    top: int = 0
