"""One turn of ingest: messages in, durable effects out. Called again with the same messages it changes nothing."""

import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from time import thread_time

import msgspec
import numpy as np

from bus import messages, senml, senml_cbor, topics
from bus.topics import Topic
from ingest.catalog import Catalog
from ingest.committing import Committer
from ingest.dialects import Dialect, Dialects, Reply, Told
from ingest.quick import Quick
from ingest.turn import Rows, Turn
from ingest.validate import REASONS, TimeLimits, judge
from schema.batch import Batch
from schema.errors import Reject, RetryLater, Stop
from schema.instant import SECOND, Clock
from schema.reading import Reading
from schema.stream import Acknowledged, Position
from store.registry import deadletters, snapshots
from store.registry.base import Registry
from store.registry.deadletters import DeadLetter, Parked
from store.registry.events import StoredEvent
from store.series.port import SeriesStore

log = logging.getLogger(__name__)

_FILTERS = "ingest/filters"
WAITING = frozenset({"unknown_device", "wrong_topic"})
"""Reasons that the birth of the device does away with."""


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
        dialects: Dialects | None = None,
    ) -> None:
        self.dialects = dialects or Dialects()
        self._registry = registry
        self._clock = clock
        self._org = org
        self._limits = limits or TimeLimits()
        self._catalog = Catalog(registry, clock, refresh=SECOND)
        self._quick = Quick(self._catalog)
        self._taking = threading.Lock()
        self._writing = threading.Lock()
        self._recording = threading.Lock()
        self._committer = Committer(store, registry, org=org, timezone=timezone, stored=stored, dialects=self.dialects)
        self.counts = self._committer.counts

    def process(self, paths: Sequence[str], payloads: Sequence[bytes]) -> list[tuple[Topic, Acknowledged]]:
        """Make all effects durable; the end-to-end acknowledgements to publish, with their topics.

        RetryLater when the store or the registry is away: nothing may be acknowledged then.
        """
        turn = self.take(paths, payloads)
        self.write(turn)
        return self.record(turn)

    def may_overlap(self, paths: Sequence[str]) -> bool:
        """Whether messages of these topics may be taken while the turn before them is not yet committed.

        Readings of known devices may. A birth has to see what was parked before it, and be on disk before what follows.
        """
        return self._quick.knows(paths)

    def places(self) -> set[tuple[str, str]]:
        """(site, building) of every device that is known."""
        with self._taking:
            return self._catalog.places()

    def take(self, paths: Sequence[str], payloads: Sequence[bytes]) -> Turn:
        """Decode and validate the messages of a turn; nothing is on disk yet."""
        begin = thread_time()
        with self._taking:
            turn = Turn(self._clock(), list(paths), list(payloads))
            for start, stop in _runs(paths):
                for at in self._quick.take(turn, start, payloads[start:stop]):
                    self._take(turn, at, payloads[at])
            self._release(turn)
            self._judge(turn)
        self.counts.decode_s += thread_time() - begin
        return turn

    def write(self, turn: Turn) -> None:
        """Make the readings of a turn durable; again, as long as RetryLater is raised."""
        with self._writing:
            self._committer.write(turn)

    def record(self, turn: Turn) -> list[tuple[Topic, Acknowledged]]:
        """Make all other effects of a written turn durable, in the order the turns were taken; as `process` ends."""
        with self._recording:
            answers = self._committer.record(turn)
            self._catalog.saved()
            return answers

    def asked(self) -> bool:
        """Whether somebody asked for dead letters to be taken in again."""
        with self._registry.reading() as session:
            return bool(deadletters.asked(session, 1))

    def retry(self, limit: int) -> None:
        """Take in again the oldest letters that somebody asked for, each by itself.

        What comes of a letter, and that it is off the shelf, is one transaction: killed in between, it is tried again.
        """
        with self._registry.reading() as session:
            letters = deadletters.asked(session, limit)
        for letter in letters:
            with self._taking:
                turn = Turn(self._clock(), [letter.topic], [letter.payload])
                self._take(turn, 0, letter.payload, came=letter.received)
                self._release(turn)
                self._judge(turn)
            brought = bool(len(turn.batch) or turn.events or turn.births or turn.deaths)
            back = _returned(turn.parked, letter, brought=brought)
            if back is None:
                turn.released.append(letter.id)
            elif brought:
                turn.parked.remove(back)
            if brought or back is None:
                self.write(turn)
                self.record(turn)
            if back is not None:
                with self._registry.writing() as session:
                    deadletters.refuse(session, letter.id, back.reason, back.detail)

    def left(self) -> list[str]:
        """Foreign topics that an earlier run subscribed to, which this one does not want."""
        with self._registry.reading() as session:
            kept = snapshots.load(session, _FILTERS)
        return sorted(set(msgspec.json.decode(kept or b"[]", type=list[str])) - set(self.dialects.filters))

    def keep_filters(self) -> None:
        """Note what this run subscribes to; the session with the broker outlives it."""
        with self._registry.writing() as session:
            snapshots.save(session, _FILTERS, msgspec.json.encode(self.dialects.filters), self._clock())

    def replies(self) -> list[Reply]:
        """What the dialects have to answer by now."""
        return self.dialects.replies(self._clock())

    def _take(self, turn: Turn, at: int, payload: bytes, *, came: int | None = None) -> None:
        """Decode one message into the turn; whatever is wrong with it is parked, with its place in the stream.

        One that waited says when it `came`: its times may count from then.
        """
        try:
            self._decode(turn, at, payload, came)
        except (RetryLater, Stop):
            raise
        except Exception as error:
            # A fault of ours: the broker would send the message again and again, and all others would wait behind it.
            log.exception("a message is parked that could not be taken, please report it")
            path = turn.paths[at]
            turn.parked.append(Parked(path[:500], "", "", "internal", type(error).__name__, payload))
            if (position := _position_of(payload)) is not None and path.startswith(f"{self._org}/"):
                turn.place(topics.parse(path).site, position)

    def _decode(self, turn: Turn, at: int, payload: bytes, came: int | None) -> None:
        path = turn.paths[at]
        dialect = None if path.startswith(f"{self._org}/") else self.dialects.of(path)
        if dialect is not None:
            self._foreign(turn, at, dialect, payload, came)
            return
        try:
            topic = topics.parse(path)
        except Reject as error:
            turn.parked.append(Parked(path[:500], "", "", error.reason, error.detail, payload))
            return
        try:
            if topic.channel == "readings":
                position = self._readings(turn, at, topic, payload, came)
            elif topic.channel == "events":
                position = self._events(turn, topic, payload)
            else:
                position = self._state(turn, topic, payload)
        except Reject as error:
            turn.parked.append(Parked(path, topic.site, topic.device, error.reason, error.detail, payload))
            position = _position_of(payload)
        # The place of a letter was noted when it was parked; its stream may have ended since.
        if position is not None and came is None:
            turn.place(topic.site, position)

    def _readings(self, turn: Turn, at: int, topic: Topic, payload: bytes, came: int | None) -> Position | None:
        self._catalog.device(topic)
        pack = senml.decode(payload, topic.site, topic.device, turn.now + at if came is None else came)
        self._pack(turn, at, topic, pack, pack.position.rank if pack.position else 0)
        if pack.position is not None:
            self._quick.hear(turn.paths[at], pack.position)
        return pack.position

    def _pack(self, turn: Turn, at: int, topic: Topic, pack: senml.Pack, rank: int) -> None:
        """Rows of the turn from a pack of a device's, as if message `at` had brought it on its native topic."""
        device = self._catalog.device(topic)
        base = f"{topic.site}/{topic.device}/"
        slots, kept = [], []
        for row, (point, unit) in enumerate(zip(pack.points, pack.units, strict=True)):
            try:
                slot = self._catalog.slot(device, point, unit)
            except Reject as error:
                reading = Reading(topic.device, point, pack.times[row], pack.values[row], unit or "")
                alone = senml.encode(topic.site, [reading], pack.position)
                turn.parked.append(_parked(topic, error.reason, error.detail, alone))
            else:
                self._quick.learn(turn.paths[at], base, point, unit, slot)
                slots.append(slot)
                kept.append(row)
        times, values = np.array(pack.times, np.int64)[kept], np.array(pack.values, np.float64)[kept]
        said = np.full(len(kept), at), np.full(len(kept), rank)
        turn.rows.append(Rows(np.array(slots, np.int64), times, values, *said))
        turn.parked += [_parked(topic, bad.reason, bad.detail, bad.record_bytes) for bad in pack.rejects]

    def _foreign(self, turn: Turn, at: int, dialect: Dialect, payload: bytes, came: int | None) -> None:
        """Take in what a dialect makes of a message."""
        path = turn.paths[at]
        if not turn.foreign:
            self.dialects.begin()
            turn.foreign = True
        try:
            # Two messages of one turn that tell no time are two readings: each has an instant of its own.
            heard = dialect.read(path, payload, turn.now + at if came is None else came, again=came is not None)
        except Reject as error:
            turn.parked.append(Parked(path[:500], "", "", error.reason, error.detail, payload))
            return
        turn.parked += [Parked(path, "", "", bad.reason, bad.detail, bad.payload) for bad in heard.faults]
        turn.again += [(prefix, dialect.waiting) for prefix in heard.again]
        for told in heard.told:
            try:
                self._tell(turn, told)
            except Reject as error:
                place = (told.topic.site, told.topic.device)
                turn.parked.append(Parked(path, *place, error.reason, error.detail, payload))

    def _born(self, turn: Turn, topic: Topic, birth: messages.Birth) -> None:
        turn.births.append(self._catalog.born(topic, birth, turn.now))
        # What died before it was born again is there.
        turn.deaths = [gone for gone in turn.deaths if gone != topic]

    def _tell(self, turn: Turn, told: Told) -> None:
        if isinstance(told.message, messages.Birth):
            self._born(turn, told.topic, told.message)
        elif isinstance(told.message, messages.Death):
            turn.deaths.append(told.topic)
        else:
            turn.paths.append(told.topic.path())
            turn.payloads.append(b"")
            if told.historical:
                turn.historical.append(len(turn.paths) - 1)
            self._pack(turn, len(turn.paths) - 1, told.topic, told.message, told.rank)

    def _events(self, turn: Turn, topic: Topic, payload: bytes) -> Position | None:
        self._catalog.device(topic)
        message = messages.decode_events(payload)
        turn.events += [StoredEvent(topic.site, topic.device, event) for event in message.events]
        turn.parked += [_parked(topic, bad.reason, bad.detail, bad.record_bytes) for bad in message.rejects]
        return message.position

    def _state(self, turn: Turn, topic: Topic, payload: bytes) -> Position | None:
        if not payload:
            return None  # a retained state that was cleared
        message = messages.decode_state(payload)
        if isinstance(message, messages.Birth):
            self._born(turn, topic, message)
        else:
            turn.deaths.append(topic)
        return message.position

    def _release(self, turn: Turn) -> None:
        """Take in again what was parked because its device was not known yet, or was taken for another."""
        wanted = [(f"{self._org}/{one.site}/{one.building}/{one.kind}/{one.id}/", WAITING) for one in turn.births]
        waits: dict[frozenset[str], set[str]] = {}
        for prefix, reasons in wanted + turn.again:
            waits.setdefault(reasons, set()).add(prefix)
        if not waits:
            return
        early: list[Parked] = []
        letters: list[DeadLetter] = []
        for reasons, prefixes in waits.items():
            begin = tuple(prefixes)
            early += [one for one in turn.parked if one.reason in reasons and one.topic.startswith(begin)]
            with self._registry.reading() as session:
                held = deadletters.topics(session, reasons)
                hopeful = [prefix for prefix in begin if any(topic.startswith(prefix) for topic in held)]
                letters += [one for prefix in hopeful for one in deadletters.whole(session, prefix, reasons)]
        turn.parked = [letter for letter in turn.parked if letter not in early]
        turn.released += [letter.id for letter in letters]
        again = [(letter.topic, letter.payload, letter.received) for letter in letters]
        again += [(letter.topic, letter.payload, turn.now) for letter in early]
        for path, payload, came in again:
            turn.paths.append(path)
            turn.payloads.append(payload)
            self._take(turn, len(turn.paths) - 1, payload, came=came)

    def _judge(self, turn: Turn) -> None:
        """The good readings as a batch in canonical units; the others are parked."""
        slot, time, value, message, rank = turn.all_rows()
        if not len(slot):
            return
        codes = self._catalog.codes()[slot]
        converted, reason = judge(slot, time, value, self._catalog.limits(), self._limits, turn.now)
        bad = np.flatnonzero(reason)
        for row in bad.tolist():
            topic = topics.parse(turn.paths[message[row]])
            point, unit = self._catalog.keys[codes[row]].point, self._catalog.units[slot[row]]
            reading = Reading(topic.device, point, int(time[row]), float(value[row]), unit)
            alone = senml.encode(topic.site, [reading], _position_of(turn.payloads[message[row]]))
            turn.parked.append(_parked(topic, REASONS[reason[row]], f"{point} = {value[row]:g}", alone))
        if len(bad):
            good = reason == 0
            codes, time, converted, message, rank = (column[good] for column in (codes, time, converted, message, rank))
        if turn.historical:
            turn.live = ~np.isin(message, turn.historical)
        turn.batch = Batch.of(*self._catalog.batched(codes), time, converted, rank=rank)


def _parked(topic: Topic, reason: str, detail: str, payload: bytes) -> Parked:
    return Parked(topic.path(), topic.site, topic.device, reason, detail, payload)


def _returned(parked: list[Parked], letter: DeadLetter, *, brought: bool) -> Parked | None:
    """What keeps a letter on the shelf when it was tried again: all of it came back, or nothing `brought` was good."""
    whole = (one for one in parked if (one.topic, one.payload) == (letter.topic, letter.payload))
    return next(whole, None if brought or not parked else parked[0])


def _runs(paths: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Stretches of messages between states: what comes after a birth is judged by it."""
    start = 0
    for at in [at for at, path in enumerate(paths) if path.endswith("/state")]:
        if at > start:
            yield start, at
        yield at, at + 1
        start = at + 1
    if start < len(paths):
        yield start, len(paths)


_PLACE = re.compile(rb'"agent":"([a-z0-9][a-z0-9_-]{0,63})","epoch":"([^"\\]{1,64})","seq":(\d{1,18})')


def _position_of(payload: bytes) -> Position | None:
    """The place in the stream of a message that cannot be decoded: without it its agent would send it for ever."""
    found = _PLACE.search(payload[:1024])
    if found is None:
        return senml_cbor.position_of(payload)
    return Position(found[1].decode(), found[2].decode("utf-8", "replace"), int(found[3]))
