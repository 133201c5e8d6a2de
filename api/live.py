"""The live stream inside the process: the newest value per series and notices, to any number of subscribers."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from schema.batch import Batch
from schema.series import SeriesKey

KEPT_NOTICES = 1000


class _Value(NamedTuple):
    version: int
    time: int
    value: float
    quality: int


class _Notice(NamedTuple):
    version: int
    body: dict[str, Any]


@dataclass(eq=False)
class _Subscriber:
    loop: asyncio.AbstractEventLoop
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Hub:
    """One shared state with a version; a subscriber is a cursor into it, so a slow one costs nothing
    and skips ahead.

    `offer`, `announce` and `close` may be called from any thread. `flush` is the least time in s between two lists,
    `readings` counts all that was offered.
    """

    def __init__(self, flush: float = 0.25) -> None:
        self._flush = flush
        self._lock = threading.Lock()
        self._version = 0
        self._dropped = 0
        self._closed = False
        # Ordered by version: an update takes its series out and puts it back at the end.
        self._values: dict[SeriesKey, _Value] = {}
        self._notices: deque[_Notice] = deque()
        self._subscribers: set[_Subscriber] = set()
        self.readings = 0

    @property
    def clients(self) -> int:
        """How many subscribe now."""
        return len(self._subscribers)

    def offer(self, batch: Batch) -> None:
        """Make the newest reading of each series known; one older than what is known changes nothing."""
        if not len(batch):
            return
        order = np.lexsort((batch.time, batch.code))
        codes = batch.code[order]
        last = order[np.append(np.flatnonzero(np.diff(codes)), len(codes) - 1)]
        rows = zip(
            batch.code[last].tolist(),
            batch.time[last].tolist(),
            batch.value[last].tolist(),
            batch.quality[last].tolist(),
            strict=True,
        )
        with self._lock:
            self.readings += len(batch)
            before = self._version
            for code, time, value, quality in rows:
                key = batch.keys[code]
                known = self._values.get(key)
                if known is not None:
                    if time < known.time or known[1:] == (time, value, quality):
                        continue
                    del self._values[key]
                self._version += 1
                self._values[key] = _Value(self._version, time, value, quality)
            if self._version != before:
                self._wake()

    def announce(self, kind: str, body: dict[str, Any]) -> None:
        """Tell subscribers of `body["site"]` (of every site without it) that something happened."""
        with self._lock:
            self._version += 1
            self._notices.append(_Notice(self._version, {"kind": kind, **body}))
            if len(self._notices) > KEPT_NOTICES:
                self._dropped = self._notices.popleft().version
            self._wake()

    async def subscribe(self, site: str | None = None) -> AsyncGenerator[list[dict[str, Any]], None]:
        """What is new since the last list, oldest first, of one site or of all; ends when the hub closes.

        Values are `{"kind": "latest", "site", "device", "point", "time" (us), "value", "quality"}`, notices as
        announced; `{"kind": "lagged"}` comes first where notices were missed: read the state again.
        """
        subscriber = _Subscriber(asyncio.get_running_loop())
        with self._lock:
            cursor = self._version
            self._subscribers.add(subscriber)
            if self._closed:
                subscriber.news.set()
        try:
            while True:
                await subscriber.news.wait()
                subscriber.news.clear()
                if self._closed:
                    return
                rows, cursor = self._since(cursor, site)
                if rows:
                    yield rows
                    await asyncio.sleep(self._flush)
        finally:
            with self._lock:
                self._subscribers.discard(subscriber)

    def close(self) -> None:
        """End every subscription, so that a server can shut down while clients listen."""
        with self._lock:
            self._closed = True
            self._wake()

    def _since(self, cursor: int, site: str | None) -> tuple[list[dict[str, Any]], int]:
        found: list[tuple[int, dict[str, Any]]] = []
        with self._lock:
            for key, value in reversed(self._values.items()):
                if value.version <= cursor:
                    break
                if site in (None, key.site):
                    found.append((value.version, _row(key, value)))
            for notice in reversed(self._notices):
                if notice.version <= cursor:
                    break
                if site is None or notice.body.get("site", site) == site:
                    found.append((notice.version, notice.body))
            lagged = self._dropped > cursor
            version = self._version
        found.sort(key=lambda item: item[0])
        rows = [body for _, body in found]
        return ([{"kind": "lagged"}, *rows] if lagged else rows), version

    def _wake(self) -> None:
        for subscriber in list(self._subscribers):
            if subscriber.news.is_set():
                continue
            try:
                subscriber.loop.call_soon_threadsafe(subscriber.news.set)
            except RuntimeError:  # its loop is closed: nobody listens any more
                self._subscribers.discard(subscriber)


def _row(key: SeriesKey, value: _Value) -> dict[str, Any]:
    return {
        "kind": "latest",
        "site": key.site,
        "device": key.device,
        "point": key.point,
        "time": value.time,
        "value": value.value,
        "quality": value.quality,
    }
