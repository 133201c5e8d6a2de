"""Events: things that happened once, each with an idempotency key of its device (`device` + `id`).

No event carries a name, a card number or a plate: `credential` is a keyed hash made at the edge.
"""

from typing import Literal

import msgspec


class Pass(msgspec.Struct, frozen=True, kw_only=True, tag="pass", tag_field="type", omit_defaults=True):
    """A person or vehicle at a gate: the decision, and whether the passage followed."""

    id: str
    time: int
    direction: Literal["in", "out"]
    granted: bool
    passed: bool
    reason: str
    decided_by: Literal["platform", "controller", "operator", "fire"]
    subject: Literal["staff", "visitor", "vehicle", "unknown"] = "unknown"
    credential: str = ""


class Meal(msgspec.Struct, frozen=True, kw_only=True, tag="meal", tag_field="type", omit_defaults=True):
    """A meal served at a canteen terminal."""

    id: str
    time: int
    window: Literal["breakfast", "lunch", "dinner"]
    price: str
    diner: str = ""


class PlateWaste(msgspec.Struct, frozen=True, kw_only=True, tag="plate", tag_field="type", omit_defaults=True):
    """A plate given back: what was left on it, in grams, tare already taken off."""

    id: str
    time: int
    window: Literal["breakfast", "lunch", "dinner"]
    left_g: float
    diner: str = ""


Event = Pass | Meal | PlateWaste
