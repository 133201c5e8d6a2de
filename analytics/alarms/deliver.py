"""Delivery: empties the outbox of notifications, at least once to every channel, also after a restart."""

import logging
import re
import warnings
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import apprise
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics.alarms.ack_link import PATH
from analytics.alarms.lifecycle import RANK
from analytics.alarms.notify import BUS, Channel
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
LINES = 20

_KINDS = {"low": apprise.NotifyType.INFO, "medium": apprise.NotifyType.WARNING, "high": apprise.NotifyType.FAILURE}


class Delivered(NamedTuple):
    """How many notifications went out, wait for another try, and were given up."""

    sent: int
    waiting: int
    failed: int


Publish = Callable[[str, bytes], bool]
"""Tells the broker of an alarm of site/building/kind/device; blocks until it has it, False when it cannot."""


class _Message(NamedTuple):
    """One message on a channel: the outbox rows it carries."""

    rows: tuple[int, ...]
    title: str
    body: str
    priority: str


class Sender:
    """Empties the outbox to its channels; `deliver` blocks on the network, so async callers use a thread."""

    def __init__(self, registry: Registry, channels: Sequence[Channel], publish: Publish | None = None) -> None:
        self._registry = registry
        self._routes = {channel.name: _route(channel) for channel in channels if channel.url != BUS}
        self._bus = [channel.name for channel in channels if channel.url == BUS]
        self._publish = publish
        self._down: set[str] = set()

    def deliver(self, now: int) -> Delivered:
        """Send what is due; a message that fails is tried again after a growing wait, and given up a day old.

        Alarms of one kind in one building go out as one message, at most PER_MINUTE messages a channel and minute:
        beyond that the rest as one digest.
        """
        counts = Delivered(0, 0, 0)
        for name, route in self._routes.items():
            for message in self._due(name, now):
                kind = _KINDS[message.priority]
                sent = bool(route.notify(title=message.title, body=message.body, notify_type=kind))
                counts = _added(counts, self._record(name, message, now, sent=sent))
                if not sent:
                    break
        if self._publish is not None:
            for name in self._bus:
                for row in self._waiting(name, now):
                    sent = self._publish(row.title, row.body.encode())
                    one = _Message((row.id,), row.title, row.body, row.priority)
                    counts = _added(counts, self._record(name, one, now, sent=sent))
                    if not sent:
                        break
        return counts

    def _due(self, channel: str, now: int) -> list[_Message]:
        """The messages this channel may be sent now, most urgent first."""
        with self._registry.reading() as session:
            spent = session.scalar(
                select(func.count(func.distinct(Notification.message))).where(
                    Notification.channel == channel, Notification.tried > now - MINUTE
                )
            )
        messages = _grouped(self._waiting(channel, now))
        left = PER_MINUTE - (spent or 0)
        if left <= 0 or len(messages) <= left:
            return messages[: max(left, 0)]
        rest = messages[left - 1 :]
        return [*messages[: left - 1], _digest(rest)]

    def _waiting(self, channel: str, now: int) -> list[Notification]:
        """The rows that are due; those whose alarm somebody has silenced meanwhile are withdrawn."""
        with self._registry.reading() as session:
            rows = _pending(session, channel, now)
            silenced = {row.id for row, alarm in rows if alarm.quiet(now)}
        if silenced:
            with self._registry.writing() as session:
                for row in session.scalars(select(Notification).where(Notification.id.in_(silenced))):
                    row.state = "withdrawn"
        return [row for row, _ in rows if row.id not in silenced]

    def _record(self, channel: str, message: _Message, now: int, *, sent: bool) -> Delivered:
        """Write down an attempt."""
        gone = waiting = failed = 0
        with self._registry.writing() as session:
            for row in session.scalars(select(Notification).where(Notification.id.in_(message.rows))):
                row.attempts += 1
                row.tried, row.message = now, message.rows[0]
                if sent:
                    row.state, gone = "sent", gone + 1
                elif now - row.created >= GIVE_UP:
                    row.state, failed = "failed", failed + 1
                else:
                    row.next_try = now + min(FIRST_WAIT * 2 ** min(row.attempts - 1, 10), LONGEST_WAIT)
                    waiting += 1
        if not sent and channel not in self._down:
            self._down.add(channel)
            log.warning("notification channel %s cannot be reached; its messages wait", channel)
        elif sent and channel in self._down:
            self._down.discard(channel)
            log.info("notification channel %s is reached again", channel)
        return Delivered(gone, waiting, failed)


def _pending(session: Session, channel: str, now: int) -> list[tuple[Notification, Alarm]]:
    query = (
        select(Notification, Alarm)
        .join(Alarm, Alarm.id == Notification.alarm)
        .where(Notification.state == "pending", Notification.channel == channel, Notification.next_try <= now)
        .order_by(Notification.id)
    )
    return [(row, alarm) for row, alarm in session.execute(query)]


def _grouped(rows: Sequence[Notification]) -> list[_Message]:
    """One message for each topic, most urgent and then oldest first."""
    by_topic = sorted(rows, key=lambda row: (row.topic, row.id))
    messages = [_together(list(group)) for _, group in groupby(by_topic, key=lambda row: row.topic)]
    return sorted(messages, key=lambda message: (-RANK[message.priority], message.rows))


def _together(rows: Sequence[Notification]) -> _Message:
    if len(rows) == 1:
        return _Message((rows[0].id,), rows[0].title, rows[0].body, rows[0].priority)
    priority = max((row.priority for row in rows), key=RANK.__getitem__)
    title = f"{rows[0].title} (+{len(rows) - 1})"
    lines = [" ".join([row.title, *_links(row.body)]) for row in rows]
    return _Message(tuple(row.id for row in rows), title, _listed(lines), priority)


def _digest(messages: Sequence[_Message]) -> _Message:
    rows = tuple(row for message in messages for row in message.rows)
    title = f"{len(rows)}条告警消息 / {len(rows)} alarm messages"
    lines = [_listed([message.title for message in messages])]
    # One link to the list instead of one an alarm: a digest is long enough, and group robots cut long messages off.
    base = next((link.partition(PATH)[0] for message in messages for link in _links(message.body)), None)
    lines += [f"{base}/alarms"] if base else []
    return _Message(rows, title, "\n".join(lines), messages[0].priority)


def _links(body: str) -> list[str]:
    """The links that acknowledge, in a body."""
    return [link for link in re.findall(r"https?://\S+", body) if PATH in link]


def _listed(parts: Sequence[str]) -> str:
    left = len(parts) - LINES
    return "\n".join([*parts[:LINES], *([f"…另有{left}条 / and {left} more"] if left > 0 else [])])


def _added(one: Delivered, other: Delivered) -> Delivered:
    return Delivered(one.sent + other.sent, one.waiting + other.waiting, one.failed + other.failed)


def _route(channel: Channel) -> apprise.Apprise:
    route = apprise.Apprise()
    with warnings.catch_warnings():
        # Apprise imports every plugin on first use, one of them a standard module that Python 3.13 drops.
        warnings.simplefilter("ignore", DeprecationWarning)
        known = route.add(channel.url)
    if not known:
        raise Stop(f"notification channel {channel.name!r}: its address is not one Apprise knows; correct the setting")
    return route
