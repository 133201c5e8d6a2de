"""Series: the identity of what is measured, and the quality of a value."""

from enum import IntEnum
from typing import NamedTuple


class SeriesKey(NamedTuple):
    """One point of one device; `kind` is the measurement, `point` the field it is stored under."""

    site: str
    building: str
    kind: str
    device: str
    point: str

    def intervals(self) -> "SeriesKey":
        """The series of 15-minute consumption that the ledger derives from this register."""
        return self._replace(kind=f"{self.kind}{INTERVAL_SUFFIX}")


INTERVAL_SUFFIX = "_15min"


class Quality(IntEnum):
    """How a value came to be; ordered so that the worst of several is their maximum."""

    MEASURED = 0
    PARTIAL = 1
    ESTIMATED = 2
    EDITED = 3
