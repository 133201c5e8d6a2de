"""Points that a device does not bring though they are wanted: said when it begins and when it ends."""

import logging

log = logging.getLogger(__name__)


class LeftOut:
    """The points that a device leaves out; `why` of each."""

    def __init__(self, device: str) -> None:
        self._device = device
        self.why: dict[str, Exception] = {}

    def add(self, point: str, why: Exception) -> None:
        """The point could not be read."""
        if point not in self.why:
            log.warning("%s: %s is left out: %s", self._device, point, why)
        self.why[point] = why

    def remove(self, point: str) -> None:
        """The point was read."""
        if self.why.pop(point, None):
            log.info("%s: %s is read again", self._device, point)
