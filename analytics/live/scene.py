"""The scene: the site, the devices and the newest readings an overview is made of, at one instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from analytics.calendar import Calendar
from devices import kinds
from devices.kind import Carrier
from schema.instant import SECOND
from schema.series import SeriesKey
from store.registry.places import Device, Site
from store.series.port import SeriesStore

LATE, OFFLINE = 2, 3
"""After this many expected intervals without a reading."""
SHORTEST = 30 * SECOND
"""Packs and their acknowledgement take seconds: a faster device is not judged by a shorter interval."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is looked at, and from when; `last` is the newest (time, value) of each series."""

    store: SeriesStore
    site: Site
    calendar: Calendar
    now: int
    devices: list[Device]
    last: dict[SeriesKey, tuple[int, float]]

    @classmethod
    def of(cls, store: SeriesStore, site: Site, known: Sequence[Device], calendar: Calendar, now: int) -> "Scene":
        """The scene with its newest readings."""
        batch = store.latest([device.series(point.name) for device in known for point in kinds()[device.kind].points])
        rows = zip(batch.code.tolist(), batch.time.tolist(), batch.value.tolist(), strict=True)
        last = {batch.keys[code]: (time, value) for code, time, value in rows}
        return cls(store, site, calendar, now, list(known), last)

    @property
    def today(self) -> date:
        """The local day."""
        return self.calendar.local(self.now).date()

    def period(self, name: str) -> tuple[date, date]:
        """The running month or year, end exclusive."""
        today = self.today
        if name == "year":
            return date(today.year, 1, 1), date(today.year + 1, 1, 1)
        return today.replace(day=1), (today.replace(day=1) + timedelta(days=32)).replace(day=1)

    def iso(self, time: int) -> str:
        """ISO 8601 with the site's offset."""
        return self.calendar.local(time).isoformat()

    def mains(self, carrier: str) -> list[Device]:
        """The carrier's meters that are nobody's sub-meter: their sum is the site's."""
        return [one for one in self.devices if one.parent is None and kinds()[one.kind].carrier == carrier]

    def heard(self, device: Device) -> int | None:
        """The instant of a device's newest reading."""
        keys = [device.series(point.name) for point in kinds()[device.kind].points]
        return max((self.last[key][0] for key in keys if key in self.last), default=None)

    def age(self, time: int, device: Device) -> float:
        """How old that is, in expected intervals of the device."""
        return (self.now - time) / max(device.interval * SECOND, SHORTEST)


def health(device: Device, heard: int | None, now: int) -> Literal["online", "troubled", "late", "offline"]:
    """Late beyond 2 expected intervals since it was heard (or announced), offline beyond 3 or when it said farewell.

    One without a rhythm of its own (interval 0), or that sends history again, is away only when it says so. Troubled is
    one that is heard, and not believed in everything.
    """
    if device.state == "offline":
        return "offline"
    there: Literal["online", "troubled"] = "troubled" if device.trouble else "online"
    if device.replay or not device.interval:
        return there
    since = max(heard or 0, device.state_since)
    age = (now - since) / max(device.interval * SECOND, SHORTEST)
    return there if age <= LATE else "late" if age <= OFFLINE else "offline"


def unit_of(carrier: Carrier | str) -> str:
    """The unit a carrier is booked in."""
    points = [kind.point(kind.consumption) for kind in kinds().values() if kind.carrier == carrier and kind.consumption]
    return next((point.unit for point in points if point), "")
