"""Validation at the door: values into canonical units, and a reason for each that cannot be true."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.catalog import Limits
from schema.instant import DAY, MINUTE

REASONS = ("", "not_finite", "implausible", "time_ahead", "time_past")


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How far a time stamp may be ahead of now, and how long ago it may be for a device that is not a replay."""

    ahead: int = 10 * MINUTE
    past: int = 92 * DAY


def judge(
    slot: NDArray[np.int64],
    time: NDArray[np.int64],
    value: NDArray[np.float64],
    rules: Limits,
    times: TimeLimits,
    now: int,
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Values in canonical units, and for each reading the index into REASONS (0: good)."""
    with np.errstate(over="ignore", invalid="ignore"):
        converted = value * rules.factor[slot] + rules.offset[slot]
        reason = np.zeros(len(slot), np.uint8)
        reason[(time < now - times.past) & ~rules.replay[slot]] = REASONS.index("time_past")
        reason[time > now + times.ahead] = REASONS.index("time_ahead")
        reason[(converted < rules.low[slot]) | (converted > rules.high[slot])] = REASONS.index("implausible")
        reason[~np.isfinite(converted)] = REASONS.index("not_finite")
    return converted, reason
