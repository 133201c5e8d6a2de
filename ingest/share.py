"""Sharing the load: which messages one of several ingest processes takes.

Births and deaths go to every process, so that each knows all devices. Readings and events go to one: the broker decides
which (a shared subscription, MQTT 5 section 4.8.2), or, where it has none, the building they come from.
"""

import asyncio
import re
from collections.abc import Iterable
from typing import NamedTuple, Self
from zlib import crc32

from bus.client import Client, Link
from bus.topics import is_segment, subscription
from schema.errors import RetryLater, Stop

_GROUP = "ingest"
_PATIENCE = 3.0
_CHANNELS = ("readings", "events")


class Part(NamedTuple):
    """Process `number` of `of`, counted from 1; `shared` where the broker shares out."""

    number: int = 1
    of: int = 1
    shared: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        """The part that reads "2/3"; ValueError for any other text."""
        found = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", text)
        if found is None or int(found[1]) > int(found[2]):
            raise ValueError(f"{text!r} is not the number of this process and how many there are, such as 2/3")
        return cls(int(found[1]), int(found[2]))

    @property
    def is_whole(self) -> bool:
        """Whether there is no other process."""
        return self.of == 1

    def client(self, name: str) -> str:
        """The client id of this part: the first goes on with the session of the only one."""
        return name if self.number == 1 else f"{name}-{self.number}"

    def filters(self, org: str, places: Iterable[tuple[str, str]]) -> list[str]:
        """The subscriptions for readings and events, given the (site, building) that are known."""
        every = [subscription(org, channel) for channel in _CHANNELS]
        if self.is_whole:
            return every
        if self.shared:
            return [f"$share/{_GROUP}/{text}" for text in every]
        return [text for place in sorted(places) if self._owns(place) for text in _of_place(org, place)]

    def others(self, org: str, places: Iterable[tuple[str, str]]) -> list[str]:
        """What the session may hold from a run with other parts, and is no longer this one's."""
        known = list(places)
        candidates = [text for part in (Part(), Part(1, 2)) for text in part.filters(org, ())]
        candidates += [text for place in known for text in _of_place(org, place)]
        return sorted(set(candidates) - set(self.filters(org, known)))

    def _owns(self, place: tuple[str, str]) -> bool:
        return crc32("/".join(place).encode()) % self.of + 1 == self.number


def _of_place(org: str, place: tuple[str, str]) -> list[str]:
    if not all(map(is_segment, place)):
        return []
    return [f"{org}/{'/'.join(place)}/+/+/{channel}" for channel in _CHANNELS]


async def shares(link: Link) -> bool:
    """Whether the broker has shared subscriptions; some grant them and then deliver nothing, so it is tried."""
    topic = f"dayuan-probe/{link.client_id}"
    try:
        async with Client(link, patience=None) as client:
            await client.subscribe([f"$share/{link.client_id}/{topic}"])
            await client.publish(topic, b"?")
            async with asyncio.timeout(_PATIENCE):
                client.acknowledge(await client.receive())
    except (TimeoutError, RetryLater, Stop):
        return False
    return True
