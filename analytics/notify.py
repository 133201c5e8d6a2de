"""Notifications: an outbox written with the alarm change, and its sender, at least once to every channel.

Texts are those of the alarm, in Chinese and English; who acknowledged what, and any comment, is never sent.
"""

import logging
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import apprise
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics.alarms import RANK, Change, Priority
from schema.errors import Stop
from schema.instant import DAY, HOUR, MINUTE, SECOND
from store.registry.alarms import Alarm, Notification
from store.registry.base import Registry

log = logging.getLogger(__name__)

PER_MINUTE = 20
"""Messages a channel takes in a minute; group robots block those who send more."""
FIRST_WAIT = 30 * SECOND
LONGEST_WAIT = HOUR
GIVE_UP = DAY
_DIGEST_LINES = 20

_EFFECTS = {
    "opened": ("新告警", "New alarm"),
    "reopened": ("告警再次出现", "Alarm is back"),
    "escalated": ("告警升级", "Alarm escalated"),
    "returned": ("告警恢复（待确认）", "Back to normal (not acknowledged)"),
    "closed": ("告警关闭", "Alarm closed"),
}
_KINDS = {"low": apprise.NotifyType.INFO, "medium": apprise.NotifyType.WARNING, "high": apprise.NotifyType.FAILURE}


@dataclass(frozen=True, slots=True)
class Channel:
    """Where to send: any Apprise address (`json://host/path` is a plain webhook), from a priority on."""

    name: str
    url: str = field(repr=False)
    least: Priority = "medium"


class Delivered(NamedTuple):
    """How many notifications went out, wait for another try, and were given up."""

    sent: int
    waiting: int
    failed: int


def enqueue(session: Session, changes: Iterable[Change], channels: Sequence[Channel], now: int) -> int:
    """Put what people should hear of into the outbox, in the transaction of the changes; how many messages."""
    count = 0
    for alarm, effect in changes:
        words = _EFFECTS.get(effect)
        if words is None or alarm.shelved(now):
            continue
        for channel in channels:
            if RANK[alarm.priority] < RANK[channel.least]:
                continue
            session.add(
                Notification(
                    alarm=alarm.id,
                    channel=channel.name,
                    priority=alarm.priority,
                    title=f"{words[0]} {words[1]} · {alarm.title_zh} / {alarm.title_en}",
                    body=_body(alarm),
                    state="pending",
                    attempts=0,
                    created=now,
                    next_try=now,
                )
            )
            count += 1
    return count


def _body(alarm: Alarm) -> str:
    lines = [alarm.reason_zh, alarm.reason_en]
    if alarm.phase == "unacknowledged" and alarm.action_zh:
        lines += [f"建议：{alarm.action_zh}", f"To do: {alarm.action_en}"]
    if alarm.cost_kwh_per_hour > 0:
        lines.append(f"损失 / cost: {alarm.cost_kwh_per_hour:.3g} kWh/h")
    return "\n".join(lines)


class _Message(NamedTuple):
    """One message on a channel: the outbox rows it carries."""

    rows: tuple[int, ...]
    title: str
    body: str
    priority: str


class Sender:
    """Empties the outbox to its channels; `deliver` blocks on the network, so async callers use a thread."""

    def __init__(self, registry: Registry, channels: Sequence[Channel]) -> None:
        self._registry = registry
        self._routes = {channel.name: _route(channel) for channel in channels}
        self._down: set[str] = set()

    def deliver(self, now: int) -> Delivered:
        """Send what is due, at most PER_MINUTE messages a channel and minute: beyond that the rest as one digest.

        A message that fails is tried again after a growing wait, also after a restart, and given up a day old.
        """
        sent = waiting = failed = 0
        for name, route in self._routes.items():
            for message in self._due(name, now):
                if route.notify(title=message.title, body=message.body, notify_type=_KINDS[message.priority]):
                    sent += self._record(message, now, delivered=True)[0]
                    self._recovered(name)
                    continue
                given_up, later = self._record(message, now, delivered=False)[1:]
                failed, waiting = failed + given_up, waiting + later
                self._failed(name)
                break
        return Delivered(sent, waiting, failed)

    def _due(self, channel: str, now: int) -> list[_Message]:
        """The messages this channel may be sent now, most urgent first."""
        with self._registry.reading() as session:
            spent = session.scalar(
                select(func.count(func.distinct(Notification.message))).where(
                    Notification.channel == channel, Notification.tried > now - MINUTE
                )
            )
            rows = list(
                session.scalars(
                    select(Notification)
                    .where(Notification.state == "pending", Notification.channel == channel)
                    .where(Notification.next_try <= now)
                )
            )
        rows.sort(key=lambda row: (-RANK[row.priority], row.id))
        left = PER_MINUTE - (spent or 0)
        if left <= 0:
            return []
        alone = rows if len(rows) <= left else rows[: left - 1]
        messages = [_Message((row.id,), row.title, row.body, row.priority) for row in alone]
        rest = rows[len(alone) :]
        if rest:
            messages.append(_digest(rest))
        return messages

    def _record(self, message: _Message, now: int, *, delivered: bool) -> tuple[int, int, int]:
        """Write down an attempt: how many notifications are sent, given up, waiting."""
        sent = failed = waiting = 0
        with self._registry.writing() as session:
            for row in session.scalars(select(Notification).where(Notification.id.in_(message.rows))):
                row.attempts += 1
                row.tried, row.message = now, message.rows[0]
                if delivered:
                    row.state, sent = "sent", sent + 1
                elif now - row.created >= GIVE_UP:
                    row.state, failed = "failed", failed + 1
                else:
                    row.next_try = now + min(FIRST_WAIT * 2 ** min(row.attempts - 1, 10), LONGEST_WAIT)
                    waiting += 1
        return sent, failed, waiting

    def _failed(self, channel: str) -> None:
        if channel not in self._down:
            self._down.add(channel)
            log.warning("notification channel %s cannot be reached; its messages wait", channel)

    def _recovered(self, channel: str) -> None:
        if channel in self._down:
            self._down.discard(channel)
            log.info("notification channel %s is reached again", channel)


def _digest(rows: Sequence[Notification]) -> _Message:
    lines = [row.title for row in rows[:_DIGEST_LINES]]
    if len(rows) > _DIGEST_LINES:
        lines.append(f"…另有{len(rows) - _DIGEST_LINES}条 / and {len(rows) - _DIGEST_LINES} more")
    title = f"{len(rows)}条告警消息 / {len(rows)} alarm messages"
    return _Message(tuple(row.id for row in rows), title, "\n".join(lines), rows[0].priority)


def _route(channel: Channel) -> apprise.Apprise:
    route = apprise.Apprise()
    with warnings.catch_warnings():
        # Apprise imports every plugin on first use, one of them a standard module that Python 3.13 drops.
        warnings.simplefilter("ignore", DeprecationWarning)
        known = route.add(channel.url)
    if not known:
        raise Stop(f"notification channel {channel.name!r}: its address is not one Apprise knows; correct the setting")
    return route
