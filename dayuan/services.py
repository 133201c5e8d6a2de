"""Ingest, analytics and notifications: coroutines that serve until cancelled; a process runs one of them or all."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from analytics.notify import Channel, Sender
from analytics.service import Analytics
from bus.client import Client, Link
from dayuan.parts import Parts
from dayuan.settings import Settings
from ingest import service as ingest_service
from ingest.pipeline import Pipeline
from ingest.validate import TimeLimits
from schema.batch import Batch
from schema.instant import DAY, MINUTE, now
from schema.retry import until_done

log = logging.getLogger(__name__)

Announce = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Tells listeners of a notice (kind, body)."""

NOTIFY_EVERY = 2.0
LULL = 1.0
"""Seconds without news after which analytics saves what it has learned."""
TICK = 10.0
"""Seconds between looks at what only the clock can tell: silent meters, targets, notifications to be tried again."""


class Wake:
    """Rouses a waiting service from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def __call__(self, _batch: Batch | None = None) -> None:
        """Rouse."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, patience: float) -> None:
        """Return when roused, or after `patience` s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._event.wait()
        self._event.clear()


def link(parts: Parts, client_id: str, *, session: bool) -> Link:
    """A connection to the broker; with `session` the broker keeps what comes while we are away."""
    return Link(
        url=parts.settings.broker_url,
        client_id=client_id,
        clean_start=not session,
        session_expiry=7 * 86_400 if session else 0,
    )


def pipeline(parts: Parts, *listeners: Callable[[Batch], None]) -> Pipeline:
    """The ingest pipeline; what it stored is told to every listener, in its thread."""
    settings = parts.settings

    def stored(batch: Batch) -> None:
        for tell in listeners:
            tell(batch)

    limits = TimeLimits(round(settings.ingest.ahead_minutes * MINUTE), round(settings.ingest.past_days * DAY))
    return Pipeline(
        parts.store,
        parts.registry,
        now,
        org=settings.org,
        timezone=settings.timezone,
        limits=limits,
        stored=stored,
    )


async def ingest(parts: Parts, line: Pipeline) -> None:
    """Readings from the broker to the store."""
    async with Client(link(parts, parts.settings.ingest.client, session=True), patience=None) as client:
        await ingest_service.run(client, line, parts.settings.org)


async def analytics(parts: Parts, wake: Wake, announce: Announce) -> None:
    """Books, findings and alarms from what is stored; roused by ingest, and by the clock every TICK."""
    service = await until_done(log, "analytics", Analytics, parts.store, parts.registry, now, channels(parts.settings))
    try:
        while True:
            news = await until_done(log, "analytics", service.step)
            for kind, body in news.notices:
                await announce(kind, body)
            if not news.more:
                await wake.wait(LULL if news.unsaved else TICK)
    finally:
        service.save()


async def notifications(parts: Parts) -> None:
    """Alarms to people's phones, and what failed again until it goes through."""
    sender = Sender(parts.registry, channels(parts.settings))
    while True:
        await until_done(log, "notification", sender.deliver, now())
        await asyncio.sleep(NOTIFY_EVERY)


def channels(settings: Settings) -> list[Channel]:
    """Whom alarms are told to."""
    return [Channel(f"channel-{at}", url.get_secret_value()) for at, url in enumerate(settings.alarms.channels, 1)]
