"""The catalog: which devices are known, and what every point of theirs may say."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bus.messages import Birth
from bus.topics import Topic
from devices import kinds
from schema.errors import Reject
from schema.instant import Clock
from schema.quantity import conversion
from schema.series import SeriesKey
from store.registry.base import Registry
from store.registry.places import Device, Site, devices


class Limits(NamedTuple):
    """Rules by slot: struct of arrays, so that a whole batch is converted and judged at once."""

    factor: NDArray[np.float64]
    offset: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    replay: NDArray[np.bool_]


class _Rule(NamedTuple):
    factor: float
    offset: float
    low: float
    high: float
    replay: bool


class Catalog:
    """Devices by (site, id); a slot is a point of a device in one unit, numbered as they are first heard of.

    Slot i belongs to series `keys[code[i]]` and is told in `units[i]`. A new `version` may give a point another slot.
    """

    def __init__(self, registry: Registry, clock: Clock, refresh: int) -> None:
        self._registry = registry
        self._clock = clock
        self._refresh = refresh
        self._read = 0
        self._devices: dict[tuple[str, str], Device] = {}
        self._unsaved: dict[tuple[str, str], Device] = {}
        self._slots: dict[tuple[SeriesKey, str | None], int] = {}
        self._codes: dict[SeriesKey, int] = {}
        self._rules: list[_Rule] = []
        self._limits = Limits(*(np.zeros(0, sort) for sort in (float, float, float, float, bool)))
        self._code = self._sorted = np.zeros(0, np.int64)
        self.keys: list[SeriesKey] = []
        self.code: list[int] = []
        self.units: list[str] = []
        self.version = 0

    def device(self, topic: Topic) -> Device:
        """The registered device a topic speaks for; Reject when there is none, or it is of another kind or place."""
        device = self._devices.get((topic.site, topic.device))
        if device is None or (device.kind, device.building) != (topic.kind, topic.building):
            device = self._reread(topic)
        if device is None:
            raise Reject("unknown_device", f"{topic.site}/{topic.device} has sent no birth message")
        if (device.kind, device.building) != (topic.kind, topic.building):
            raise Reject("wrong_topic", f"{device.id} is a {device.kind} in {device.building}")
        return device

    def slot(self, device: Device, point: str, unit: str | None) -> int:
        """The slot of a point in a unit (None: its canonical one); Reject for a point or unit it does not have."""
        key = device.series(point)
        slot = self._slots.get((key, unit))
        if slot is None:
            described = kinds()[device.kind].point(point)
            if described is None:
                raise Reject("unknown_point", f"a {device.kind} has no point {point!r}")
            factor, offset = conversion(unit or described.unit, described.quantity)
            slot = self._slots[key, unit] = len(self.code)
            code = self._codes.setdefault(key, len(self.keys))
            if code == len(self.keys):
                self.keys.append(key)
            self.code.append(code)
            self.units.append(unit or described.unit)
            self._rules.append(_Rule(factor, offset, described.low, described.high, device.replay))
        return slot

    def limits(self) -> Limits:
        """The rules of every slot."""
        if len(self._limits.factor) < len(self._rules):
            self._limits = Limits(*map(np.array, zip(*self._rules, strict=True)))
        return self._limits

    def codes(self) -> NDArray[np.int64]:
        """The place in `keys` of every slot."""
        if len(self._code) < len(self.code):
            self._code = np.array(self.code, np.int64)
        return self._code

    def batched(self, codes: NDArray[np.int64]) -> tuple[list[SeriesKey], NDArray[np.int32]]:
        """The keys that occur among codes, sorted, and the place of each code in them."""
        if len(self._sorted) < len(self.keys):
            self._sorted = np.array(sorted(range(len(self.keys)), key=self.keys.__getitem__), np.int64)
        used = self._sorted[np.bincount(codes, minlength=len(self.keys))[self._sorted] > 0]
        place = np.zeros(len(self.keys), np.int32)
        place[used] = np.arange(len(used), dtype=np.int32)
        return [self.keys[code] for code in used.tolist()], place[codes]

    def born(self, topic: Topic, birth: Birth, now: int) -> Device:
        """Take a birth in: the device as it is to be registered.

        Reject for a kind nobody declares, and for one that would make another agent's device into something else.
        """
        if topic.kind not in kinds():
            raise Reject("unknown_kind", f"{topic.kind!r} is none of {', '.join(sorted(kinds()))}")
        known = self._devices.get((topic.site, topic.device)) or self._reread(topic)
        agent = birth.position.agent if birth.position else None
        if known is not None and (known.kind, known.building) != (topic.kind, topic.building) and known.agent != agent:
            raise Reject("taken", f"{known.id} is a {known.kind} in {known.building}, announced by {known.agent}")
        device = Device(
            site=topic.site,
            id=topic.device,
            building=topic.building,
            kind=topic.kind,
            title_zh=birth.title.zh,
            title_en=birth.title.en,
            parent=birth.parent,
            agent=agent,
            interval=birth.interval,
            replay=birth.replay,
            width=birth.width,
            state="online",
            state_since=now,
            trouble=birth.trouble.reason if birth.trouble else None,
            trouble_detail=birth.trouble.detail if birth.trouble else None,
        )
        self._devices[topic.site, topic.device] = self._unsaved[topic.site, topic.device] = device
        if known is not None and _rules(known) != _rules(device):
            self._forget({(topic.site, topic.device)})
        return device

    def places(self) -> set[tuple[str, str]]:
        """(site, building) of every device, also of those another process has registered."""
        with self._registry.reading() as session:
            self.learn(devices(session))
        return {(device.site, device.building) for device in self._devices.values()}

    def saved(self) -> None:
        """All births that were taken in are in the registry."""
        self._unsaved.clear()

    def learn(self, rows: Iterable[Device]) -> None:
        """Take devices as the registry has them, another ingest process may have registered them."""
        fresh = {(row.site, row.id): row for row in rows} | self._unsaved
        old = self._devices
        self._devices = old | fresh
        self._forget({key for key, row in fresh.items() if key in old and _rules(old[key]) != _rules(row)})

    def _reread(self, topic: Topic) -> Device | None:
        """Learn from the registry, at most once in a while."""
        # A clock that was set back must not keep us from looking.
        if not 0 <= self._clock() - self._read < self._refresh:
            with self._registry.reading() as session:
                self.learn(devices(session))
            self._read = self._clock()
        return self._devices.get((topic.site, topic.device))

    def _forget(self, changed: set[tuple[str, str]]) -> None:
        """Slots carry a device's old rules; its next reading makes new ones."""
        if changed:
            self.version += 1
            self._slots = {key: slot for key, slot in self._slots.items() if key[0][0::3] not in changed}


def _rules(device: Device) -> tuple[str, str, bool]:
    return (device.kind, device.building, device.replay)


def new_site(id_: str, timezone: str) -> Site:
    """A site first heard of in a birth message; an administrator fills in the rest."""
    return Site(id=id_, title_zh=id_, title_en=id_, timezone=timezone, calendar="CN", area_m2=None, people=None)
