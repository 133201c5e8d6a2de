"""Who is told of an alarm, and who next when nobody acknowledges it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from schema.instant import HOUR, MINUTE
from store.registry.roster import Duty

ESCALATION: dict[str, tuple[int, ...]] = {"high": (15 * MINUTE, 30 * MINUTE), "medium": (2 * HOUR,), "low": ()}
"""After how long without acknowledgement an alarm of a priority goes to the next tier (us since it was raised)."""
_DAY = 1440


def tier_due(priority: str, raised: int, now: int) -> int:
    """The tier that an alarm nobody acknowledged has come to by now."""
    return 1 + sum(now - raised >= delay for delay in ESCALATION[priority])


def on_duty(roster: Sequence[Duty], tier: int, local: datetime) -> list[str]:
    """The channels on duty at a tier at a moment of the site's clock, each once."""
    minute = local.hour * 60 + local.minute
    yesterday = (local - timedelta(days=1)).weekday()
    found = [duty.channel for duty in roster if duty.tier == tier and _covers(duty, local.weekday(), yesterday, minute)]
    return list(dict.fromkeys(found))


def _covers(duty: Duty, today: int, yesterday: int, minute: int) -> bool:
    end = duty.end if duty.end > duty.start else duty.end + _DAY
    begun_today = duty.days[today] == "1" and duty.start <= minute < end
    return begun_today or (duty.days[yesterday] == "1" and duty.start <= minute + _DAY < end)
