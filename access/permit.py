"""Permits: who may pass where and when; a credential is only known by its keyed hash (access.credential)."""

from datetime import datetime
from typing import Literal

import msgspec

Subject = Literal["staff", "visitor", "vehicle"]
Standing = Literal["active", "revoked", "blacklist"]

MINUTES_A_DAY = 24 * 60


class Hours(msgspec.Struct, frozen=True):
    """Minutes of the site's local day, begin <= minute < end, on some weekdays (0 = Monday)."""

    days: tuple[int, ...]
    begin: int = 0
    end: int = MINUTES_A_DAY

    def __post_init__(self) -> None:
        if not all(0 <= day <= 6 for day in self.days):
            raise ValueError(f"weekdays are 0 (Monday) to 6 (Sunday), not {list(self.days)}")
        if not 0 <= self.begin < self.end <= MINUTES_A_DAY:
            raise ValueError(f"hours begin before they end within one day, not {self.begin} to {self.end} minutes")

    def cover(self, local: datetime) -> bool:
        """Whether a local time lies within."""
        return local.weekday() in self.days and self.begin <= local.hour * 60 + local.minute < self.end


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """Lets the holder of a credential into `gates` and `zones` while valid_from <= now < valid_to (microseconds UTC).

    Nothing is allowed that is not listed; no `schedule` means all week, no `valid_to` or `max_uses` means no end.
    """

    id: str
    credential: str
    subject: Subject
    gates: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    valid_from: int
    valid_to: int | None = None
    schedule: tuple[Hours, ...] | None = None
    max_uses: int | None = None
    standing: Standing = "active"
