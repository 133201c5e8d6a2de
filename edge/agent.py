"""The agent: keeps what devices say in the outbox and sends it until the platform itself has acknowledged it.

record -> outbox (disk) -> sender -> broker -> platform -> ack topic -> the outbox forgets
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from itertools import groupby
from types import TracebackType
from typing import Any, NamedTuple, Self

from bus.messages import Birth, Death, Events, Trouble, encode_events, encode_state
from bus.senml import encode, encode_cbor
from bus.topics import Topic
from edge.driver import Driver, Speaker, hear, poll
from edge.ear import Heard
from edge.health import Health
from edge.marks import Marks
from edge.outbox import Limits, Message, Outbox
from edge.sender import Sender
from edge.settings import AgentSettings, Device
from edge.uplink import Obey, Uplink, own_topic
from schema.errors import Reject, RetryLater
from schema.event import Event
from schema.instant import DAY, Clock
from schema.reading import Reading

PACK = 100
"""Readings, or events, of one device in one message."""

_GATHER = 0.05


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
        self._encode = encode_cbor if settings.encoding == "cbor" else encode
        self._clock = clock
        limits = Limits(settings.outbox_size, round(settings.outbox_days * DAY))
        self._outbox = Outbox(settings.outbox, settings.id, clock, entropy, limits)
        trusting = settings.acknowledge == "broker"
        self._sender = Sender(self._outbox, settings.window, settings.patience, clock, trusting=trusting)
        self._devices: dict[str, Device] = {}
        self._health: dict[str, Health] = {}
        self._gathered: tuple[list[Message], asyncio.Future[None]] | None = None
        self._marks: Marks | None = None
        self._uplink = Uplink(settings, self._sender, clock)
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self.start("link", self._uplink.run())
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
            self._keep()
            self._outbox.close()
            if self._marks is not None:
                self._marks.close()

    @property
    def progress(self) -> Progress:
        """How far the stream has come."""
        return Progress(self._sender.sent, self._sender.acknowledged, self._outbox.pending, self._outbox.dropped)

    @property
    def backlog(self) -> tuple[int, int]:
        """Messages that wait, and messages ever dropped."""
        return self._outbox.pending, self._outbox.dropped

    @property
    def oldest(self) -> int | None:
        """When the oldest message that waits was stored."""
        return self._outbox.stored(self._outbox.floor)

    @property
    def health(self) -> Sequence[Health]:
        """The health of every device that is read."""
        return list(self._health.values())

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task as long as the agent lives, or until it is cancelled; its failure ends the agent."""
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def poll(self, name: str, driver: Driver, interval: float) -> asyncio.Task[None]:
        """Read a driver every `interval` seconds, aligned to the wall clock, as long as the agent lives."""
        return self.start(name, poll(name, driver, interval, self.gather, self._clock, self._health_of(name)))

    def listen(self, name: str, driver: str, speaker: Speaker) -> asyncio.Task[None]:
        """Hear an announced device that speaks by itself, as long as the agent lives; `driver` names what hears it."""
        if self._marks is None:
            self._marks = Marks(self._settings.outbox.with_suffix(".marks"), self._clock)
        ear = Heard(self, name, self._marks, f"{driver}:{name}", self._health_of(name), self._clock)
        return self.start(name, hear(speaker, ear))

    def watch_itself(self, driver: Driver, interval: float) -> None:
        """Read the agent's own health; its readings are of the device that it is itself."""
        self._uplink.interval = interval
        self.poll(self._settings.id, driver, interval)

    def obey(self, configure: Obey) -> None:
        """Take a new configuration from the platform too: `configure` is given its text, with Stop it refuses it."""
        self._uplink.obey = configure

    def born(self, *devices: Device) -> None:
        """Announce devices; what is recorded afterwards can be of them."""
        self._devices |= {device.id: device for device in devices}
        self._append([Message(self._topic(device.id, "state"), _birth(device), retain=True) for device in devices])

    def gone(self, *devices: str) -> None:
        """Say that devices are the agent's no longer."""
        farewell = encode_state(Death())
        self._append([Message(self._topic(device, "state"), farewell, retain=True) for device in devices])
        for device in devices:
            self._health.pop(device, None)

    def record(self, readings: Sequence[Reading]) -> None:
        """Take readings of announced devices; on disk when this returns. Reject("unknown_device") takes none."""
        self._append(self._packed(readings))

    async def gather(self, readings: Sequence[Reading]) -> None:
        """As `record`, on disk together with what others gather at the same moment.

        A disk takes ms, and one of an edge box tens of ms, to be sure of anything, and the loop waits for it.
        """
        messages = self._packed(readings)
        if self._gathered is None:
            loop = asyncio.get_running_loop()
            self._gathered = ([], loop.create_future())
            loop.call_later(_GATHER, self._keep)
        waiting, kept = self._gathered
        waiting += messages
        await asyncio.shield(kept)

    def _keep(self) -> None:
        if self._gathered is None:
            return
        (messages, kept), self._gathered = self._gathered, None
        try:
            self._append(messages)
        except RetryLater as error:
            kept.set_exception(error)
            kept.exception()
        else:
            kept.set_result(None)

    def _packed(self, readings: Sequence[Reading]) -> list[Message]:
        messages = []
        for device, group in groupby(sorted(readings, key=_device), key=_device):
            rows = list(group)
            packs = (self._encode(self._settings.site, rows[at : at + PACK]) for at in range(0, len(rows), PACK))
            topic = self._topic(device, "readings")
            messages += [Message(topic, pack) for pack in packs]
        return messages

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

    def _health_of(self, name: str) -> Health:
        """The health of a device, told in its birth as long as it is announced."""

        def tell(trouble: Trouble | None) -> None:
            if device := self._devices.get(name):
                self._append([Message(self._topic(name, "state"), _birth(device, trouble), retain=True)])

        health = self._health[name] = Health(name, tell)
        return health

    def _topic(self, device: str, channel: str) -> str:
        if device == self._settings.id:
            return own_topic(self._settings, channel)
        known = self._devices.get(device)
        if known is None:
            raise Reject("unknown_device", f"{device!r} was never announced; call born() first")
        return Topic(self._settings.org, self._settings.site, known.building, known.kind, device, channel).path()


def _device(reading: Reading) -> str:
    return reading.device


def _birth(device: Device, trouble: Trouble | None = None) -> bytes:
    birth = Birth(
        title=device.title,
        interval=device.seconds,
        parent=device.parent,
        replay=device.replay,
        width=device.width,
        trouble=trouble,
    )
    return encode_state(birth)
