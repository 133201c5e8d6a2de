"""Numbers and times as people read them; what is not known is a dash, never zero."""

import math
from decimal import Decimal
from zoneinfo import ZoneInfo

from schema.instant import to_datetime

DASH = "—"


def figure(value: float | Decimal | None, digits: int | None = None) -> str:
    """A value with thousands set apart; three to four significant digits unless told."""
    if value is None or math.isnan(value):
        return DASH
    if digits is None:
        size = abs(float(value))
        digits = 0 if size >= 1000 or size.is_integer() else 1 if size >= 10 else 2
        if 0 < size < 0.1:
            digits = min(1 - math.floor(math.log10(size)), 6)  # two that signify: it is not nothing
    shown = f"{value:,.{digits}f}"
    return shown.replace("-", "−")


def percent(share: float | Decimal | None, digits: int = 0) -> str:
    """A ratio in percent."""
    return DASH if share is None else f"{figure(float(share) * 100, digits)}%"


def change(now: float | None, before: float | None) -> str | None:
    """How much more or less than before, signed; None where either is unknown."""
    if now is None or before is None or before <= 0:
        return None
    shift = now / before - 1
    return f"{'+' if shift >= 0 else '−'}{abs(shift) * 100:.0f}%"


def when(iso: str, now: str) -> str:
    """A time of the site as short as it can be said: 09:30 today, else 2026-11-22 09:30; both ISO with offset."""
    return iso[11:16] if iso[:10] == now[:10] else f"{iso[:10]} {iso[11:16]}"


def moment(instant: int, zone: ZoneInfo) -> str:
    """Date and time at the site, 2026-11-22 09:30."""
    return to_datetime(instant).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def short(instant: int, zone: ZoneInfo) -> str:
    """Date and time at the site without the year, 11-22 09:30."""
    return to_datetime(instant).astimezone(zone).strftime("%m-%d %H:%M")


def second(instant: int, zone: ZoneInfo) -> str:
    """Time of day at the site, 09:30:15."""
    return to_datetime(instant).astimezone(zone).strftime("%H:%M:%S")
