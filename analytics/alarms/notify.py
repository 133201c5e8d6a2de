"""Notifications: an outbox written with the alarm change it tells of; analytics.alarms.deliver empties it.

Texts are those of the alarm; who acknowledged what, and any comment, is never sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.orm import Session

from analytics.alarms.ack_link import AckLinks
from analytics.alarms.lifecycle import RANK, Change, Effect, Priority
from analytics.alarms.roots import SILENT
from analytics.alarms.roster import on_duty
from schema.instant import MINUTE, SECOND
from schema.text import Text
from store.registry.alarms import Alarm, Notification
from store.registry.places import Site
from store.registry.roster import Duty, duties

Language = Literal["both", "zh", "en"]

EFFECTS: dict[Effect, Text] = {
    "opened": Text("新告警", "New alarm"),
    "reopened": Text("告警再次出现", "Alarm is back"),
    "took_over": Text("新告警（更明确的原因）", "New alarm (says better what is wrong)"),
    "flapping": Text(
        "告警反复出现（抖动，平稳前不再通知）", "Alarm keeps coming and going (no more of it until it keeps still)"
    ),
    "escalated": Text("告警升级", "Alarm escalated"),
    "unanswered": Text("告警无人确认", "Nobody has acknowledged this alarm"),
    "unsuppressed": Text("告警仍在", "Alarm is still there"),
    "restored": Text("恢复监视，告警仍在", "Back in service, alarm is still there"),
    "unshelved": Text("搁置到期，告警仍在", "Off the shelf, alarm is still there"),
    "returned": Text("告警恢复（待确认）", "Back to normal (not acknowledged)"),
    "closed": Text("告警关闭", "Alarm closed"),
}
_STILL: tuple[Effect, ...] = ("unsuppressed", "restored", "unshelved")
_OVER: tuple[Effect, ...] = ("returned", "closed")

GROUP_WAIT = 30 * SECOND
"""How long a message waits for others of its kind, but for those of high priority."""
ROOT_WAIT = 2 * MINUTE
"""How long the silence of a device waits for that of its gateway, which would explain it."""
BUS = "bus:"
"""The address of the channel that is the broker itself: JSON for machines."""
BUS_NAME = "bus"


@dataclass(frozen=True, slots=True)
class Channel:
    """Where to send: any Apprise address (`json://host/path` is a plain webhook) or BUS, from a priority on.

    In `quiet` hours (minutes of the site's day, from and to) only what is of high priority goes out; the rest waits.
    """

    name: str
    url: str = field(repr=False)
    least: Priority = "medium"
    language: Language = "both"
    quiet: tuple[int, int] | None = None


class Told(msgspec.Struct, frozen=True):
    """What a machine hears of an alarm on the broker."""

    id: int
    effect: str
    phase: str
    priority: str
    rule: str
    site: str
    device: str
    point: str
    title: Text
    reason: Text
    action: Text
    begin: int
    end: int
    observed: float
    expected: float
    unit: str
    cost_kwh_per_hour: float
    root: int | None


class _Where(NamedTuple):
    """What is known of a site: the roster, and its clock."""

    roster: list[Duty]
    local: datetime


def enqueue(
    session: Session, changes: Iterable[Change], channels: Sequence[Channel], now: int, links: AckLinks | None = None
) -> int:
    """Put what people should hear of into the outbox, in the transaction of the changes; how many messages."""
    sites: dict[str, _Where] = {}
    count = 0
    for alarm, effect in changes:
        if not _worth_telling(alarm, effect, now):
            continue
        where = sites.get(alarm.site) or sites.setdefault(alarm.site, _where(session, alarm.site, now))
        hearing = [channel for channel in channels if channel.url == BUS]
        # Of what took over people were called for the alarm that it explains, and have not looked yet.
        people = [channel for channel in channels if channel.url != BUS and effect != "took_over"]
        hearing += _hearing(where, alarm, effect, people)
        for channel in hearing:
            session.add(_notification(alarm, effect, channel, where, now, links))
            count += 1
    return count


def _worth_telling(alarm: Alarm, effect: Effect, now: int) -> bool:
    if effect not in EFFECTS or alarm.quiet(now) or alarm.phase == "pending":
        return False
    if effect in _STILL:
        return alarm.phase == "unacknowledged"
    return not alarm.flapping or effect in ("flapping", "escalated", "unanswered")


def _hearing(where: _Where, alarm: Alarm, effect: Effect, channels: list[Channel]) -> list[Channel]:
    """The channels on duty for an alarm: of its tier, and of those below when it is over; all where nobody is."""
    tiers = range(1, alarm.tier + 1) if effect in _OVER else [alarm.tier]
    names = {name for tier in tiers for name in on_duty(where.roster, tier, where.local)}
    called = [channel for channel in channels if channel.name in names]
    return [channel for channel in called or channels if RANK[alarm.priority] >= RANK[channel.least]]


def _where(session: Session, site: str, now: int) -> _Where:
    place = session.get(Site, site)
    zone = ZoneInfo(place.timezone if place else "Asia/Shanghai")
    return _Where(duties(session, site), datetime.fromtimestamp(now / 1e6, zone))


def _notification(
    alarm: Alarm, effect: Effect, channel: Channel, where: _Where, now: int, links: AckLinks | None
) -> Notification:
    row = Notification(
        alarm=alarm.id,
        channel=channel.name,
        topic=f"{effect}/{alarm.site}/{alarm.building}/{alarm.rule}",
        priority=alarm.priority,
        state="pending",
        attempts=0,
        created=now,
    )
    if channel.url == BUS:
        row.title, row.body, row.next_try = _address(alarm), _facts(alarm, effect), now
        return row
    words = Text(f"{EFFECTS[effect].zh}：{alarm.title_zh}", f"{EFFECTS[effect].en}: {alarm.title_en}")
    link = links.url(alarm.id, channel.name, now) if links and alarm.phase == "unacknowledged" else None
    row.title = _in(channel.language, words, " · ")
    row.body = _body(alarm, channel.language, link)
    row.next_try = _first_try(alarm, effect, channel, where, now)
    return row


def _first_try(alarm: Alarm, effect: Effect, channel: Channel, where: _Where, now: int) -> int:
    if alarm.priority == "high":
        return now
    wait = ROOT_WAIT if effect == "opened" and alarm.rule == SILENT else GROUP_WAIT
    if channel.quiet is None:
        return now + wait
    start, end = channel.quiet
    local = where.local
    since = (local.hour * 60 + local.minute - start) % 1440
    length = (end - start) % 1440
    if since >= length:
        return now + wait
    left = timedelta(minutes=length - since) - timedelta(seconds=local.second, microseconds=local.microsecond)
    return now + round(left.total_seconds()) * SECOND


def _in(language: Language, words: Text, between: str) -> str:
    if language == "both":
        return between.join(filter(None, words))
    return words.zh if language == "zh" else words.en


def _body(alarm: Alarm, language: Language, link: str | None) -> str:
    lines = [_in(language, alarm.reason, "\n")]
    if alarm.phase == "unacknowledged" and alarm.action_zh:
        lines.append(_in(language, Text(f"建议：{alarm.action_zh}", f"To do: {alarm.action_en}"), "\n"))
    if alarm.cost_kwh_per_hour > 0:
        cost = _cost(alarm)
        lines.append(_in(language, Text(f"损失：{cost}", f"Cost: {cost}"), " / "))
    if link:
        lines.append(_in(language, Text(f"确认：{link}", f"Acknowledge: {link}"), "\n") if language != "both" else link)
    return "\n".join(lines)


def _cost(alarm: Alarm) -> str:
    parts = [f"{alarm.cost_kwh_per_hour:.3g} kWh/h"]
    if alarm.cost_yuan_per_hour is not None:
        parts.append(f"{alarm.cost_yuan_per_hour:.3g} yuan/h")
    if alarm.cost_kgco2_per_hour is not None:
        parts.append(f"{alarm.cost_kgco2_per_hour:.3g} kgCO2/h")
    return ", ".join(parts)


def _address(alarm: Alarm) -> str:
    return f"{alarm.site}/{alarm.building}/{alarm.kind}/{alarm.device}"


def _facts(alarm: Alarm, effect: Effect) -> str:
    facts: dict[str, Any] = {name: getattr(alarm, name) for name in Told.__struct_fields__ if name != "effect"}
    return msgspec.json.encode(Told(effect=effect, **facts)).decode()
