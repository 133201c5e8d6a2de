"""CJ/T 188-2004 and -2018: reads a water, gas, heat or cooling meter, on a serial line or behind a gateway.

```toml
[devices.cjt188]
url = "cjt188+serial:///dev/ttyUSB0?baud=2400&parity=E"     # or cjt188+tcp://192.0.2.7:4001
address = "78330011223344"                                  # 14 digits: 4 of the maker, 10 of the meter
type = 0x10                                                 # 0x10..0x19 water, 0x20..0x29 heat, 0x30..0x39 gas
profile = "flow"                                            # or a layout as cjt188_frame.py writes them
```
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from typing import Annotated, Literal, get_args

import msgspec

from devices import kinds
from devices.kind import DeviceKind, Point
from edge.driver import Driver
from edge.drivers import Found, Value, Wired
from edge.drivers import cjt188_frame as wire
from edge.drivers.byte_line import Line, place, shared
from edge.drivers.left_out import LeftOut
from edge.drivers.register_check import Registers
from edge.tomlfile import Wrong, about
from schema.errors import Reject, RetryLater, Stop
from schema.quantity import conversion
from schema.reading import Reading
from schema.text import Text

log = logging.getLogger(__name__)

_FASTEST = 1000
"""How much an hour a register may move, in its unit, and be believed at once; a faster one is read twice."""

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter: its line, address and type, the layout of its data (that of its type's table unless told otherwise).

    `order` is how it wants identifiers sent, found out by trying if not told; `serial` the serial number it wants.
    """

    url: str
    address: str
    type: Annotated[int, msgspec.Meta(ge=0x10, le=0x49)] = 0x10
    profile: str | None = None
    order: Literal["auto", "2004", "2018"] = "auto"
    serial: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    timeout: Positive = 1.5

    def __post_init__(self) -> None:
        if not self.url.startswith("cjt188+"):
            raise Wrong("url", f"url {self.url!r} must begin with cjt188+tcp: or cjt188+serial:")
        with about("url"):
            place(self.url)
        if not self.address.isdecimal() or len(self.address) > 14:
            raise Wrong("address", f"address {self.address!r} must be up to 14 digits")
        with about("profile"):
            self.fields()

    def fields(self) -> tuple[wire.Field, ...]:
        """The layout of the meter's data; ValueError for one that is not understood."""
        named = self.profile or ("heat" if self.type & 0xF0 == 0x20 else "flow")
        if named not in wire.PROFILES and ":" not in named:
            raise ValueError(f"there is no profile {named!r}; known are {', '.join(wire.PROFILES)}, or write a layout")
        return wire.layout(wire.PROFILES.get(named, named))


class Meter:
    """A meter on a line; fields of its layout that its device kind has as points become readings."""

    def __init__(self, device: str, kind: DeviceKind, section: Section, line: Line) -> None:
        self._device = device
        self._kind = kind
        self._section = section
        self._address = section.address.zfill(14)
        self._fields = section.fields()
        self._line = line
        self._orders: list[wire.Order] = ["2018", "2004"] if section.order == "auto" else [section.order]
        self._registers = Registers(_FASTEST)
        self._left_out = LeftOut(device)
        self._battery = False

    @property
    def doubts(self) -> dict[str, Exception]:
        """Why points were left out the last time."""
        return self._left_out.why

    async def read(self, now: int) -> list[Reading]:
        """What the meter shows; a point that cannot be believed is left out and said once, an error if all are."""
        measured = await self._ask()
        if measured.low_battery != self._battery:
            self._battery = measured.low_battery
            log.warning("%s: its battery is %s", self._device, "low" if self._battery else "good again")
        readings: list[Reading] = []
        failure: Reject | None = None
        for name, value in measured.values.items():
            if about := self._kind.point(name):
                try:
                    readings.append(await self._read(about, value, now))
                    self._left_out.remove(name)
                except Reject as error:
                    failure = error
                    self._left_out.add(name, error)
        if failure and not readings:
            raise failure
        return readings

    async def _read(self, about: Point, value: wire.Value, now: int) -> Reading:
        factor, offset = conversion(value.unit, about.quantity)
        number = value.value
        if about.kind == "counter":

            async def again() -> Decimal | None:
                second = (await self._ask()).values.get(about.name)
                return second.value if second and second.unit == value.unit else None

            number = await self._registers.believe(about.name, now, number, again)
        if not about.low <= float(number) * factor + offset <= about.high:
            raise Reject("implausible", f"{number} {value.unit} is not within {about.low:g} to {about.high:g}")
        return Reading(self._device, about.name, now, float(number), value.unit)

    async def _ask(self) -> wire.Measured:
        """An answer; who is silent or refuses is asked again, with the identifier the other way round if allowed."""
        section = self._section
        order = self._orders[0]
        try:
            data = await ask(self._line, section.type, self._address, order, section.serial, section.timeout)
        except (Reject, RetryLater) as error:
            if isinstance(error, RetryLater) and error.after:
                raise
            order = self._orders[-1]
            data = await ask(self._line, section.type, self._address, order, section.serial, section.timeout)
        self._orders = [order]
        return wire.measured(data, self._fields)


def check(wired: Wired, others: Sequence[Wired]) -> None:  # noqa: ARG001 - meters share a line in peace
    """Stop for a layout without a point of the device's kind."""
    names = [field.name for field in wired.section.fields()]
    if not any(wired.kind.point(name) for name in names):
        raise Stop(
            f"device {wired.device!r}: a {wired.kind.name} has none of {', '.join(names)}; choose another profile"
        )


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Driver]]:
    """The meters by device id, those of one line sharing it; Stop for a layout without a point of their kind."""
    with shared() as line:
        meters: dict[str, Driver] = {}
        for each in wired:
            check(each, wired)
            meters[each.device] = Meter(each.device, each.kind, each.section, line(each.section.url))
        yield meters


async def ask(line: Line, kind: int, address: str, order: wire.Order, serial: int, within: float) -> bytes:
    """The data of a meter's answer; RetryLater from the line, Reject("refused") from the meter."""
    parser = wire.Parser()

    def take(chunk: bytes) -> bytes | None:
        answers = (wire.answer(frame, kind, address, serial) for frame in parser.feed(chunk))
        return next((data for data in answers if data is not None), None)

    return await line.ask(f"meter {address}", wire.question(kind, address, order, serial), take, within)


async def probe(url: str) -> list[Found]:
    """The meter on a line where it is alone: whoever is there is asked for its address, [] if nobody answers."""
    try:
        where = place(url)
    except ValueError as error:
        raise Stop(str(error)) from error
    with closing(Line(where)) as line:
        await line.open()
        for order in get_args(wire.Order):
            frame = await _present(line, order)
            if frame is not None:
                return [await _found(line, url, frame)]
    return []


async def _present(line: Line, order: wire.Order) -> wire.Frame | None:
    parser = wire.Parser()

    def take(chunk: bytes) -> wire.Frame | None:
        frames = parser.feed(chunk)
        return next((frame for frame in frames if _answers(frame)), None)

    try:
        return await line.ask(f"address ({order})", wire.question(wire.ANY_TYPE, wire.ANYONE, order, 0), take, 1.5)
    except RetryLater:
        return None


def _answers(frame: wire.Frame) -> bool:
    try:
        return wire.answer(frame, wire.ANY_TYPE, wire.ANYONE, 0) is not None
    except Reject:
        return False


async def _found(line: Line, url: str, frame: wire.Frame) -> Found:
    kind = _kind(frame.type)
    section = Section(url=url, address=frame.address, type=frame.type)
    try:
        readings = await Meter(f"meter-{frame.address}", kind, section, line).read(0)
    except (Reject, RetryLater):
        readings = []
    title = Text(f"{kind.title.zh} {frame.address}", f"{kind.title.en} {frame.address}")
    toml = f"""[[devices]]
id = "meter-{frame.address}"
kind = "{kind.name}"
building = "main"
title = ["{title.zh}", "{title.en}"]
[devices.cjt188]
url = "{url}"
address = "{frame.address}"
type = 0x{frame.type:02X}
"""
    return Found(title, tuple(Value(each.point, each.value, each.unit) for each in readings), toml)


def _kind(kind: int) -> DeviceKind:
    """The device kind of a meter type; water for those that have no kind of their own."""
    names = {0x20: "heat_meter", 0x30: "gas_meter", 0x40: "electricity_meter"}
    return kinds().get(names.get(kind & 0xF0, "water_meter"), kinds()["water_meter"])
