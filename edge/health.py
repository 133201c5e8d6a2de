"""Device health: what a device's failures come to, told when they last and when they are over."""

import logging
from collections.abc import Callable, Mapping

from bus.messages import Trouble
from schema.errors import Reject, RetryLater

log = logging.getLogger(__name__)

LASTING = 2
"""Turns in a row that say so before anything is told: a lost frame is nobody's business."""

_LONGEST_DETAIL = 200
_REASONS = {
    "refused": "refused",
    "modbus_refused": "refused",
    "unauthorised": "unauthorised",
    "unsteady": "unsteady",
    "implausible": "implausible",
    "clock": "clock",
}
_NO_FAULT = frozenset({"refused", "modbus_refused", "not_fitted"})
"""Why a point alone can be missing for good: the meter was never made for it."""


class Disturbed(RetryLater):
    """Something came back, and it was no answer of this device: noise, or another one's."""


class Unset(RetryLater):
    """The agent's own clock was never set, as on a box without a battery and a network."""


class Health:
    """The health of one device: every failure counted, the first of several logged, those that last told.

    `tell` hears of the trouble, None when it is over; what it raises is tried again a turn later.
    """

    def __init__(self, device: str, tell: Callable[[Trouble | None], None] | None = None) -> None:
        self._device = device
        self._tell = tell
        self._failing, self._read = False, 0
        self._streak: tuple[str | None, int] = (None, 0)
        self.told: str | None = None
        self.failures = 0

    def failed(self, error: Exception) -> None:
        """A turn brought nothing."""
        if not self._failing:
            log.warning("%s: cannot be read: %s: %s", self._device, type(error).__name__, error)
        self._failing, self._read = True, 0
        self._note(error)

    def well(self, doubts: Mapping[str, Exception] | None = None) -> None:
        """A turn brought readings, all but those in doubt."""
        self._read += 1
        if self._failing and self._read >= LASTING:
            log.info("%s: can be read again", self._device)
            self._failing = False
        for error in (doubts or {}).values():
            if not isinstance(error, Reject) or error.reason not in _NO_FAULT:
                self._note(error)
                return
        self._note(None)

    def _note(self, error: Exception | None) -> None:
        self.failures += error is not None
        reason = None if error is None else reason_of(error)
        before, count = self._streak
        # A line full of noise fails for another reason every turn, and is in trouble all the same.
        again = before == reason or (None not in (before, reason) and self.told is None)
        self._streak = (reason, count + 1 if again else 1)
        if reason == self.told or self._streak[1] < LASTING or self._tell is None:
            return
        try:
            self._tell(None if reason is None else Trouble(reason, _detail(error)))
            self.told = reason
        except RetryLater:
            return  # the disk is full, which the readings have said already


def reason_of(error: Exception) -> str:
    """The code of a failure, one of schema.trouble's."""
    if isinstance(error, Disturbed):
        return "strange"
    if isinstance(error, Unset):
        return "own_clock"
    if isinstance(error, RetryLater | OSError):
        return "silent"
    return _REASONS.get(error.reason, "not_understood") if isinstance(error, Reject) else "not_understood"


def _detail(error: Exception | None) -> str:
    said = str(error) or type(error).__name__
    return "".join(letter if letter.isprintable() else " " for letter in said)[:_LONGEST_DETAIL]
