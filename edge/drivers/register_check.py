"""Registers that go on from where they stood; one that does not is read again before it is believed.

An 8-bit sum lets a damaged frame through now and then; the same damage twice in a row it does not.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from schema.errors import Reject
from schema.instant import HOUR

_CLOSE = Decimal(1)
_AT_ONCE = Decimal(10)
"""What a register may move, in its unit, besides what `fastest` allows; and between two readings in a row."""


class Registers:
    """Remembers where registers stood; `fastest` is how much an hour one may move and be believed at once."""

    def __init__(self, fastest: int) -> None:
        self._fastest = fastest
        self._stood: dict[str, tuple[int, Decimal]] = {}

    async def believe(
        self, name: str, now: int, value: Decimal, again: Callable[[], Awaitable[Decimal | None]]
    ) -> Decimal:
        """The value, from a second reading where the first does not go on; Reject("unsteady") if those two disagree."""
        stood = self._stood.get(name)
        if (
            stood is None
            or not 0 <= value - stood[1] <= _CLOSE + self._fastest * Decimal(max(now - stood[0], 0)) / HOUR
        ):
            second = await again()
            if second is None or not 0 <= second - value <= _AT_ONCE:
                raise Reject("unsteady", f"{name} read {value}, then {second}")
            value = second
        self._stood[name] = now, value
        return value
