"""Power of a site from one reading to the next: the newest values of its main meters, while they are fresh."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from analytics.live.board import PowerNow
from analytics.live.scene import OFFLINE
from api.context import Context
from devices import kinds
from schema.instant import SECOND
from store.registry.places import Device


@dataclass
class LivePower:
    """The newest power of each main meter: `lasts` says for how long (us) a value stands."""

    points: dict[str, str]
    lasts: dict[str, int]
    values: dict[str, tuple[int, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, context: Context, devices: Iterable[Device], power: PowerNow) -> "LivePower":
        """Start from what is stored; blocks on the store."""
        main = {device.id: device for device in devices if device.id in power.devices or device.id in power.missing}
        points = {name: point for name, device in main.items() if (point := kinds()[device.kind].demand)}
        batch = context.store.latest([main[name].series(point) for name, point in points.items()])
        rows = zip(batch.code.tolist(), batch.time.tolist(), batch.value.tolist(), strict=True)
        values = {batch.keys[code].device: (time, value) for code, time, value in rows}
        lasts = {name: int(device.interval * OFFLINE * SECOND) for name, device in main.items()}
        return cls(points, lasts, values)

    def take(self, rows: Iterable[dict[str, Any]]) -> bool:
        """Take in what the hub says; whether any of it was ours."""
        ours = [row for row in rows if row["kind"] == "latest" and self.points.get(row["device"]) == row["point"]]
        for row in ours:
            self.values[row["device"]] = (row["time"], row["value"])
        return bool(ours)

    def total(self, now: int) -> float | None:
        """The sum of the fresh values in kW; None when none is."""
        fresh = [value for name, (time, value) in self.values.items() if now - time <= self.lasts[name]]
        return sum(fresh) if fresh else None
