"""The uplink: the agent's one connection to the broker, what it says of itself there, and what it is told."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from bus.client import Client, Link, Will
from bus.messages import Birth, Command, Configured, Death, decode_command, encode_state
from bus.topics import Topic
from edge.sender import Sender
from edge.settings import AgentSettings
from schema.errors import DayuanError, Reject, RetryLater, Stop
from schema.instant import Clock
from schema.text import Text

log = logging.getLogger(__name__)

_REFUSED = 60.0
_FAREWELL = 1.0

Obey = Callable[[str], Awaitable[None]]
"""Works by a configuration, given as its text; an error of ours says why not."""


def own_topic(settings: AgentSettings, channel: str) -> str:
    """Where the agent itself speaks, or is spoken to."""
    return Topic(settings.org, settings.site, "agents", "agent", settings.id, channel).path()


class Uplink:
    """Sends what `sender` has; `interval` is that of the agent's own readings, `obey` takes configurations, if any."""

    def __init__(self, settings: AgentSettings, sender: Sender, clock: Clock) -> None:
        self._settings = settings
        self._sender = sender
        self._clock = clock
        self._configured: Configured | None = None
        self._configuring = asyncio.Lock()
        self.interval = 0.0
        self.obey: Obey | None = None

    async def run(self) -> None:
        """Keep a client: it reconnects by itself once it was connected; before that, and when refused, make another."""
        settings = self._settings
        link = Link(url=settings.broker, client_id=f"{settings.org}-{settings.site}-{settings.id}", clean_start=True)
        will = Will(self._topic("state"), encode_state(Death()), qos=1, retain=True)
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
                group.create_task(self._listen(client), name="listen")
        finally:
            # A clean end would leave the retained "online" standing: the broker only speaks the will of the lost.
            with contextlib.suppress(DayuanError, TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await client.publish(self._topic("state"), encode_state(Death()), retain=True)

    async def _greet(self, client: Client) -> None:
        """After every connection say that the agent is there, and send again what nobody has acknowledged."""
        await client.subscribe([self._topic("ack"), *([self._topic("cmd")] if self.obey else [])])
        while True:
            seen = client.connects
            await self._announce(client)
            await client.changed(seen)
            self._sender.rewind()

    async def _announce(self, client: Client) -> None:
        name = self._settings.id
        title = Text(f"边缘代理 {name}", f"Edge agent {name}")
        birth = Birth(title=title, interval=self.interval, configured=self._configured)
        with contextlib.suppress(Reject, RetryLater):
            await client.publish(self._topic("state"), encode_state(birth), retain=True)

    async def _listen(self, client: Client) -> None:
        """Take what the platform says: acknowledgements at once, commands one after another beside them."""
        async with asyncio.TaskGroup() as group:
            while True:
                inbox = await client.receive(100)
                for topic, payload in zip(inbox.topics, inbox.payloads, strict=True):
                    if topic.endswith("/cmd"):
                        group.create_task(self._command(client, payload), name="command")
                    else:
                        self._sender.take(payload)
                client.acknowledge(inbox)

    async def _command(self, client: Client, payload: bytes) -> None:
        """Do as a command says, and answer it; the second of two that are the same is let alone."""
        try:
            command = decode_command(payload)
        except Reject as error:
            log.warning("command not taken: %s", error)
            return
        async with self._configuring:
            if self._configured is not None and self._configured.command == command.id:
                return
            self._configured = Configured(command.id, await self._refused(command))
            await self._announce(client)

    async def _refused(self, command: Command) -> str:
        """Why a command was not obeyed, empty when it was."""
        if command.expires < self._clock():
            return "it came after it had expired; compare the clocks of both machines"
        if self.obey is None:
            return "this agent takes no configuration"
        try:
            # Once begun it is brought to its end, whatever becomes of the connection meanwhile.
            await asyncio.shield(asyncio.ensure_future(self.obey(command.configuration)))
        except DayuanError as error:
            return str(error)[:20_000] or "refused"
        return ""

    def _topic(self, channel: str) -> str:
        return own_topic(self._settings, channel)


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
