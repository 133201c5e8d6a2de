"""Topics: `{org}/{site}/{building}/{kind}/{device}/{channel}`, every segment stable lower-case ASCII."""

import re
from functools import lru_cache
from typing import NamedTuple

from schema.errors import Reject

CHANNELS = frozenset({"readings", "events", "state", "cmd", "ack", "news", "alarms"})

_SEGMENT = "[a-z0-9][a-z0-9_-]{0,63}"
_TOPIC = re.compile("/".join([f"({_SEGMENT})"] * 6), re.ASCII)


class Topic(NamedTuple):
    """Where one device speaks, or is spoken to, on one channel."""

    org: str
    site: str
    building: str
    kind: str
    device: str
    channel: str

    def path(self) -> str:
        """The topic as MQTT carries it; Reject("bad_topic") when a segment is not allowed."""
        path = "/".join(self)
        parse(path)
        return path


@lru_cache(maxsize=65_536)
def is_segment(text: str) -> bool:
    """Whether the text can stand between two slashes of a topic."""
    return re.fullmatch(_SEGMENT, text) is not None


@lru_cache(maxsize=65_536)
def parse(path: str) -> Topic:
    """The parts of a topic; Reject("bad_topic") for any that is not ours."""
    match = _TOPIC.fullmatch(path)
    if match is None or match[6] not in CHANNELS:
        raise Reject("bad_topic", repr(path[:200]))
    return Topic(*match.groups())


def subscription(org: str, channel: str) -> str:
    """The filter that covers one channel of every device of an organisation."""
    if not is_segment(org) or channel not in CHANNELS:
        raise Reject("bad_topic", f"{org!r}, {channel!r}")
    return f"{org}/+/+/+/+/{channel}"
