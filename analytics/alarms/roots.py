"""Root causes: which alarm explains another, so that one failure is one call.

A gateway that is away explains the silence of what it reads: that is suppressed by design. A sub-meter above its band
explains as much of its parent's excess as it costs; where sub-meters together explain most of it, the parent's is
suppressed. Of several alarms of one meter the most specific speaks for the others; where one of those still waits to be
seen, nobody is called a second time.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.registry.alarms import Alarm
from store.registry.places import Device

ACTIVE = ("unacknowledged", "acknowledged")
SILENT, BALANCE = "silent", "balance"
MOST = 0.5
"""Share of a parent's excess above which its sub-meter's alarm speaks for both."""
_SEEN_AT_NIGHT = ("night_flow", "base_load", "vacancy")
SPECIFIC: dict[str, tuple[str, ...]] = {
    "seasonal": (*_SEEN_AT_NIGHT, "stuck", "phases", "register"),
    "drift": (*_SEEN_AT_NIGHT, "stuck", "register", "seasonal"),
    "spike": (*_SEEN_AT_NIGHT, "stuck", "register", "seasonal"),
    "noise": (*_SEEN_AT_NIGHT, "stuck", "phases"),
    "balance": ("night_flow", "stuck"),
    "vacancy": ("base_load",),
}
"""Rules by which of the same device say better what is wrong, best first."""
BELOW: dict[str, tuple[str, ...]] = {BALANCE: ("stuck",), "night_flow": ("night_flow",)}
"""Rules by which a sub-meter explains its parent's alarm, whatever that costs."""
_DEPTH = 10


class Root(NamedTuple):
    """The alarm that explains another, and whether that makes telling of the other pointless."""

    alarm: int
    suppresses: bool


def root_of(session: Session, alarm: Alarm) -> Root | None:
    """What explains an alarm now; None where nothing does."""
    device = session.get(Device, (alarm.site, alarm.device))
    if device is None:
        return None
    if alarm.rule == SILENT:
        return _gateway(session, device)
    specific = _specific(session, alarm)
    if specific is not None:
        return specific
    return _below(session, alarm) if alarm.cost_kwh_per_hour > 0 else None


def explained_by(session: Session, alarm: Alarm) -> list[Alarm]:
    """The open alarms that a new one may explain."""
    device = session.get(Device, (alarm.site, alarm.device))
    if device is None:
        return []
    if alarm.rule == SILENT:
        behind = select(Device.id).where(Device.site == alarm.site, Device.agent == alarm.device)
        return [found for found in _active(session, alarm.site, SILENT) if found.device in set(session.scalars(behind))]
    above = {parent.id for parent in _parents(session, device)}
    query = select(Alarm).where(Alarm.site == alarm.site, Alarm.phase.in_(ACTIVE), Alarm.id != alarm.id)
    explained = []
    for found in session.scalars(query.where(Alarm.device.in_({*above, alarm.device}))):
        same = found.device == alarm.device and alarm.rule in SPECIFIC.get(found.rule, ())
        disagrees = found.device in above and alarm.rule in BELOW.get(found.rule, ())
        costs = found.device in above and found.cost_kwh_per_hour > 0 and alarm.cost_kwh_per_hour > 0
        if same or disagrees or costs:
            explained.append(found)
    return explained


def _gateway(session: Session, device: Device) -> Root | None:
    if device.agent is None or device.agent == device.id:
        return None
    away = [alarm for alarm in _active(session, device.site, SILENT) if alarm.device == device.agent]
    return Root(away[0].id, suppresses=True) if away else None


def _specific(session: Session, alarm: Alarm) -> Root | None:
    """The open alarm of the same device, or else of a sub-meter, that says better what is wrong."""
    better, causes = SPECIFIC.get(alarm.rule, ()), BELOW.get(alarm.rule, ())
    if not better and not causes:
        return None
    query = select(Alarm).where(Alarm.site == alarm.site, Alarm.phase.in_(ACTIVE)).order_by(Alarm.id)
    found = list(session.scalars(query.where(Alarm.device == alarm.device, Alarm.rule.in_(better))))
    if not found and causes:
        below = _descendants(session, alarm.site, alarm.device)
        found = list(session.scalars(query.where(Alarm.device.in_(below), Alarm.rule.in_(causes))))
    best = min(found, key=lambda other: (*better, *causes).index(other.rule), default=None)
    return None if best is None else Root(best.id, suppresses=True)


def _below(session: Session, alarm: Alarm) -> Root | None:
    """The costliest open alarm of a sub-meter whose excess is at the same time; all of them may explain it together."""
    children = _descendants(session, alarm.site, alarm.device)
    if not children:
        return None
    query = select(Alarm).where(Alarm.site == alarm.site, Alarm.device.in_(children), Alarm.phase.in_(ACTIVE))
    # What another alarm explains is in that one's cost, as are several alarms of one meter in the costliest.
    speaking = {found.device: found for found in sorted(session.scalars(query), key=_cost) if not found.suppressed}
    best = max(speaking.values(), key=_cost, default=None)
    if best is None or best.cost_kwh_per_hour <= 0:
        return None
    together = sum(found.cost_kwh_per_hour for found in speaking.values() if not _within(session, found, speaking))
    return Root(best.id, suppresses=together >= MOST * alarm.cost_kwh_per_hour)


def _within(session: Session, alarm: Alarm, speaking: Mapping[str, Alarm]) -> bool:
    """Whether a meter is below another that speaks, whose cost holds its own."""
    device = session.get(Device, (alarm.site, alarm.device))
    return device is not None and any(above.id in speaking for above in _parents(session, device))


def _cost(alarm: Alarm) -> tuple[float, int]:
    return alarm.cost_kwh_per_hour, -alarm.id


def _active(session: Session, site: str, rule: str) -> list[Alarm]:
    query = select(Alarm).where(Alarm.site == site, Alarm.rule == rule, Alarm.phase.in_(ACTIVE))
    return list(session.scalars(query.order_by(Alarm.id)))


def _parents(session: Session, device: Device) -> Iterator[Device]:
    for _ in range(_DEPTH):  # a birth may name a parent that names it back
        above = session.get(Device, (device.site, device.parent)) if device.parent else None
        if above is None:
            return
        yield above
        device = above


def _descendants(session: Session, site: str, device: str) -> set[str]:
    found: set[str] = set()
    level = {device}
    for _ in range(_DEPTH):
        level = set(session.scalars(select(Device.id).where(Device.site == site, Device.parent.in_(level)))) - found
        if not level:
            break
        found |= level
    return found - {device}
