"""The catalog: which devices are known, and what every point of theirs may say."""

from dataclasses import dataclass, field

from bus.messages import Birth
from bus.topics import Topic
from devices import kinds
from schema.errors import Reject
from schema.instant import Clock
from schema.quantity import conversion
from schema.series import SeriesKey
from store.registry.base import Registry
from store.registry.places import Device, Site, devices


@dataclass(slots=True)
class Limits:
    """Rules by slot: struct of lists, so that a whole batch is converted and judged at once."""

    factor: list[float] = field(default_factory=list)
    offset: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    replay: list[bool] = field(default_factory=list)


class Catalog:
    """Devices by (site, id); a slot is a point of a device in one unit, numbered as they are first heard of.

    Slot i belongs to series `keys[code[i]]` and is told in `units[i]`.
    """

    def __init__(self, registry: Registry, clock: Clock, refresh: int) -> None:
        self._registry = registry
        self._clock = clock
        self._refresh = refresh
        self._read = 0
        self._devices: dict[tuple[str, str], Device] = {}
        self._slots: dict[tuple[SeriesKey, str | None], int] = {}
        self._codes: dict[SeriesKey, int] = {}
        self.keys: list[SeriesKey] = []
        self.code: list[int] = []
        self.units: list[str] = []
        self.limits = Limits()

    def device(self, topic: Topic) -> Device:
        """The registered device a topic speaks for; Reject when there is none, or it is of another kind or place."""
        device = self._devices.get((topic.site, topic.device)) or self._reread(topic)
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
            self.limits.factor.append(factor)
            self.limits.offset.append(offset)
            self.limits.low.append(described.low)
            self.limits.high.append(described.high)
            self.limits.replay.append(device.replay)
        return slot

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
        )
        self._devices[topic.site, topic.device] = device
        # Slots carry the device's old rules; the next reading makes new ones.
        self._slots = {key: slot for key, slot in self._slots.items() if key[0][0::3] != (topic.site, topic.device)}
        return device

    def _reread(self, topic: Topic) -> Device | None:
        """Another ingest process may have registered it; looked up at most once in a while."""
        if self._clock() - self._read >= self._refresh:
            with self._registry.reading() as session:
                self._devices = {(row.site, row.id): row for row in devices(session)}
            self._read = self._clock()
        return self._devices.get((topic.site, topic.device))


def new_site(id_: str, timezone: str) -> Site:
    """A site first heard of in a birth message; an administrator fills in the rest."""
    return Site(id=id_, title_zh=id_, title_en=id_, timezone=timezone, calendar="CN", area_m2=None, people=None)
