"""Modbus TCP and RTU: reads a meter by the register map of its model.

```toml
[devices.modbus]
url = "modbus+tcp://192.0.2.7"         # or modbus+rtu:///dev/ttyUSB0?baud=9600&parity=E, modbus+rtu://host:port
unit = 3
map = "acrel-adl3000"                   # or map_file = "my-meter.toml"
ct = 40                                 # 200 A / 5 A; only for a map of secondary values
```
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import msgspec

from edge.driver import Driver
from edge.drivers import Wired
from edge.drivers.left_out import LeftOut
from edge.drivers.modbus_line import Line, Place, place
from edge.drivers.modbus_map import RegisterMap, Request, named, read
from edge.drivers.modbus_probe import probe
from schema.errors import Reject, Stop
from schema.reading import Reading

__all__ = ["Section", "connect", "probe"]

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device on a Modbus line: its unit id, its map, its transformer ratios, the seconds it has for an answer."""

    url: str
    unit: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    map: str = "generic"
    map_file: Path | None = None
    ct: Positive = 1.0
    pt: Positive = 1.0
    timeout: Positive | None = None

    def __post_init__(self) -> None:
        where = place(self.url)
        if where.rtu and not 1 <= self.unit <= 247:
            raise ValueError(f"unit {self.unit}: on a serial line units are 1 to 247")
        if self.map_file is None:
            named(self.map)


class Meter:
    """Reads one device by its map; what the meter refuses together is asked for point by point from then on."""

    def __init__(self, line: Line, wired: Wired, chosen: RegisterMap) -> None:
        section: Section = wired.section
        self._line = line
        self._unit = section.unit
        self._device = wired.device
        self._map = chosen
        # Half a turn at most, so that one dead meter leaves the other half of a shared line to the living.
        self._within = section.timeout or min(1.0, wired.interval / 2)
        self._factors = _factors(wired, chosen)
        self._requests = chosen.requests(self._factors)
        self._left_out = LeftOut(wired.device)

    async def read(self, now: int) -> list[Reading]:
        """The readings of instant `now` in the units of the map; a value the meter does not have is left out."""
        readings: list[Reading] = []
        refusals: dict[str, Reject] = {}
        asked: list[Request] = []
        waiting = self._requests[::-1]
        while waiting:
            request = waiting.pop()
            try:
                readings += await self._ask(request, now)
            except Reject as error:
                if len(request.points) > 1:
                    waiting += [alone for point in request.points[::-1] for alone in self._map.requests([point])]
                    continue
                refusals[request.points[0]] = error
            asked.append(request)
        self._requests = asked
        if refusals and len(refusals) == len(self._factors):
            raise next(iter(refusals.values()))
        for point in self._factors:
            if point in refusals:
                self._left_out.add(point, refusals[point])
            else:
                self._left_out.remove(point)
        return readings

    async def _ask(self, request: Request, now: int) -> list[Reading]:
        registers = await self._line.ask(self._unit, request.function, request.address, request.length, self._within)
        values = [
            (point, self._map.decode(point, request, registers, self._factors[point])) for point in request.points
        ]
        return [
            Reading(self._device, point, now, value, self._map.points[point].unit)
            for point, value in values
            if value is not None
        ]


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Driver]]:
    """The drivers of devices by id, one line for all of a place; Stop for a map that does not fit its device."""
    lines: dict[Place, Line] = {}
    drivers: dict[str, Driver] = {}
    for each in wired:
        section: Section = each.section
        chosen = read(section.map_file) if section.map_file else named(section.map)
        where = place(section.url)
        if any(known.end == where.end and known != where for known in lines):
            raise Stop(f"device {each.device!r}: another device has other settings for the same {where.end}")
        line = lines.setdefault(where, Line(where))
        drivers[each.device] = Meter(line, each, chosen)
    try:
        yield drivers
    finally:
        for line in lines.values():
            line.close()


def _factors(wired: Wired, chosen: RegisterMap) -> dict[str, Fraction]:
    """What each number is multiplied by; Stop for a map of another kind and for ratios the meter applies itself."""
    section: Section = wired.section
    if chosen.kind != wired.kind.name:
        raise Stop(f"device {wired.device!r} is a {wired.kind.name}, its register map is of a {chosen.kind}")
    for name, ratio in (("ct", section.ct), ("pt", section.pt)):
        if ratio != 1 and name not in chosen.ratios():
            raise Stop(
                f"device {wired.device!r}: its map sends values that need no {name}; leave {name} = {ratio:g} out"
            )
    return {name: entry.factor(section.ct, section.pt) for name, entry in chosen.points.items()}
