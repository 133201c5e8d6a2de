"""One turn of ingest: messages in, durable effects out. Called again with the same messages it changes nothing."""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bus import messages, senml, topics
from bus.topics import Topic
from ingest.catalog import Catalog, new_site
from ingest.validate import REASONS, TimeLimits, judge
from schema.batch import Batch
from schema.errors import Reject
from schema.instant import SECOND, Clock
from schema.reading import Reading
from schema.series import SeriesKey
from schema.stream import Acknowledged, Position
from store.registry import deadletters, events, progress, worklist
from store.registry.base import Registry
from store.registry.deadletters import Parked
from store.registry.events import StoredEvent
from store.registry.places import Device, Site
from store.series.port import PartialWrite, SeriesStore

WAITING = ("unknown_device", "wrong_topic")
"""Reasons that the birth of the device does away with."""


@dataclass(slots=True)
class Turn:
    """What the messages of one turn come to; rows of readings are columns, everything else is rare."""

    slot: list[int] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    origin: list[Topic] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    births: list[Device] = field(default_factory=list)
    deaths: list[Topic] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    positions: dict[str, list[Position]] = field(default_factory=dict)


@dataclass(slots=True)
class Counts:
    """What went through since the start."""

    messages: int = 0
    readings: int = 0
    events: int = 0
    parked: int = 0


class Pipeline:
    """Decode, validate, write, record: `process` returns when every effect of its messages is on disk."""

    def __init__(
        self,
        store: SeriesStore,
        registry: Registry,
        clock: Clock,
        *,
        org: str = "dayuan",
        timezone: str = "Asia/Shanghai",
        limits: TimeLimits | None = None,
        stored: Callable[[Batch], None] | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._org = org
        self._timezone = timezone
        self._limits = limits or TimeLimits()
        self._stored = stored
        self._catalog = Catalog(registry, clock, refresh=SECOND)
        self._lock = threading.Lock()
        self.counts = Counts()

    def process(self, paths: Sequence[str], payloads: Sequence[bytes]) -> list[tuple[Topic, Acknowledged]]:
        """Make all effects durable; the end-to-end acknowledgements to publish, with their topics.

        RetryLater when the store or the registry is away: nothing may be acknowledged then.
        """
        with self._lock:
            return self._process(paths, payloads)

    def _process(self, paths: Sequence[str], payloads: Sequence[bytes]) -> list[tuple[Topic, Acknowledged]]:
        now = self._clock()
        turn = Turn()
        for path, payload in zip(paths, payloads, strict=True):
            self._take(turn, path, payload, now)
        released = self._release(turn, now)
        batch = self._judge(turn, now)
        if len(batch):
            try:
                self._store.write(batch)
            except PartialWrite as refused:
                self._park_rows(turn, batch, refused)
                kept = np.ones(len(batch), np.bool_)
                kept[refused.rows] = False
                batch = batch.take(kept)
        answers = self._record(turn, batch, released, now)
        self.counts.messages += len(paths)
        self.counts.readings += len(batch)
        self.counts.events += len(turn.events)
        self.counts.parked += len(turn.parked)
        if self._stored is not None and len(batch):
            self._stored(batch)
        return answers

    def _take(self, turn: Turn, path: str, payload: bytes, now: int) -> None:
        """Decode one message into the turn; whatever is wrong with it is parked, with its place in the stream."""
        try:
            topic = topics.parse(path)
        except Reject as error:
            turn.parked.append(Parked(path[:500], "", "", error.reason, error.detail, payload))
            return
        try:
            if topic.channel == "readings":
                position = self._readings(turn, topic, payload, now)
            elif topic.channel == "events":
                position = self._events(turn, topic, payload)
            else:
                position = self._state(turn, topic, payload, now)
        except Reject as error:
            turn.parked.append(Parked(path, topic.site, topic.device, error.reason, error.detail, payload))
            position = _position_of(payload)
        if position is not None:
            turn.positions.setdefault(topic.site, []).append(position)

    def _readings(self, turn: Turn, topic: Topic, payload: bytes, now: int) -> Position | None:
        device = self._catalog.device(topic)
        pack = senml.decode(payload, topic.site, topic.device, now)
        slot_of = self._catalog.slot
        count = 0
        for point, unit, time, value in zip(pack.points, pack.units, pack.times, pack.values, strict=True):
            try:
                slot = slot_of(device, point, unit)
            except Reject as error:
                alone = senml.encode(topic.site, [Reading(topic.device, point, time, value, unit or "")])
                turn.parked.append(_parked(topic, error.reason, error.detail, alone))
                continue
            turn.slot.append(slot)
            turn.time.append(time)
            turn.value.append(value)
            count += 1
        turn.origin.append(topic)
        turn.counts.append(count)
        turn.parked += [_parked(topic, bad.reason, bad.detail, bad.record_bytes) for bad in pack.rejects]
        return pack.position

    def _events(self, turn: Turn, topic: Topic, payload: bytes) -> Position | None:
        self._catalog.device(topic)
        message = messages.decode_events(payload)
        turn.events += [StoredEvent(topic.site, topic.device, event) for event in message.events]
        turn.parked += [_parked(topic, bad.reason, bad.detail, bad.record_bytes) for bad in message.rejects]
        return message.position

    def _state(self, turn: Turn, topic: Topic, payload: bytes, now: int) -> Position | None:
        if not payload:
            return None  # a retained state that was cleared
        message = messages.decode_state(payload)
        if isinstance(message, messages.Birth):
            turn.births.append(self._catalog.born(topic, message, now))
        else:
            turn.deaths.append(topic)
        return message.position

    def _release(self, turn: Turn, now: int) -> list[int]:
        """Take in again what was parked because its device was not known yet, or was taken for another; the ids."""
        if not turn.births:
            return []
        born = tuple({f"{self._org}/{one.site}/{one.building}/{one.kind}/{one.id}/" for one in turn.births})
        early = [letter for letter in turn.parked if letter.reason in WAITING and letter.topic.startswith(born)]
        turn.parked = [letter for letter in turn.parked if letter not in early]
        with self._registry.reading() as session:
            letters = [letter for topic in born for letter in deadletters.whole(session, topic, WAITING)]
        again = [(letter.topic, letter.payload) for letter in letters]
        again += [(letter.topic, letter.payload) for letter in early]
        for path, payload in again:
            self._take(turn, path, payload, now)
        return [letter.id for letter in letters]

    def _judge(self, turn: Turn, now: int) -> Batch:
        """The good readings as a batch in canonical units; the others are parked."""
        if not turn.slot:
            return Batch.empty()
        slot = np.array(turn.slot, np.int64)
        time = np.array(turn.time, np.int64)
        value = np.array(turn.value, np.float64)
        converted, reason = judge(slot, time, value, self._catalog.limits, self._limits, now)
        bad = np.flatnonzero(reason)
        if len(bad):
            origin = np.repeat(np.arange(len(turn.origin)), turn.counts)
            for row in bad.tolist():
                topic = turn.origin[origin[row]]
                key = self._catalog.keys[self._catalog.code[turn.slot[row]]]
                unit = self._catalog.units[turn.slot[row]]
                reading = Reading(topic.device, key.point, turn.time[row], turn.value[row], unit)
                alone = senml.encode(topic.site, [reading])
                turn.parked.append(_parked(topic, REASONS[reason[row]], f"{key.point} = {turn.value[row]:g}", alone))
        good = reason == 0
        used, code = np.unique(np.array(self._catalog.code, np.int64)[slot[good]], return_inverse=True)
        return Batch.of([self._catalog.keys[index] for index in used.tolist()], code, time[good], converted[good])

    def _park_rows(self, turn: Turn, batch: Batch, refused: PartialWrite) -> None:
        for row in refused.rows.tolist():
            key = batch.keys[batch.code[row]]
            reading = Reading(key.device, key.point, int(batch.time[row]), float(batch.value[row]), "")
            topic = Topic(self._org, key.site, key.building, key.kind, key.device, "readings")
            turn.parked.append(_parked(topic, refused.reason, refused.detail, senml.encode(key.site, [reading])))

    def _record(self, turn: Turn, batch: Batch, released: list[int], now: int) -> list[tuple[Topic, Acknowledged]]:
        """Everything but readings, in one transaction of the registry."""
        answers = []
        with self._registry.writing() as session:
            for device in turn.births:
                if session.get(Site, device.site) is None:
                    session.add(new_site(device.site, self._timezone))
                    session.flush()
                known = session.get(Device, (device.site, device.id))
                if known is not None and _goes_on(known, device):
                    device.state_since = known.state_since
                session.merge(device)
            for topic in turn.deaths:
                gone = session.get(Device, (topic.site, topic.device))
                if gone is not None and gone.state != "offline":
                    gone.state, gone.state_since = "offline", now
            deadletters.discard(session, released)
            deadletters.park(session, turn.parked, now)
            events.record(session, turn.events, now)
            worklist.add(session, _touched(batch))
            for site, positions in turn.positions.items():
                for agent, acknowledged in progress.advance(session, site, positions, now):
                    answers.append((Topic(self._org, site, "agents", "agent", agent, "ack"), acknowledged))
        return answers


def _parked(topic: Topic, reason: str, detail: str, payload: bytes) -> Parked:
    return Parked(topic.path(), topic.site, topic.device, reason, detail, payload)


def _goes_on(known: Device, born: Device) -> bool:
    """Whether a birth says nothing new of how the device speaks: a retained one is told again at every start."""
    return (known.state, known.interval, known.replay) == ("online", born.interval, born.replay)


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


_PLACE = re.compile(rb'"agent":"([a-z0-9][a-z0-9_-]{0,63})","epoch":"([^"\\]{1,64})","seq":(\d{1,18})')


def _position_of(payload: bytes) -> Position | None:
    """The place in the stream of a message that cannot be decoded: without it its agent would send it for ever."""
    found = _PLACE.search(payload[:1024])
    return Position(found[1].decode(), found[2].decode("utf-8", "replace"), int(found[3])) if found else None
