"""Warm start: a detection that was not restored learns stored history again, through the same update function."""

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from analytics.books import rules
from analytics.detect import Detection
from analytics.detect.core import Context, is_interval
from schema.instant import DAY
from schema.series import SeriesKey
from store.series.port import SeriesStore

log = logging.getLogger(__name__)

REACH = 100
"""Days of history that are replayed: what is older has faded from what is expected."""
SAY_EVERY = 10


class Warming:
    """Replays the latest days, oldest first; what it finds is past and told to nobody.

    `cuts` are instants from which on a series is left to the work that waits for it, which is to be told.
    """

    def __init__(
        self, store: SeriesStore, detection: Detection, cuts: Mapping[SeriesKey, int], now: int, reach: int = REACH
    ) -> None:
        self._store = store
        self._detection = detection
        self._keys = [key for key in store.series() if detection.detectors.reads(key)]
        self._cuts = {key: cuts[key] for key in self._keys if key in cuts}
        self._last = now // DAY
        self._day = self._last - reach + 1
        self._reach = reach
        self._replayed = 0

    def step(self, context: Context) -> bool:
        """Replay the next day that has readings; whether more may follow."""
        while self._keys and self._day <= self._last:
            day, self._day = self._day, self._day + 1
            if self._replay(day * DAY, context):
                return True
        if self._replayed:
            log.info("detectors are warm again: %d readings of %d series", self._replayed, len(self._keys))
        return False

    def _replay(self, start: int, context: Context) -> bool:
        batch = self._store.read(self._keys, start, start + DAY)
        ends = np.array([self._cuts.get(key, np.iinfo(np.int64).max) for key in batch.keys], np.int64)
        batch = batch.take(batch.time < ends[batch.code]) if len(batch) else batch
        if not len(batch):
            return False
        if not self._replayed:
            log.info("no snapshot of the detectors: learning %d series from stored history", len(self._keys))
        elif (start // DAY - self._last) % SAY_EVERY == 0:
            log.info("learning from stored history: %d of %d days left", self._last - start // DAY, self._reach)
        booked = np.array([is_interval(key) for key in batch.keys], bool)[batch.code]
        self._detection.registers(batch.take(booked), context)
        self._detection.update(
            replace(batch, quality=np.where(booked, rules.quality_of(batch.quality), batch.quality)), context
        )
        self._replayed += len(batch)
        return True
