"""Sparkplug B 3.0 host: births tell what metrics are, a lost message is answered with the request for a new birth."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

import msgspec
from sqlalchemy.orm import Session

from bus import sparkplug
from bus.messages import Death, Trouble
from bus.sparkplug import DataType, Metric, Payload
from ingest.dialects import Fault, Heard, Reply, Told
from ingest.mappings import SparkplugRule
from ingest.sparkplug_catalog import Catalog
from ingest.sparkplug_node import Node, bdseq
from ingest.sparkplug_readings import Readings
from ingest.sparkplug_rebirth import Key, Rebirths
from schema.errors import Reject
from schema.instant import SECOND
from store.registry import deadletters, snapshots
from store.registry.base import Registry

NAMESPACE = "spBv1.0"
WAITING = frozenset({"no_birth", "seq_gap"})
REBIRTH = "Node Control/Rebirth"


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The host's id; how long a late message is waited for, and a birth before its node is asked again (us)."""

    host: str
    reorder: int = 2 * SECOND
    patience: int = 30 * SECOND


class _Message(NamedTuple):
    key: Key
    device: str
    told: Payload
    payload: bytes
    now: int
    again: bool


class SparkplugHost:
    """The dialect of Sparkplug; `since` is the instant its STATE is stamped with."""

    waiting = WAITING

    def __init__(
        self, rules: Sequence[SparkplugRule], registry: Registry, org: str, settings: HostSettings, since: int
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._since = since
        self._catalog = Catalog(rules, org)
        self._nodes: dict[Key, Node] = {}
        self._turn: dict[Key, Node] = {}
        self._learned: set[Key] = set()
        self._rebirths = Rebirths(settings.patience)
        self._explained: frozenset[Key] = frozenset()
        self._explaining = self._explained
        self._greeting = True
        self.state_topic = f"{NAMESPACE}/STATE/{settings.host}"
        both = [f"{NAMESPACE}/+/{kind}/+" for kind in ("NBIRTH", "NDEATH", "NDATA")]
        self.filters = [*both, *(f"{NAMESPACE}/+/{kind}/+/+" for kind in ("DBIRTH", "DDEATH", "DDATA"))]
        self.filters.append(self.state_topic)
        self._acts: dict[str, Callable[[Heard, _Message], None]] = {
            "NBIRTH": self._node_birth,
            "DBIRTH": self._device_birth,
            "NDATA": self._data,
            "DDATA": self._data,
            "NDEATH": self._node_death,
            "DDEATH": self._device_death,
        }

    def takes(self, path: str) -> bool:
        """Whether a topic is in Sparkplug's namespace."""
        return path.startswith(f"{NAMESPACE}/")

    def state(self, *, online: bool) -> bytes:
        """The host's STATE; the last will carries the same time stamp as the birth, as the standard wants it."""
        return json.dumps({"online": online, "timestamp": self._since // 1000}).encode()

    def read(self, path: str, payload: bytes, now: int, *, again: bool = False) -> Heard:
        """Births, deaths and data as native messages; Reject("no_birth" or "seq_gap") for data that has to wait."""
        if path == self.state_topic:
            self._greeting = self._greeting or b"true" not in payload
            return Heard()
        parts = path.split("/")
        act = self._acts.get(parts[2]) if len(parts) in {4, 5} else None
        if act is None or (len(parts) == 5) != parts[2].startswith("D"):
            raise Reject("bad_topic", repr(path[:200]))
        told = sparkplug.decode(payload)
        if told.seq is None and parts[2] != "NDEATH":
            raise Reject("no_seq", "a Sparkplug message has a seq, but for NDEATH")
        key = Key(parts[1], parts[3])
        if not again and told.seq is not None and self._twice(key, path, told.seq, payload):
            return Heard()
        heard = Heard()
        heard.faults.extend(Fault(bad.reason, bad.detail, bad.record_bytes) for bad in told.rejects)
        try:
            act(heard, _Message(key, parts[4] if len(parts) == 5 else "", told, payload, now, again))
        finally:
            if told.seq is not None and not again:
                self._node(key).note(told.seq, _digest(path, payload))
        return heard

    def _twice(self, key: Key, path: str, seq: int, payload: bytes) -> bool:
        """Whether a message has come before: then all it says is stored, or waits."""
        return self._node(key).again(seq, _digest(path, payload))

    def _node(self, key: Key) -> Node:
        """The node as of this turn, to be changed; one that is not known is looked up in what was kept."""
        node = self._turn.get(key)
        if node is None:
            known = self._nodes.get(key)
            if known is None:
                with self._registry.reading() as session:
                    kept = snapshots.load(session, _row(key))
                known = Node() if kept is None else Node.restored(kept)
            node = self._turn[key] = known.copy()
        return node

    def _node_birth(self, heard: Heard, message: _Message) -> None:
        key, _, told, _, _, again = message
        node = self._node(key)
        if not again:
            node.born(told)
            self._learned.add(key)
            self._rebirths.settle(key)
            heard.again.append(f"{NAMESPACE}/{key.group}/NDATA/{key.edge}")
        self._birth(heard, message)

    def _device_birth(self, heard: Heard, message: _Message) -> None:
        key, device, told, _, _, again = message
        node = self._node(key)
        if not again and node.online:
            overtaken = node.overtaken(device, told)
            self._count(heard, node, message)
            if not overtaken:
                node.learn(device, told)
                self._learned.add(key)
            if not node.awaited:
                heard.again.append(f"{NAMESPACE}/{key.group}/DDATA/{key.edge}/{device}")
        elif not again:
            self._rebirths.want(key, "a device was born before its node")
        self._birth(heard, message)

    def _birth(self, heard: Heard, message: _Message) -> None:
        """What a birth comes to: the device, the values it names, and one fault for all that has no place."""
        key, device, told, payload, _, _ = message
        place, unmapped = self._catalog.born(*key, device, told.metrics)
        if unmapped is not None:
            heard.faults.append(Fault("unmapped", unmapped, payload))
        if place is not None:
            heard.told.append(Told(place.topic._replace(channel="state"), place.birth))
            readings = Readings(told.timestamp)
            for metric in told.metrics:
                readings.add(self._catalog.find(*key, device, metric.name or "", metric.unit), metric, metric.datatype)
            readings.to(heard, payload)

    def _data(self, heard: Heard, message: _Message) -> None:
        key, device, told, payload, _, again = message
        node = self._node(key)
        sure = again or not node.online or self._count(heard, node, message)
        unborn = not node.online or device not in node.births
        if unborn and not again:
            self._rebirths.want(key, f"data of {device or 'the node'} before its birth")
        if (unborn or not sure) and any(metric.name is None or metric.datatype is None for metric in told.metrics):
            self._wait(heard, message, "no_birth" if unborn else "seq_gap")
            return
        readings = Readings(told.timestamp)
        for metric in told.metrics:
            try:
                known = node.known(device, metric, told.timestamp, again=again)
            except Reject as error:
                readings.wrong.append(error)
                if error.reason in {"unknown_alias", "wrong_alias"} and not again:
                    self._rebirths.want(key, error.detail)
                continue
            readings.add(self._catalog.find(*key, device, known.name, known.unit), metric, known.datatype)
        readings.to(heard, payload)

    def _wait(self, heard: Heard, message: _Message, reason: str) -> None:
        """Park data until a birth says what its aliases mean; a node that gives none is trouble of the device."""
        key, device, told, payload, _, again = message
        why = f"{key.name} {device}: waits for its birth"
        if reason == "seq_gap":
            why = f"{key.name}: something is missing before message {told.seq}"
        unanswered = self._rebirths.mute(key)
        if unanswered is None:
            raise Reject(reason, f"{why}; a birth is asked for")
        heard.faults.append(Fault(reason, f"{why}; {_remedy(unanswered)}", payload))
        node, place = self._node(key), self._catalog.place(*key, device)
        if place is not None and not again and device not in node.unheard:
            node.unheard.add(device)
            birth = msgspec.structs.replace(place.birth, trouble=Trouble("unborn", _remedy(unanswered)))
            heard.told.append(Told(place.topic._replace(channel="state"), birth))

    def _count(self, heard: Heard, node: Node, message: _Message) -> bool:
        """Count a message of a live session; the last that was missing lets the others be read."""
        waited = bool(node.awaited)
        sure = node.count(message.told.seq or 0, message.now)
        if waited and not node.awaited:
            key = message.key
            heard.again.extend(f"{NAMESPACE}/{key.group}/{kind}/{key.edge}" for kind in ("NDATA", "DDATA"))
        return sure

    def _node_death(self, heard: Heard, message: _Message) -> None:
        key, told = message.key, message.told
        node = self._node(key)
        # A will can overtake the birth of the next session: only the number it carries tells.
        if node.online and bdseq(told) == node.bdseq:
            for device in node.births:
                self._death(heard, key, device)
            node.died()
            self._rebirths.settle(key)
            self._learned.add(key)

    def _device_death(self, heard: Heard, message: _Message) -> None:
        key, device, told, _, _, again = message
        node = self._node(key)
        if again or not node.online:
            return
        overtaken = node.overtaken(device, told)
        self._count(heard, node, message)
        if device in node.births and not overtaken:
            self._death(heard, key, device)
            node.forget(device)
            self._learned.add(key)

    def _death(self, heard: Heard, key: Key, device: str) -> None:
        place = self._catalog.place(*key, device)
        if place is not None:
            heard.told.append(Told(place.topic._replace(channel="state"), Death()))

    def replies(self, now: int) -> list[Reply]:
        """Our STATE where it is not known, and a rebirth request to each edge node that owes us one."""
        replies = [Reply(self.state_topic, self.state(online=True), retain=True)] if self._greeting else []
        self._greeting = False
        # Copies: ingest works in a thread of its own.
        for key, node in list(self._nodes.items()):
            if node.online and node.awaited and now - node.since >= self._settings.reorder:
                self._rebirths.want(key, f"message {node.awaited[0]} is missing")
        asked = self._rebirths.due(now)
        return replies + [Reply(f"{NAMESPACE}/{key.group}/NCMD/{key.edge}", _rebirth(now)) for key in asked]

    def connected(self) -> None:
        """The broker may have told our last will."""
        self._greeting = True

    def begin(self) -> None:
        """A turn begins."""
        self._turn.clear()
        self._learned.clear()

    def save(self, session: Session, now: int) -> None:
        """Keep what the aliases mean, and what is known by now of why letters wait."""
        for key in self._learned:
            snapshots.save(session, _row(key), self._turn[key].kept(), now)
        self._explaining = self._rebirths.silent
        for key in self._explaining - self._explained:
            remedy = _remedy(self._rebirths.mute(key) or "")
            for topic in (f"NDATA/{key.edge}", f"DDATA/{key.edge}/"):
                deadletters.explain(session, f"{NAMESPACE}/{key.group}/{topic}", WAITING, f"{key.name}: {remedy}")

    def commit(self) -> None:
        """The turn is on disk."""
        self._nodes |= self._turn
        self._explained = self._explaining
        self.begin()


def _remedy(unanswered: str) -> str:
    return f"its edge node {unanswered}; restart that, or let it take NCMD"


def _rebirth(now: int) -> bytes:
    stamp = now // 1000
    metric = Metric(name=REBIRTH, timestamp=stamp, datatype=DataType.BOOLEAN, value=True)
    return sparkplug.encode(Payload(timestamp=stamp, metrics=[metric]))


def _digest(path: str, payload: bytes) -> int:
    return crc32(payload, crc32(path.encode()))


def _row(key: Key) -> str:
    return f"sparkplug/{key.name}"
