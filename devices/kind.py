"""What a device kind declares: its points, from which simulation, validation, storage and pages follow."""

from dataclasses import dataclass
from typing import Literal

from schema.quantity import CANONICAL
from schema.text import Text

Carrier = Literal["electricity", "water", "gas", "heat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One quantity of a device, in the canonical unit of its quantity, as a gauge or a cumulative counter.

    `low` and `high` bound what is plausible; a counter's `width` is the value its register rolls over at.
    """

    name: str
    quantity: str
    title: Text
    kind: Literal["gauge", "counter"] = "gauge"
    low: float
    high: float
    width: float | None = None

    @property
    def unit(self) -> str:
        """The unit every stored value of this point is in."""
        return CANONICAL[self.quantity]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKind:
    """A kind of device: its name (the topic segment and the measurement), its points, its expected interval in s.

    `carrier` and `consumption` say which energy carrier or water it books, and from which counter.
    """

    name: str
    short: str
    title: Text
    points: tuple[Point, ...]
    interval: float
    carrier: Carrier | None = None
    consumption: str | None = None
    demand: str | None = None

    def point(self, name: str) -> Point | None:
        """The point of that name, or None."""
        return next((point for point in self.points if point.name == name), None)
