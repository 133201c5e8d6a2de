"""Rebirth requests: which edge nodes owe a birth, how often each was asked for it, and which do not answer."""

import logging
from typing import NamedTuple

from schema.instant import DAY, MINUTE

log = logging.getLogger(__name__)

TRIES = 5
"""Requests after which a node counts as one that does not answer."""


class Key(NamedTuple):
    """An edge node."""

    group: str
    edge: str

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.group}/{self.edge}"


class _Asked(NamedTuple):
    first: int
    last: int
    times: int


class Rebirths:
    """A node is asked again after `patience` (us), then after twice as long each time, up to a day."""

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._wanted: dict[Key, str] = {}
        self._asked: dict[Key, _Asked] = {}
        self._mute: dict[Key, str] = {}

    def want(self, key: Key, why: str) -> None:
        """A node owes a birth."""
        self._wanted.setdefault(key, why)

    def settle(self, key: Key) -> None:
        """A node owes none any longer."""
        if self._asked.pop(key, None) is not None:
            log.info("sparkplug %s is there again", key.name)
        self._wanted.pop(key, None)
        self._mute.pop(key, None)

    def due(self, now: int) -> list[Key]:
        """Whom to ask now; each is told once."""
        return [key for key, why in list(self._wanted.items()) if self._is_due(key, why, now)]

    def _is_due(self, key: Key, why: str, now: int) -> bool:
        asked = self._asked.get(key)
        if asked is None:
            log.warning("sparkplug %s is asked for a rebirth: %s", key.name, why)
            self._asked[key] = _Asked(now, now, 1)
            return True
        # A clock that was set back must not keep us from asking.
        if 0 <= now - asked.last < min(self._patience << min(asked.times - 1, 32), DAY):
            return False
        if asked.times == TRIES:
            minutes = max(round((now - asked.first) / MINUTE), 1)
            self._mute[key] = f"did not answer {TRIES} rebirth requests in {minutes} min"
            log.warning("sparkplug %s %s: restart it, or let it take NCMD", key.name, self._mute[key])
        self._asked[key] = _Asked(asked.first, now, asked.times + 1)
        return True

    def mute(self, key: Key) -> str | None:
        """What a node did not answer; None for one that still may."""
        return self._mute.get(key)

    @property
    def silent(self) -> frozenset[Key]:
        """The nodes that do not answer."""
        return frozenset(self._mute)
