"""Numbers and times as people read them; what is not known is a dash, never zero."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from api.pages import text
from schema.instant import DAY, HOUR, MINUTE, SECOND, to_datetime
from schema.text import Language

DASH = "—"


def figure(value: float | Decimal | None, digits: int | None = None) -> str:
    """A value with thousands set apart; three to four significant digits unless told."""
    if value is None or value != value:
        return DASH
    if digits is None:
        size = abs(value)
        digits = 0 if size >= 1000 or value == int(value) else 1 if size >= 10 else 2
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


def clock(moment: int | str, zone: ZoneInfo) -> str:
    """The time of day at the site, 09:30."""
    return _local(moment, zone).strftime("%H:%M")


def moment(instant: int | str, zone: ZoneInfo) -> str:
    """Date and time at the site, 2026-11-22 09:30."""
    return _local(instant, zone).strftime("%Y-%m-%d %H:%M")


def ago(instant: int | str, now: int, zone: ZoneInfo, language: Language) -> str:
    """How long ago, or the date where that says more."""
    local = _local(instant, zone)
    age = now - int(local.timestamp() * SECOND)
    if age >= DAY or age < -MINUTE:
        return local.strftime("%Y-%m-%d %H:%M")
    for unit, words in ((HOUR, text.HOURS_AGO), (MINUTE, text.MINUTES_AGO), (SECOND, text.SECONDS_AGO)):
        if age >= unit:
            return words.to(language).format(n=age // unit)
    return text.JUST_NOW.to(language)


def _local(instant: int | str, zone: ZoneInfo) -> datetime:
    known = datetime.fromisoformat(instant) if isinstance(instant, str) else to_datetime(instant)
    return known.astimezone(zone)
