"""DL/T 645-2007: reads an electricity meter, on a serial line or behind a gateway.

```toml
[devices.dlt645]
url = "dlt645+serial:///dev/ttyUSB0?baud=2400&parity=E"     # or dlt645+tcp://192.0.2.7:4001
address = "202610010042"                                    # the digits on its face
ct = 40                                                     # 200 A / 5 A; pt likewise
points = { energy = "00010000", power = "02030000" }        # instead of those of POINTS
```
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from decimal import Decimal
from typing import Annotated

import msgspec

from devices import kinds
from devices.kind import DeviceKind
from edge.driver import Driver
from edge.drivers import Found, Value, Wired
from edge.drivers import dlt645_frame as wire
from edge.drivers.byte_line import Line, place, shared
from edge.drivers.left_out import LeftOut
from edge.drivers.register_check import Registers
from schema.errors import Reject, RetryLater, Stop
from schema.quantity import UNITS, conversion
from schema.reading import Reading
from schema.text import Text

POINTS = {
    "energy": "00010000",
    "power": "02030000",
    "voltage": "02010100",
    "current": "02020100",
    "power_factor": "02060000",
}
"""What is read unless `points` says otherwise: the point of the device kind and its data identifier."""

_FASTEST = 100
"""kWh an hour before the ratios: no meter of this protocol shows more than 79.9999 kW."""

_FRAMES = 16
_MODEL = 0x0400040B

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter: its line, its address of up to 12 digits, and the ratios of its transformers.

    The meter shows secondary values; each is multiplied by `ct`, `pt` or both here and nowhere else. Leave both at 1
    for a meter that is connected directly, or that has been told its ratios and shows primary values.
    """

    url: str
    address: str
    ct: Positive = 1.0
    pt: Positive = 1.0
    points: dict[str, str] | None = None
    timeout: Positive = 1.0

    def __post_init__(self) -> None:
        if not self.url.startswith("dlt645+"):
            raise ValueError(f"url {self.url!r} must begin with dlt645+tcp: or dlt645+serial:")
        place(self.url)
        if not self.address.isdecimal() or len(self.address) > 12:
            raise ValueError(f"address {self.address!r} must be the up to 12 digits on the meter's face")
        for point, di in (self.points or {}).items():
            _item(point, di)


class Meter:
    """A meter on a line; `width` is where its energy registers roll over, in kWh after the ratios."""

    def __init__(self, device: str, kind: DeviceKind, section: Section, line: Line) -> None:
        self._device = device
        self._kind = kind
        self._address = section.address.zfill(12)
        self._ratios = Decimal(str(section.ct)), Decimal(str(section.pt))
        self._within = section.timeout
        self._line = line
        wanted = POINTS if section.points is None else section.points
        self._points = {point: int(di, 16) for point, di in wanted.items() if kind.point(point)}
        self._registers = Registers(_FASTEST)
        self._left_out = LeftOut(device)

    @property
    def width(self) -> float:
        """1 000 000.00 kWh of the meter's own, times both ratios."""
        return float(1_000_000 * self._ratios[0] * self._ratios[1])

    async def read(self, now: int) -> list[Reading]:
        """What the meter shows; a point that cannot be read is left out and said once, RetryLater if all are."""
        readings: list[Reading] = []
        for point, di in self._points.items():
            try:
                readings.append(await self._read(point, di, now))
                self._left_out.remove(point)
            except Reject as error:
                self._left_out.add(point, error)
                failure: Reject | RetryLater = error
            except RetryLater as error:
                if not readings:
                    raise
                # Whoever falls silent half-way would cost the others on the line a time-out for each point.
                self._left_out.add(point, error)
                break
        if not readings and self._points:
            raise failure
        return readings

    async def _read(self, point: str, di: int, now: int) -> Reading:
        form, about = wire.item(di), self._kind.point(point)
        value = await self._value(di)
        if value is None or about is None:
            raise Reject("not_fitted", f"{di:08X} reads FF: the meter has no such phase")
        if about.kind == "counter":
            value = await self._registers.believe(point, now, value, lambda: self._value(di))
        primary = float(scaled(value, form, *self._ratios))
        factor, offset = conversion(form.unit, about.quantity)
        if not about.low <= primary * factor + offset <= about.high:
            raise Reject("implausible", f"{primary:g} {form.unit} is not within {about.low:g} to {about.high:g}")
        return Reading(self._device, point, now, primary, form.unit)

    async def _value(self, di: int) -> Decimal | None:
        part = await ask(self._line, self._address, di, self._within)
        return wire.values(di, part.data)[0]


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Driver]]:
    """The meters by device id, those of one line sharing it; Stop for a point that their kind does not have."""
    with shared() as line:
        meters: dict[str, Driver] = {}
        for device, kind, _, _, section in wired:
            for point, di in (section.points or {}).items():
                _fits(device, kind, point, di)
            if section.points is None and not any(kind.point(point) for point in POINTS):
                raise Stop(f"device {device!r}: a {kind.name} has none of {', '.join(POINTS)}; give it points")
            meters[device] = Meter(device, kind, section, line(section.url))
        yield meters


async def probe(url: str) -> list[Found]:
    """The meter on a line where it is alone: whoever is there is asked for its address, [] if nobody answers."""
    try:
        where = place(url)
    except ValueError as error:
        raise Stop(str(error)) from error
    with closing(Line(where)) as line:
        await line.open()
        address = await _address(line)
        return [] if address is None else [await _found(line, url, address)]


async def ask(line: Line, address: str, di: int, within: float) -> wire.Part:
    """The data of an identifier, all its frames together; a silent meter is asked twice. Reject when it refuses."""
    part = await _ask(line, address, di, 0, within)
    data, more, follow = part.data, part.more, 0
    while more:
        follow += 1
        if follow > _FRAMES:
            raise Reject("too_long", f"{di:08X} goes on after {_FRAMES} frames")
        part = await _ask(line, part.address, di, follow, within)
        data, more = data + part.data, part.more
    return wire.Part(data, more, part.address)


def scaled(value: Decimal, form: wire.Item, ct: Decimal, pt: Decimal) -> Decimal:
    """The primary value of a secondary one, each ratio applied once and only where it belongs."""
    return value * (ct if form.ct else 1) * (pt if form.pt else 1)


async def _ask(line: Line, address: str, di: int, follow: int, within: float) -> wire.Part:
    try:
        return await _ask_once(line, address, di, follow, within)
    except RetryLater as error:
        if error.after:
            raise
    return await _ask_once(line, address, di, follow, within)


async def _ask_once(line: Line, address: str, di: int, follow: int, within: float) -> wire.Part:
    parser = wire.Parser()

    def take(chunk: bytes) -> wire.Part | None:
        parts = (wire.answer(frame, address, di, follow) for frame in parser.feed(chunk))
        return next((part for part in parts if part), None)

    return await line.ask(f"meter {address}", wire.question(address, di, follow), take, within)


async def _address(line: Line) -> str | None:
    """What the only meter on the line says its address is; older ones do not know 13H, but answer any question."""
    parser = wire.Parser()

    def take(chunk: bytes) -> str | None:
        frames = (frame for frame in parser.feed(chunk) if frame.control == wire.READ_ADDRESS | wire.ANSWER)
        told = ((frame.address, frame.data[::-1].hex()) for frame in frames)
        return next((own for sender, own in told if own.isdecimal() and sender in {own, wire.ANYONE}), None)

    try:
        return await line.ask("read address", wire.encode(wire.Frame(wire.ANYONE, wire.READ_ADDRESS)), take, 1.0)
    except RetryLater:
        with suppress(RetryLater):
            return (await _ask_once(line, wire.ANYONE, int(POINTS["energy"], 16), 0, 1.0)).address
    return None


async def _found(line: Line, url: str, address: str) -> Found:
    section = Section(url=url, address=address)
    kind = kinds()["electricity_meter"]
    try:
        readings = await Meter(f"meter-{address}", kind, section, line).read(0)
    except (Reject, RetryLater):
        readings = []
    model = ""
    with suppress(Reject, RetryLater):
        raw = (await ask(line, address, _MODEL, 1.0)).data
        model = raw[::-1].decode("ascii", "ignore").strip("\0 ")
    title = Text(f"电表 {model or address}", f"Meter {model or address}")
    toml = f"""[[devices]]
id = "meter-{address}"
kind = "electricity_meter"
building = "main"
title = ["{title.zh}", "{title.en}"]
[devices.dlt645]
url = "{url}"
address = "{address}"
ct = 1  # current transformer ratio, 40 for 200/5 A
pt = 1  # voltage transformer ratio
"""
    return Found(title, tuple(Value(each.point, each.value, each.unit) for each in readings), toml)


def _item(point: str, di: str) -> wire.Item:
    if not re.fullmatch("[0-9A-Fa-f]{8}", di):
        raise ValueError(f"point {point!r}: data identifier {di!r} must be 8 hex digits, like 00010000")
    try:
        return wire.item(int(di, 16))
    except Reject as error:
        raise ValueError(f"point {point!r}: {error.detail}") from None


def _fits(device: str, kind: DeviceKind, point: str, di: str) -> None:
    about, unit = kind.point(point), _item(point, di).unit
    if about is None:
        known = ", ".join(each.name for each in kind.points)
        raise Stop(f"device {device!r}: a {kind.name} has no point {point!r}; its points are {known}")
    if unit not in UNITS or UNITS[unit].quantity != about.quantity:
        raise Stop(f"device {device!r}: {di} is in {unit}, but {point!r} measures {about.quantity}")
