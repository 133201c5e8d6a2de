"""Ingest, analytics and notifications: coroutines that serve until cancelled; a process runs one of them or all."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from analytics.alarms.ack_link import AckLinks
from analytics.alarms.deliver import Sender
from analytics.service import Analytics
from bus.client import Client, Link, Will
from bus.topics import Topic
from dayuan.channels import channels
from dayuan.dialects import dialects
from dayuan.parts import Parts
from ingest import service as ingest_service
from ingest.pipeline import Pipeline
from ingest.share import Part, shares
from ingest.validate import TimeLimits
from schema.batch import Batch
from schema.errors import Reject, RetryLater, Stop
from schema.instant import DAY, EARLIEST, MINUTE, Clock, now, to_datetime
from schema.retry import until_done

log = logging.getLogger(__name__)

Announce = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Tells listeners of a notice (kind, body)."""

NOTIFY_EVERY = 2.0
GOODBYE = 2.0
"""Seconds the broker is given to take our last word."""
PUBLISH_PATIENCE = 10.0
"""Seconds the broker is given to take an alarm."""
ALARM_EXPIRY = 86_400
"""Seconds after which an alarm that nobody fetched from the broker is no news."""
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
        # What foreign topics say depends on what came before: all of them go to one process.
        dialects=dialects(parts) if Part.parse(settings.ingest.part).number == 1 else None,
    )


def check_clock(clock: Clock) -> None:
    """RetryLater while the clock of this machine was never set: by it every reading would be one of the future."""
    if clock() < EARLIEST:
        raise RetryLater(f"the clock of this machine says {to_datetime(clock()):%Y-%m-%d %H:%M}: set it")


async def ingest(parts: Parts, line: Pipeline) -> None:
    """Readings from the broker to the store; until the clock is set they stay with the broker."""
    await until_done(log, "ingest", check_clock, now)
    presence = line.dialects.presence
    will = Will(presence.state_topic, presence.state(online=False)) if presence else None
    part = Part.parse(parts.settings.ingest.part)
    if not part.is_whole:
        part = part._replace(shared=await shares(link(parts, f"dayuan-probe-{secrets.token_hex(4)}", session=False)))
        log.info("ingest is part %d of %d, %s", part.number, part.of, "shared" if part.shared else "by building")
    session = link(parts, part.client(parts.settings.ingest.client), session=True)
    async with Client(session, will, patience=None) as client:
        try:
            await ingest_service.run(client, line, parts.settings.org, part)
        finally:
            # Who says goodbye leaves no last will.
            if will is not None:
                with contextlib.suppress(TimeoutError, RetryLater, Reject, Stop):
                    async with asyncio.timeout(GOODBYE):
                        await client.publish(will.topic, will.payload, retain=True)


async def analytics(parts: Parts, wake: Wake, announce: Announce) -> None:
    """Books, findings and alarms from what is stored; roused by ingest, and by the clock every TICK."""
    service = await until_done(
        log, "analytics", Analytics, parts.store, parts.registry, now, channels(parts.settings), ack_links(parts)
    )
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
    """Alarms to people's phones and to the broker, and what failed again until it goes through."""
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        publish = None
        if parts.settings.alarms.bus:
            line = link(parts, f"dayuan-alarms-{secrets.token_hex(4)}", session=False)
            client = await stack.enter_async_context(Client(line, patience=None))

            def publish(address: str, payload: bytes) -> bool:
                return asyncio.run_coroutine_threadsafe(
                    _publish(client, parts.settings.org, address, payload), loop
                ).result()

        sender = Sender(parts.registry, channels(parts.settings), publish)
        while True:
            await until_done(log, "notification", sender.deliver, now())
            await asyncio.sleep(NOTIFY_EVERY)


async def _publish(client: Client, org: str, address: str, payload: bytes) -> bool:
    site, building, kind, device = address.split("/")
    topic = Topic(org, site, building, kind, device, "alarms")
    try:
        async with asyncio.timeout(PUBLISH_PATIENCE):
            await client.publish(topic.path(), payload, expiry=ALARM_EXPIRY)
    except (RetryLater, Reject, TimeoutError):
        return False
    return True


def ack_links(parts: Parts) -> AckLinks | None:
    """The links that acknowledge from a phone; None where nobody said how phones reach the platform."""
    public = parts.settings.web.public
    return AckLinks(parts.secret, public) if public else None
