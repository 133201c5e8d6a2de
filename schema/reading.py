"""A single reading, as a driver takes it from a device; past the decoder readings travel in a schema.batch.Batch."""

from typing import NamedTuple


class Reading(NamedTuple):
    """A value of a device's point at an instant (microseconds UTC), in `unit` (schema.quantity)."""

    device: str
    point: str
    time: int
    value: float
    unit: str
