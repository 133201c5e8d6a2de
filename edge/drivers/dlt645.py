"""DL/T 645-2007: reads an electricity meter, on a serial line or behind a gateway.

```toml
[devices.dlt645]
url = "dlt645+serial:///dev/ttyUSB0?baud=2400&parity=E"     # or dlt645+tcp://192.0.2.7:4001
address = "202610010042"                                    # the digits on its face
ct = 40                                                     # 200 A / 5 A; pt likewise
points = ["energy", "power", "voltage_a", "voltage_b"]      # instead of USUAL; or a table of data identifiers
```
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from decimal import Decimal
from typing import NamedTuple

from devices import kinds
from devices.kind import DeviceKind
from edge.driver import Driver
from edge.drivers import Found, Value, Wired
from edge.drivers import dlt645_frame as wire
from edge.drivers.byte_line import Line, place, shared
from edge.drivers.dlt645_section import POINTS, fits
from edge.drivers.dlt645_section import MeterSection as Section
from edge.drivers.left_out import LeftOut
from edge.drivers.register_check import Registers
from schema.errors import Reject, RetryLater, Stop
from schema.quantity import conversion
from schema.reading import Reading
from schema.text import Text

__all__ = ["Section", "check", "connect", "probe"]

_FASTEST = 100
"""kWh an hour before the ratios: no meter of this protocol shows more than 79.9999 kW."""

_FRAMES = 16
_PHASES = 3
_BY_PHASE = {0x0201, 0x0202}
_MODEL = 0x0400040B


class Meter:
    """A meter on a line; `width` is where its energy registers roll over, in kWh after the ratios."""

    def __init__(self, device: str, kind: DeviceKind, section: Section, line: Line) -> None:
        self._device = device
        self._kind = kind
        self._address = section.address.zfill(12)
        self._ratios = Decimal(str(section.ct)), Decimal(str(section.pt))
        self._within = section.timeout
        self._line = line
        self._requests = _requests({point: int(di, 16) for point, di in section.wanted().items()})
        self._registers = Registers(_FASTEST)
        self._left_out = LeftOut(device)

    @property
    def doubts(self) -> dict[str, Exception]:
        """Why points were left out the last time."""
        return self._left_out.why

    @property
    def width(self) -> float:
        """1 000 000.00 kWh of the meter's own, times both ratios."""
        return float(1_000_000 * self._ratios[0] * self._ratios[1])

    async def read(self, now: int) -> list[Reading]:
        """What the meter shows; a point that cannot be read is left out and said once, RetryLater if all are."""
        readings: list[Reading] = []
        failure: Reject | RetryLater | None = None
        for request in self._requests:
            try:
                numbers = await self._numbers(request)
            except RetryLater as error:
                # Whoever falls silent half-way would cost the others on the line a time-out for each point.
                failure = error
                if readings:
                    self._give_up(request, error)
                break
            except Reject as error:
                failure = error
                self._give_up(request, error)
                continue
            for (point, di), number in zip(request.points.items(), numbers, strict=True):
                try:
                    readings.append(await self._reading(point, di, number, now))
                    self._left_out.remove(point)
                except Reject as error:
                    failure = error
                    self._left_out.add(point, error)
        if failure and not readings:
            raise failure
        return readings

    async def _numbers(self, request: "_Request") -> list[Decimal | None]:
        part = await ask(self._line, self._address, request.di, self._within)
        found = wire.values(request.di, part.data)
        if len(request.points) == 1:
            return found[:1]
        if len(found) != _PHASES:
            raise Reject("bad_length", f"{request.di:08X} has {len(found)} values for {_PHASES} phases")
        return [found[(di >> 8 & 0xFF) - 1] for di in request.points.values()]

    async def _reading(self, point: str, di: int, number: Decimal | None, now: int) -> Reading:
        form, about = wire.item(di), self._kind.point(point)
        if number is None or about is None:
            raise Reject("not_fitted", f"{di:08X} reads FF: the meter has no such phase")
        if about.kind == "counter":
            number = await self._registers.believe(point, now, number, lambda: self._again(point, di))
        primary = float(scaled(number, form, *self._ratios))
        factor, offset = conversion(form.unit, about.quantity)
        if not about.low <= primary * factor + offset <= about.high:
            raise Reject("implausible", f"{primary:g} {form.unit} is not within {about.low:g} to {about.high:g}")
        return Reading(self._device, point, now, primary, form.unit)

    async def _again(self, point: str, di: int) -> Decimal | None:
        return (await self._numbers(_Request(di, {point: di})))[0]

    def _give_up(self, request: "_Request", error: Reject | RetryLater) -> None:
        """Leave points out; those of a block that the meter does not know are asked for alone next time."""
        for point in request.points:
            self._left_out.add(point, error)
        if isinstance(error, Reject) and error.reason == "refused" and len(request.points) > 1:
            alone = [_Request(di, {point: di}) for point, di in request.points.items()]
            self._requests = [*(other for other in self._requests if other is not request), *alone]


class _Request(NamedTuple):
    """A data identifier to ask for, and the points in its answer with identifiers of their own."""

    di: int
    points: dict[str, int]


def _requests(points: dict[str, int]) -> list[_Request]:
    """The fewest questions: phases of one quantity are asked for as a block."""
    blocks: dict[int, dict[str, int]] = {}
    for point, di in points.items():
        group, _, phase, _ = di.to_bytes(4, "big")
        block = di | 0xFF00 if group == 0x02 and di >> 16 in _BY_PHASE and 1 <= phase <= _PHASES else di
        blocks.setdefault(block, {})[point] = di
    return [_Request(block if len(found) > 1 else next(iter(found.values())), found) for block, found in blocks.items()]


def check(wired: Wired, others: Sequence[Wired]) -> None:  # noqa: ARG001 - meters share a line in peace
    """Stop for a point that the device's kind does not have."""
    for point, di in wired.section.wanted().items():
        fits(wired.device, wired.kind, point, di)


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Driver]]:
    """The meters by device id, those of one line sharing it; Stop for a point that their kind does not have."""
    with shared() as line:
        meters: dict[str, Driver] = {}
        for each in wired:
            check(each, wired)
            meters[each.device] = Meter(each.device, each.kind, each.section, line(each.section.url))
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
        model = re.sub(r"[^\w./-]", "", raw[::-1].decode("ascii", "ignore"))
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
