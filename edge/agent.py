"""The agent: keeps what devices say in the outbox and sends it until the platform itself has acknowledged it.

record -> outbox (disk) -> sender -> broker -> platform -> ack topic -> the outbox forgets
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from itertools import groupby
from types import TracebackType
from typing import Any, NamedTuple, Self

from bus.client import Client, Link, Will
from bus.messages import Birth, Death, Events, encode_events, encode_state
from bus.senml import encode
from bus.topics import Topic
from edge.driver import Driver, poll
from edge.outbox import Limits, Message, Outbox
from edge.sender import Sender
from edge.settings import AgentSettings, Device
from schema.errors import DayuanError, Reject, RetryLater, Stop
from schema.event import Event
from schema.instant import DAY, Clock
from schema.reading import Reading
from schema.text import Text

log = logging.getLogger(__name__)

PACK = 100
"""Readings, or events, of one device in one message."""

_REFUSED = 60.0
_FAREWELL = 1.0


class Progress(NamedTuple):
    """Messages sent (again counts again) and acknowledged since the start, waiting on disk, ever dropped."""

    sent: int
    acknowledged: int
    pending: int
    dropped: int


class Agent:
    """`async with Agent(settings, clock, entropy) as agent:` records at once, with or without a broker.

    `entropy(n)` gives n random bytes (os.urandom); Stop when the outbox cannot be opened.
    """

    def __init__(self, settings: AgentSettings, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._settings = settings
        self._clock = clock
        limits = Limits(settings.outbox_size, round(settings.outbox_days * DAY))
        self._outbox = Outbox(settings.outbox, settings.id, clock, entropy, limits)
        trusting = settings.acknowledge == "broker"
        self._sender = Sender(self._outbox, settings.window, settings.patience, trusting=trusting)
        self._devices: dict[str, Device] = {}
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self.start("link", self._link())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        # Only a cancellation concerns the group; any other error of the block is the caller's own and goes on bare.
        mine = isinstance(error, asyncio.CancelledError)
        try:
            await self._group.__aexit__(*((kind, error, trace) if mine else (None, None, None)))
        finally:
            self._outbox.close()

    @property
    def progress(self) -> Progress:
        """How far the stream has come."""
        return Progress(self._sender.sent, self._sender.acknowledged, self._outbox.pending, self._outbox.dropped)

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a task as long as the agent lives; its failure ends the agent."""
        self._tasks.append(self._group.create_task(work, name=name))

    def poll(self, name: str, driver: Driver, interval: float) -> None:
        """Read a driver every `interval` seconds, aligned to the wall clock, as long as the agent lives."""
        self.start(name, poll(name, driver, interval, self.record, self._clock))

    def born(self, *devices: Device) -> None:
        """Announce devices; what is recorded afterwards can be of them."""
        self._devices |= {device.id: device for device in devices}
        self._append([Message(self._topic(device.id, "state"), _birth(device), retain=True) for device in devices])

    def record(self, readings: Sequence[Reading]) -> None:
        """Take readings of announced devices; on disk when this returns. Reject("unknown_device") takes none."""
        messages = []
        for device, group in groupby(sorted(readings, key=_device), key=_device):
            rows = list(group)
            packs = (encode(self._settings.site, rows[at : at + PACK]) for at in range(0, len(rows), PACK))
            topic = self._topic(device, "readings")
            messages += [Message(topic, pack) for pack in packs]
        self._append(messages)

    def record_event(self, device: str, *events: Event) -> None:
        """Take events of an announced device; on disk when this returns. Reject("unknown_device") takes none."""
        topic = self._topic(device, "events")
        parts = (Events(events=events[at : at + PACK]) for at in range(0, len(events), PACK))
        self._append([Message(topic, encode_events(part)) for part in parts])

    async def drain(self, within: float | None, left: int = 0) -> None:
        """Wait until at most `left` messages wait for their acknowledgement; RetryLater after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                await self._sender.drained(left)
        except TimeoutError as error:
            raise RetryLater(f"{self._outbox.pending} messages not acknowledged after {within} s") from error

    def _append(self, messages: list[Message]) -> None:
        self._outbox.append(messages)
        self._sender.wake()

    def _topic(self, device: str, channel: str) -> str:
        known = self._devices.get(device)
        if known is None:
            raise Reject("unknown_device", f"{device!r} was never announced; call born() first")
        return Topic(self._settings.org, self._settings.site, known.building, known.kind, device, channel).path()

    def _own(self, channel: str) -> str:
        settings = self._settings
        return Topic(settings.org, settings.site, "agents", "agent", settings.id, channel).path()

    async def _link(self) -> None:
        """Keep a client: it reconnects by itself once it was connected; before that, and when refused, make another."""
        settings = self._settings
        link = Link(url=settings.broker, client_id=f"{settings.org}-{settings.site}-{settings.id}", clean_start=True)
        will = Will(self._own("state"), encode_state(Death()), qos=1, retain=True)
        said = ""
        while True:
            pause = _REFUSED
            try:
                async with Client(link, will) as client:
                    said = ""
                    await self._linked(client)
            except* (RetryLater, Stop) as group:
                error = _innermost(group)
                if said != str(error):
                    log.warning("recording on disk only: %s", error)
                said = str(error)
                pause = error.after if isinstance(error, RetryLater) else _REFUSED
            await asyncio.sleep(pause)

    async def _linked(self, client: Client) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._greet(client), name="greet")
                group.create_task(self._sender.run(client), name="send")
                group.create_task(self._sender.watch(), name="watch")
                group.create_task(self._sender.listen(client), name="listen")
        finally:
            # A clean end would leave the retained "online" standing: the broker only speaks the will of the lost.
            with contextlib.suppress(DayuanError, TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await client.publish(self._own("state"), encode_state(Death()), retain=True)

    async def _greet(self, client: Client) -> None:
        """After every connection say that the agent is there, and send again what nobody has acknowledged."""
        settings = self._settings
        title = Text(f"边缘代理 {settings.id}", f"Edge agent {settings.id}")
        birth = encode_state(Birth(title=title, interval=0))
        await client.subscribe([self._own("ack")])
        while True:
            seen = client.connects
            with contextlib.suppress(Reject, RetryLater):
                await client.publish(self._own("state"), birth, retain=True)
            await client.changed(seen)
            self._sender.rewind()


def _device(reading: Reading) -> str:
    return reading.device


def _birth(device: Device) -> bytes:
    birth = Birth(
        title=device.title,
        interval=device.seconds,
        parent=device.parent,
        replay=device.replay,
        width=device.width,
    )
    return encode_state(birth)


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
