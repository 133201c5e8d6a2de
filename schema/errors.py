"""Errors, classed by what the caller must do.

DayuanError
├── Reject        this input will never be accepted: park it, count it, go on
├── RetryLater    nothing was lost: try the same again after `after` seconds
└── Stop          a person has to act: end with the message, which says what to do
"""


class DayuanError(Exception):
    """Root of every error this project raises on purpose."""


class Reject(DayuanError):
    """The input is wrong for good; `reason` is a stable code, the message says what was wrong."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class RetryLater(DayuanError):
    """A dependency is not ready; the same call may succeed after `after` seconds."""

    def __init__(self, message: str, after: float = 1.0) -> None:
        super().__init__(message)
        self.after = after


class Stop(DayuanError):
    """Going on makes no sense before a person has acted; the message says how."""
