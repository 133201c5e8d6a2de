"""Register maps: where a model of meter keeps its points, one TOML file a model, read in as few requests as can be."""

import math
import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from devices import kinds
from edge import tomlfile
from edge.suggestion import unknown
from edge.tomlfile import Wrong
from schema.errors import Reject
from schema.quantity import conversion
from schema.text import Text

MOST = 125
"""Registers one request may ask for (Modbus Application Protocol 1.1b3, 6.3)."""

Function = Literal[3, 4]
Order = Literal["abcd", "cdab", "badc", "dcba"]
"""How the bytes of 0xAABBCCDD are sent; longer numbers likewise: `cdab` swaps words, `badc` the bytes in each word."""

_FORMATS = {"u": {2: "H", 4: "I", 8: "Q"}, "i": {2: "h", 4: "i", 8: "q"}, "f": {4: "f", 8: "d"}}
_FOLDER = Path(__file__).parent / "maps"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A point: its registers from wire address `address` (0-based), and value = number * scale [* CT] [* PT] in `unit`.

    The number is the `mean` of so many in a row, such as those of three phases.
    `times` names the ratios that make the number primary, none for a meter that sends primary values;
    `code = "four_quadrant"` undoes the power factor code of IEEE 1459 meters (1..2 leading, negative exporting).
    """

    address: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
    type: Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bcd16", "bcd32", "bcd64"]
    unit: str
    scale: float = 1.0
    mean: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1
    times: Literal["", "ct", "pt", "ct*pt"] = ""
    code: Literal["", "four_quadrant"] = ""
    function: Function | None = None
    order: Order | None = None

    def __post_init__(self) -> None:
        if self.address + self.count > 0x10000:
            raise ValueError(f"{self.type} at {self.address} ends behind register 65535")
        if not math.isfinite(self.scale) or not self.scale:
            raise ValueError(f"a scale of {self.scale} makes no value")

    @property
    def count(self) -> int:
        """How many registers."""
        return self.mean * self.width

    @property
    def width(self) -> int:
        """How many registers a number has."""
        return int(self.type.lstrip("uifbcd")) // 16

    def factor(self, ct: float, pt: float) -> Fraction:
        """What the number is multiplied by, exactly as the decimals were written."""
        ratios = {"ct": ct, "pt": pt}
        return math.prod((_exact(ratios[name]) for name in self.times.split("*") if name), start=_exact(self.scale))


class RegisterMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model of meter: its points by the names of its device kind.

    One request spans up to `gap` registers nobody wants, 0 for a meter that refuses those, and at most `most` in all.
    """

    title: Text
    kind: str
    points: dict[str, Entry]
    function: Function = 3
    order: Order = "abcd"
    gap: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = 16
    most: Annotated[int, msgspec.Meta(ge=12, le=MOST)] = MOST

    def __post_init__(self) -> None:
        kind = kinds().get(self.kind)
        if kind is None:
            raise Wrong("kind", unknown("device kind", self.kind, kinds()))
        if not self.points:
            raise ValueError("a map needs points")
        for name, entry in self.points.items():
            point = kind.point(name)
            if point is None:
                names = [each.name for each in kind.points]
                raise Wrong("points", unknown(f"point of a {kind.name}", name, names), name)
            try:
                conversion(entry.unit, point.quantity)
            except Reject as error:
                raise Wrong("points", f"{name!r}: {error}; its unit is {point.unit} or one like it", name) from error

    def ratios(self) -> set[str]:
        """The transformer ratios this map applies: of "ct", "pt"."""
        return {name for entry in self.points.values() for name in entry.times.split("*") if name}

    def requests(self, points: Iterable[str]) -> list["Request"]:
        """The fewest requests that bring these points, in order of address."""
        found: list[Request] = []
        for name in sorted(points, key=lambda name: (self._function(name), self.points[name].address)):
            entry, function = self.points[name], self._function(name)
            last = found[-1] if found else None
            if last and last.function == function and entry.address - (last.address + last.length) <= self.gap:
                length = max(last.length, entry.address + entry.count - last.address)
                if length <= self.most:
                    found[-1] = Request(function, last.address, length, (*last.points, name))
                    continue
            found.append(Request(function, entry.address, entry.count, (name,)))
        return found

    def decode(self, name: str, request: "Request", registers: Sequence[int], factor: Fraction) -> float | None:
        """The value of a point in the answer to its request; None where the meter says that it has none."""
        entry = self.points[name]
        at = entry.address - request.address
        total = Fraction(0)
        for start in range(at, at + entry.count, entry.width):
            value = number(registers[start : start + entry.width], entry.type, entry.order or self.order)
            if value is None:
                return None
            if entry.code and abs(value) > 1:
                value = math.copysign(2, value) - value
            total += Fraction(value)
        return float(total * factor / entry.mean)

    def _function(self, name: str) -> Function:
        return self.points[name].function or self.function


class Request(NamedTuple):
    """Registers to ask for at once, and the points in them."""

    function: Function
    address: int
    length: int
    points: tuple[str, ...]


def number(registers: Sequence[int], kind: str, order: Order) -> int | float | None:
    """The number in registers; None for what meters send when there is none.

    That is a NaN or infinity, every bit of an unsigned number, the least signed one, a digit above 9 in BCD.
    """
    words = reversed(registers) if order in ("cdab", "dcba") else registers
    data = struct.pack(f"{'<' if order in ('badc', 'dcba') else '>'}{len(registers)}H", *words)
    if kind.startswith("bcd"):
        digits = data.hex()
        return int(digits) if digits.isdecimal() else None
    value: int | float = struct.unpack(f">{_FORMATS[kind[0]][len(data)]}", data)[0]
    match kind[0]:
        case "u":
            missing = value == (1 << 8 * len(data)) - 1
        case "i":
            missing = value == -1 << 8 * len(data) - 1
        case _:
            missing = not math.isfinite(value)
    return None if missing else value


def shipped() -> list[str]:
    """The names of the maps that come with the project."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


@cache
def named(name: str) -> RegisterMap:
    """The shipped map of that name; ValueError for none."""
    if name not in shipped():
        raise ValueError(f"{unknown('map', name, shipped())}; map_file names your own")
    return read(_FOLDER / f"{name}.toml")


def read(path: Path) -> RegisterMap:
    """The map in a TOML file; Stop with the line of every fault."""
    return tomlfile.read(path, RegisterMap)


def _exact(decimal: float) -> Fraction:
    return Fraction(repr(decimal))
