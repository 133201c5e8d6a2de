"""One Sparkplug edge node as its births told: who it is, what its aliases mean, and whether a message was lost."""

import msgspec

from bus.sparkplug import Metric, Payload
from schema.errors import Reject

NEVER = -1
"""Stands for a message that will never come, as when numbers run backwards: only a birth makes that good."""


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A metric as its birth told it."""

    device: str
    name: str
    datatype: int | None
    unit: str | None


class Node(msgspec.Struct):
    """A session of an edge node; `births` are the devices that are there ("" the node itself) and when they were born.

    `former` is what aliases meant before: a message of then can be read where they mean the same again. `awaited` are
    the numbers that were left out, since the instant `since`; `seen` are the messages of the last 256 numbers. Of
    `unheard` devices it was told that nothing can be made of what they say.
    """

    online: bool = False
    bdseq: int | None = None
    expected: int = 0
    awaited: list[int] = []
    since: int = 0
    seen: dict[int, int] = {}
    unheard: set[str] = set()
    births: dict[str, int] = {}
    aliases: dict[int, Known] = {}
    former: dict[int, Known] = {}
    names: dict[str, dict[str, Known]] = {}

    def copy(self) -> "Node":
        """One that can be changed without changing this."""
        return msgspec.structs.replace(
            self,
            awaited=list(self.awaited),
            seen=dict(self.seen),
            unheard=set(self.unheard),
            births=dict(self.births),
            aliases=dict(self.aliases),
            former=dict(self.former),
            names=dict(self.names),
        )

    def kept(self) -> bytes:
        """What a restart must find: what the aliases mean."""
        return msgspec.msgpack.encode(self.former | self.aliases)

    @classmethod
    def restored(cls, kept: bytes) -> "Node":
        """A node that has to be born again, with what its aliases meant."""
        return cls(former=msgspec.msgpack.decode(kept, type=dict[int, Known]))

    def born(self, payload: Payload) -> None:
        """NBIRTH: a session begins."""
        self.former |= self.aliases
        self.aliases, self.names, self.births = {}, {}, {}
        self.online, self.bdseq = True, bdseq(payload)
        self.expected = ((payload.seq or 0) + 1) % 256
        self.awaited, self.since, self.seen, self.unheard = [], 0, {}, set()
        self.learn("", payload)

    def learn(self, device: str, payload: Payload) -> None:
        """What a birth says of a device's metrics."""
        self.forget(device)
        names = {}
        for metric in payload.metrics:
            if metric.name is None:
                continue
            known = names[metric.name] = Known(device, metric.name, metric.datatype, metric.unit)
            if metric.alias is not None:
                self.aliases[metric.alias] = known
        self.names[device] = names
        self.births[device] = payload.timestamp or 0

    def forget(self, device: str) -> None:
        """A device is gone, or told anew."""
        gone = {alias: known for alias, known in self.aliases.items() if known.device == device}
        self.former |= gone
        self.aliases = {alias: known for alias, known in self.aliases.items() if alias not in gone}
        self.births.pop(device, None)
        self.names.pop(device, None)

    def died(self) -> None:
        """NDEATH: the session is over."""
        self.online = False
        for device in list(self.births):
            self.forget(device)

    def again(self, seq: int, digest: int) -> bool:
        """Whether this very message has come before: brokers may deliver one twice."""
        return self.online and self.seen.get(seq) == digest

    def note(self, seq: int, digest: int) -> None:
        """A message has come."""
        self.seen[seq] = digest

    def count(self, seq: int, now: int) -> bool:
        """Count a message; whether all before it has come, so that what it says can be relied on."""
        if seq == self.expected:
            self.expected = (seq + 1) % 256
            return not self.awaited
        if seq in self.awaited:
            first = self.awaited[0] == seq
            self.awaited.remove(seq)
            return first
        ahead = (seq - self.expected) % 256
        self.since = self.since if self.awaited else now
        left_out = [(self.expected + at) % 256 for at in range(ahead)] if ahead < 128 else [NEVER]
        self.awaited += [number for number in left_out if number not in self.awaited]
        if ahead < 128:
            self.expected = (seq + 1) % 256
        return False

    def overtaken(self, device: str, payload: Payload) -> bool:
        """Whether a birth or death comes late, behind a newer birth of its device; else clocks are not asked."""
        return payload.seq in self.awaited and (payload.timestamp or 0) < self.births.get(device, 0)

    def known(self, device: str, metric: Metric, timestamp: int | None, *, again: bool) -> Known:
        """What a metric of a device is; Reject("unknown_alias", "wrong_alias" or "alias_changed").

        One read `again` may be of an earlier session: its alias has to mean what it meant before, or be new.
        """
        if metric.name is not None:
            known = self.names.get(device, {}).get(metric.name)
            return known or Known(device, metric.name, metric.datatype, metric.unit)
        alias = -1 if metric.alias is None else metric.alias
        found = self.aliases.get(alias)
        if found is None:
            raise Reject("unknown_alias", f"alias {alias} of {device or 'the node'}")
        if found.device != device:
            raise Reject("wrong_alias", f"alias {alias} is of {found.device or 'the node'}, not of {device}")
        before = self.former.get(alias)
        new = before is None and timestamp is not None and timestamp >= self.births.get(device, 0)
        if again and before != found and not new:
            raise Reject("alias_changed", f"alias {alias} of {device or 'the node'} may have meant something else then")
        return found


def bdseq(payload: Payload) -> int | None:
    """The number that ties a death to its birth."""
    return next((one.value for one in payload.metrics if one.name == "bdSeq" and isinstance(one.value, int)), None)
