"""Who is on a Modbus line: a unit is taken for the shipped map under which its supply makes sense."""

import re
from contextlib import closing
from urllib.parse import parse_qsl, urlsplit

from edge.drivers import Found, Value
from edge.drivers.modbus_line import Line, place
from edge.drivers.modbus_map import RegisterMap, named, shipped
from schema.errors import Reject, RetryLater, Stop
from schema.quantity import UNITS
from schema.text import Text

_PATIENCE = 0.5
_OPENING = 5.0
_SUPPLY = {"voltage": (50.0, 500.0), "frequency": (45.0, 65.0)}
"""V and Hz of a mains supply, the V behind a voltage transformer (57.7 or 100) included."""


async def probe(url: str) -> list[Found]:
    """Who answers at a url, at worst half a second a unit; RetryLater when the line cannot be opened.

    `?units=1-32` in the url says which are asked, 1 to 32 if it does not.
    """
    try:
        url, units = _units(url)
        where = place(url)
    except ValueError as error:
        raise Stop(str(error)) from error
    with closing(Line(where)) as line:
        await line.open(_OPENING)
        return [found for unit in units for found in await _look(line, url, unit)]


def _units(url: str) -> tuple[str, range]:
    """The url without its units, and those; ValueError for what are none."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    told = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", options.pop("units", "1-32"))
    if told is None:
        raise ValueError(f"{url!r}: write the units to ask as units=7 or units=1-32")
    first, last = told.groups()
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return url.partition("?")[0] + (f"?{query}" if query else ""), range(int(first), min(int(last or first), 255) + 1)


async def _look(line: Line, url: str, unit: int) -> list[Found]:
    found: list[Found] = []
    for name in shipped():
        chosen = named(name)
        try:
            values = await _values(line, unit, chosen)
        except RetryLater:
            return found
        if _makes_sense(values):
            toml = _device(url, unit, chosen.kind, chosen.title) + f'map = "{name}"\n' + _ratios(chosen)
            found.append(Found(chosen.title, values, toml))
    if not found:
        title = Text("未识别的 Modbus 设备", "Modbus device of no shipped map")
        toml = _device(url, unit, "electricity_meter", title) + 'map_file = "write-its-map.toml"\n'
        found.append(Found(title, (), toml))
    return found


async def _values(line: Line, unit: int, chosen: RegisterMap) -> tuple[Value, ...]:
    """What a unit reads by a map, without what it refuses."""
    values = []
    for request in [alone for point in chosen.points for alone in chosen.requests([point])]:
        try:
            registers = await line.ask(unit, request.function, request.address, request.length, _PATIENCE)
        except Reject:
            continue
        for point in request.points:
            entry = chosen.points[point]
            value = chosen.decode(point, request, registers, entry.factor(1.0, 1.0))
            if value is not None:
                values.append(Value(point, value, entry.unit))
    return tuple(values)


def _makes_sense(values: tuple[Value, ...]) -> bool:
    read = {value.point: value.value * UNITS[value.unit].factor for value in values}
    return all(point in read and low <= read[point] <= high for point, (low, high) in _SUPPLY.items())


def _device(url: str, unit: int, kind: str, title: Text) -> str:
    return (
        f'[[devices]]\nid = "modbus-{unit}"\nkind = "{kind}"\nbuilding = "main"\ntitle = ["{title.zh}", "{title.en}"]\n'
        f'[devices.modbus]\nurl = "{url}"\nunit = {unit}\n'
    )


def _ratios(chosen: RegisterMap) -> str:
    """Lines for the ratios a map multiplies by; what they are stands on the transformers, not in the meter."""
    return "".join(f"{name} = 1  # as on the transformers: 200/5 is 40\n" for name in sorted(chosen.ratios()))
