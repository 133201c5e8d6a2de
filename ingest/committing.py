"""The second half of a turn: write, record, and say what may be acknowledged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import thread_time

import numpy as np

from bus import senml
from bus.topics import Topic
from ingest.dialects import Dialects
from ingest.registering import register
from ingest.turn import Turn
from schema.batch import Batch
from schema.reading import Reading
from schema.series import SeriesKey
from schema.stream import Acknowledged
from store.registry import deadletters, events, progress, worklist
from store.registry.base import Registry
from store.registry.deadletters import Parked
from store.registry.progress import Received
from store.series.port import PartialWrite, SeriesStore


@dataclass(slots=True)
class Counts:
    """What went through since the start, and the CPU seconds each stage took for it."""

    messages: int = 0
    readings: int = 0
    events: int = 0
    parked: int = 0
    decode_s: float = 0.0
    write_s: float = 0.0
    record_s: float = 0.0


class Committer:
    """Readings go to the store first; then all else is one transaction of the registry."""

    def __init__(
        self,
        store: SeriesStore,
        registry: Registry,
        *,
        org: str,
        timezone: str,
        stored: Callable[[Batch], None] | None,
        dialects: Dialects,
    ) -> None:
        self._store = store
        self._registry = registry
        self._org = org
        self._timezone = timezone
        self._stored = stored
        self._dialects = dialects
        self.counts = Counts()

    def write(self, turn: Turn) -> None:
        """Make a turn's readings durable; what the store refuses of them is parked instead."""
        begin = thread_time()
        if len(turn.batch):
            try:
                turn.replaced = self._store.write(turn.batch)
            except PartialWrite as refused:
                turn.parked += self._refused(turn.batch, refused)
                kept = np.ones(len(turn.batch), np.bool_)
                kept[refused.rows] = False
                turn.batch = turn.batch.take(kept)
                turn.live = turn.live if turn.live is None else turn.live[kept]
        self.counts.write_s += thread_time() - begin

    def record(self, turn: Turn) -> list[tuple[Topic, Acknowledged]]:
        """Make all else of a written turn durable; what may be acknowledged then, with its topics."""
        begin = thread_time()
        answers = self._record(turn)
        if turn.foreign:
            self._dialects.commit()
        self.counts.record_s += thread_time() - begin
        self.counts.messages += len(turn.paths)
        self.counts.readings += len(turn.batch)
        self.counts.events += len(turn.events)
        self.counts.parked += len(turn.parked)
        if self._stored is not None and len(turn.batch):
            self._stored(turn.batch if turn.live is None else turn.batch.take(turn.live))
        return answers

    def _refused(self, batch: Batch, refused: PartialWrite) -> Iterator[Parked]:
        for row in refused.rows.tolist():
            key = batch.keys[batch.code[row]]
            reading = Reading(key.device, key.point, int(batch.time[row]), float(batch.value[row]), "")
            topic = Topic(self._org, key.site, key.building, key.kind, key.device, "readings")
            alone = senml.encode(key.site, [reading])
            yield Parked(topic.path(), topic.site, topic.device, refused.reason, refused.detail, alone)

    def _record(self, turn: Turn) -> list[tuple[Topic, Acknowledged]]:
        """Everything but readings, in one transaction of the registry."""
        answers, now = [], turn.now
        historical = Batch.empty() if turn.live is None else turn.batch.take(~turn.live)
        sites: dict[str, dict[tuple[str, str], Received]] = {}
        for (site, agent, epoch), received in turn.streams.items():
            sites.setdefault(site, {})[agent, epoch] = received
        with self._registry.writing() as session:
            register(session, turn, self._timezone)
            deadletters.discard(session, turn.released)
            if turn.parked:
                deadletters.park(session, turn.parked, now)
            events.record(session, turn.events, now)
            worklist.add(session, _touched(turn.batch))
            worklist.correct(session, _touched(turn.replaced))
            worklist.hush(session, [(key, last) for key, _, last in _touched(historical)])
            for site, streams in sites.items():
                for agent, acknowledged in progress.advance(session, site, streams, now):
                    answers.append((Topic(self._org, site, "agents", "agent", agent, "ack"), acknowledged))
            if turn.foreign:
                self._dialects.save(session, now)
        return answers


def _touched(batch: Batch) -> list[tuple[SeriesKey, int, int]]:
    """The span of time of every series in a batch."""
    low = np.full(len(batch.keys), np.iinfo(np.int64).max)
    high = np.full(len(batch.keys), np.iinfo(np.int64).min)
    np.minimum.at(low, batch.code, batch.time)
    np.maximum.at(high, batch.code, batch.time)
    return [
        (key, first, last)
        for key, first, last in zip(batch.keys, low.tolist(), high.tolist(), strict=True)
        if first <= last
    ]
