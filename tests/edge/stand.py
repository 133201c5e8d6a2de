"""A small platform for the agent's tests: it takes messages off a real broker and acknowledges them end to end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from bus.client import Client, Link
from bus.messages import encode_ack
from schema.errors import Reject
from schema.stream import Acknowledged, Position


class Platform:
    """Takes every message of an agent, remembers it by its sequence number, and acknowledges what is contiguous.

    `deaf` numbers are ignored the first time they come; a `forgotten` platform has no session while it is away; a
    `slow` one takes a hundred messages at a time and that many seconds over them.
    """

    def __init__(self, url: str, deaf: set[int] | None = None, *, forgotten: bool = False, slow: float = 0) -> None:
        self.url = url
        self._link = Link(url=url, client_id="platform", clean_start=forgotten)
        self._deaf = deaf or set()
        self._slow = slow
        self.payloads: dict[tuple[str, int], tuple[str, bytes]] = {}
        self.heard: list[int] = []
        self.done: dict[str, int] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Platform"]:
        """Listening for the length of the block."""
        async with Client(self._link) as client:
            await client.subscribe([f"dayuan/+/+/+/+/{channel}" for channel in ("readings", "events", "state")])
            task = asyncio.create_task(self._serve(client))
            try:
                yield self
            finally:
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    task.result()

    async def _serve(self, client: Client) -> None:
        while True:
            inbox = await client.receive(100 if self._slow else 500)
            await asyncio.sleep(self._slow)
            epochs = {}
            for topic, payload in zip(inbox.topics, inbox.payloads, strict=True):
                position = position_of(payload)
                if position is not None and self._take(topic, payload, position):
                    epochs[position.epoch] = position.agent
            client.acknowledge(inbox)
            for epoch, agent in epochs.items():
                ack = encode_ack(self._answer(epoch))
                with suppress(Reject):
                    await client.publish(f"dayuan/demo/agents/agent/{agent}/ack", ack, retain=True)

    def _take(self, topic: str, payload: bytes, position: Position) -> bool:
        self.heard.append(position.seq)
        if position.seq in self._deaf:
            self._deaf.discard(position.seq)
            return False
        self.payloads.setdefault((position.epoch, position.seq), (topic, payload))
        self.done[position.epoch] = max(self.done.get(position.epoch, 0), position.floor - 1)
        return True

    def _answer(self, epoch: str) -> Acknowledged:
        have = sorted(seq for of, seq in self.payloads if of == epoch and seq > self.done[epoch])
        missing = []
        last = self.done[epoch]
        for seq in have:
            if seq > last + 1:
                missing.append((last + 1, seq - 1))
            last = seq
            if not missing:
                self.done[epoch] = seq
        return Acknowledged(epoch, self.done[epoch], tuple(missing), last if missing else 0)


def position_of(payload: bytes) -> Position | None:
    """The position that a payload's first object carries."""
    body = json.loads(payload)
    first = body[0] if isinstance(body, list) else body
    return msgspec.convert(first, Position) if "seq" in first else None
