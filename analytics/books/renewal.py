"""Renewal: books that were kept by an older edition of the rules are settled again, register by register.

It goes on beside the daily work, a piece a step, and after a restart where it was.
"""

from collections.abc import Mapping

import msgspec

from analytics.books import bookkeeper, rules
from analytics.calendar import Calendar
from devices import kinds
from schema.instant import DAY
from schema.series import INTERVAL_SUFFIX, SeriesKey
from store.registry import snapshots
from store.registry.base import Registry
from store.registry.worklist import Work
from store.series.port import SeriesStore

_NAME = "books"
PIECE = 30 * DAY
"""So much of a register is settled at once: a meter read every second brings 2.6 million readings."""


class _Progress(msgspec.Struct, frozen=True):
    """Registers up to `last`, in order, are of the edition; all are when it is `done`."""

    edition: int
    last: SeriesKey | None = None
    done: bool = False


class Renewal:
    """What is left to be settled again; `step` blocks."""

    def __init__(self, store: SeriesStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        with registry.reading() as session:
            kept = snapshots.load(session, _NAME)
        progress = None if kept is None else msgspec.json.decode(kept, type=_Progress)
        known = progress is not None and progress.edition == rules.EDITION
        self._progress = progress if progress and known else _Progress(rules.EDITION)
        self._registers: list[SeriesKey] | None = None
        self._pieces: list[Work] = []

    def step(self, calendars: Mapping[str, Calendar], now: int) -> bool:
        """Settle the next piece again; whether any is left."""
        if self._progress.done:
            return False
        if self._registers is None:
            self._registers = self._left()
        if not self._pieces and self._registers:
            self._pieces = self._cut(self._registers[0], now)
        if self._pieces:
            bookkeeper.settle(self._store, self._registry, self._pieces[:1], calendars, now, renewing=True)
            del self._pieces[0]
        if not self._pieces:
            done, self._registers = self._registers[:1], self._registers[1:]
            self._save(_Progress(rules.EDITION, done[0] if done else None, done=not self._registers), now)
        return not self._progress.done

    def _left(self) -> list[SeriesKey]:
        """The registers that have books and are still to be renewed."""
        booked = [key for key in self._store.series() if key.kind.endswith(INTERVAL_SUFFIX)]
        registers = sorted(key._replace(kind=key.kind.removesuffix(INTERVAL_SUFFIX)) for key in booked)
        last = self._progress.last
        return [key for key in registers if key.kind in kinds() and (last is None or key > last)]

    def _cut(self, register: SeriesKey, now: int) -> list[Work]:
        """The books of a register in pieces, from the first one on: what was before teaches the gaps after."""
        booked = self._store.read([register.intervals()], 0, now + DAY).time
        if not len(booked):
            return []
        end = int(booked[-1]) + 1
        starts = range(int(booked[0]), end, PIECE)
        return [Work(register, start, min(end, start + PIECE) - 1) for start in starts]

    def _save(self, progress: _Progress, now: int) -> None:
        with self._registry.writing() as session:
            snapshots.save(session, _NAME, msgspec.json.encode(progress), now)
        self._progress = progress
