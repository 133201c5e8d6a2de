"""Registers that go on from where they stood; one that does not is read again before it is believed.

An 8-bit sum lets a damaged frame through now and then; the same damage twice in a row it does not.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from schema.errors import Reject
from schema.instant import HOUR

_CLOSE = Decimal(1)
"""How far apart, in the register's unit, two readings in a row may be besides what `fastest` allows."""


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
        if stood is None or not self._follows(*stood, now, value):
            second = await again()
            if second is None or not self._follows(now, value, now, second):
                raise Reject("unsteady", f"{name} read {value}, then {second}")
            value = second
        self._stood[name] = now, value
        return value

    def _follows(self, then: int, stood: Decimal, now: int, value: Decimal) -> bool:
        return 0 <= value - stood <= _CLOSE + self._fastest * Decimal(max(now - then, 0)) / HOUR
