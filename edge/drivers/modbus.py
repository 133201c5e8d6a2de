"""Modbus TCP and RTU: reads a meter by the register map of its model.

```toml
[devices.modbus]
url = "modbus+tcp://192.0.2.7"         # or modbus+rtu:///dev/ttyUSB0?baud=9600&parity=E, modbus+rtu://host:port
unit = 3
map = "acrel-adl3000"                   # or map_file = "my-meter.toml"
ct = 40                                 # 200 A / 5 A; only for a map of secondary values
```
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

import msgspec

from edge.driver import Driver
from edge.drivers import Wired
from edge.drivers.left_out import LeftOut
from edge.drivers.modbus_line import Line, Place, place
from edge.drivers.modbus_map import RegisterMap, Request, named, read
from edge.drivers.modbus_probe import probe
from edge.drivers.register_check import Registers
from edge.source import Source
from edge.tomlfile import Wrong, about
from schema.errors import Reject, Stop
from schema.quantity import conversion
from schema.reading import Reading

__all__ = ["Section", "check", "connect", "probe"]

_FASTEST = 10_000
"""kWh or m3 an hour that a register may move and be believed at once: some send two words of two moments."""

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device on a Modbus line: its unit id, its map, its transformer ratios, the seconds it has for an answer."""

    url: str
    unit: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    map: str = "generic"
    map_file: Source | None = None
    ct: Positive = 1.0
    pt: Positive = 1.0
    timeout: Positive | None = None

    def __post_init__(self) -> None:
        with about("url"):
            where = place(self.url)
        if where.rtu and not 1 <= self.unit <= 247:
            raise Wrong("unit", f"unit {self.unit}: on a serial line units are 1 to 247")
        if self.map_file is None:
            with about("map"):
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
        self._kind = wired.kind
        self._registers = Registers(_FASTEST)

    @property
    def doubts(self) -> dict[str, Exception]:
        """Why points were left out the last time."""
        return self._left_out.why

    async def read(self, now: int) -> list[Reading]:
        """The readings of instant `now` in the units of the map; a value the meter does not have is left out."""
        readings: list[Reading] = []
        refusals: dict[str, Reject] = {}
        asked: list[Request] = []
        waiting = self._requests[::-1]
        while waiting:
            request = waiting.pop()
            try:
                readings += await self._ask(request, now, refusals)
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

    async def _ask(self, request: Request, now: int, doubts: dict[str, Reject]) -> list[Reading]:
        """The readings of a request that can be believed, and the `doubts` about the others."""
        readings = []
        for point, value in (await self._values(request)).items():
            try:
                readings.append(await self._reading(request, point, value, now))
            except Reject as error:
                doubts[point] = error
        return readings

    async def _values(self, request: Request) -> dict[str, float]:
        registers = await self._line.ask(self._unit, request.function, request.address, request.length, self._within)
        values = {point: self._map.decode(point, request, registers, self._factors[point]) for point in request.points}
        return {point: value for point, value in values.items() if value is not None}

    async def _reading(self, request: Request, point: str, value: float, now: int) -> Reading:
        unit = self._map.points[point].unit
        about = self._kind.point(point)
        if about is None:
            raise Reject("not_fitted", point)
        if about.kind == "counter":
            factor, _ = conversion(unit, about.quantity)

            async def again() -> Decimal | None:
                second = (await self._values(request)).get(point)
                return None if second is None else Decimal(repr(second * factor))

            first = Decimal(repr(value * factor))
            believed = await self._registers.believe(point, now, first, again)
            value = value if believed == first else float(believed) / factor
        return Reading(self._device, point, now, value, unit)


def check(wired: Wired, others: Sequence[Wired]) -> None:
    """Stop for a map that does not fit its device, and for a line that another device has other settings for."""
    with about("map_file"):
        chosen = _map(wired.section)
    _factors(wired, chosen)
    where = place(wired.section.url)
    if any(other.end == where.end and other != where for other in (place(each.section.url) for each in others)):
        raise Stop(f"device {wired.device!r}: another device has other settings for the same {where.end}")


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Driver]]:
    """The drivers of devices by id, one line for all of a place; Stop as `check` does."""
    for each in wired:
        check(each, wired)
    with ExitStack() as stack:
        lines = {where: stack.enter_context(_shared(where)) for where in {place(each.section.url) for each in wired}}
        yield {each.device: Meter(lines[place(each.section.url)], each, _map(each.section)) for each in wired}


_LINES: dict[Place, tuple[Line, int]] = {}


@contextmanager
def _shared(where: Place) -> Iterator[Line]:
    """The one line to a place, closed when its last user leaves."""
    line, users = _LINES.get(where) or (Line(where), 0)
    _LINES[where] = line, users + 1
    try:
        yield line
    finally:
        line, users = _LINES.pop(where)
        if users > 1:
            _LINES[where] = line, users - 1
        else:
            line.close()


def _map(section: Section) -> RegisterMap:
    return read(section.map_file.path) if section.map_file else named(section.map)


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
