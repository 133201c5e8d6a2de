"""Quantities and units: names after SenML (RFC 8428 section 12.1 and RFC 8798), one canonical unit a quantity."""

from typing import NamedTuple

from schema.errors import Reject


class Unit(NamedTuple):
    """A unit of one quantity: canonical = value * factor + offset."""

    symbol: str
    quantity: str
    factor: float = 1.0
    offset: float = 0.0


UNITS: dict[str, Unit] = {
    unit.symbol: unit
    for unit in (
        Unit("kWh", "energy"),
        Unit("Wh", "energy", 1e-3),
        Unit("MWh", "energy", 1e3),
        Unit("J", "energy", 1 / 3.6e6),
        Unit("MJ", "energy", 1 / 3.6),
        Unit("GJ", "energy", 1e3 / 3.6),
        Unit("kW", "power"),
        Unit("W", "power", 1e-3),
        Unit("MW", "power", 1e3),
        Unit("kvarh", "reactive_energy"),
        Unit("kvar", "reactive_power"),
        Unit("var", "reactive_power", 1e-3),
        Unit("kVA", "apparent_power"),
        Unit("VA", "apparent_power", 1e-3),
        Unit("V", "voltage"),
        Unit("kV", "voltage", 1e3),
        Unit("A", "current"),
        Unit("mA", "current", 1e-3),
        Unit("Hz", "frequency"),
        Unit("m3", "volume"),
        Unit("l", "volume", 1e-3),
        Unit("m3/h", "flow"),
        Unit("m3/s", "flow", 3600.0),
        Unit("l/s", "flow", 3.6),
        Unit("l/min", "flow", 0.06),
        Unit("Cel", "temperature"),
        Unit("K", "temperature", 1.0, -273.15),
        Unit("%RH", "humidity"),
        Unit("W/m2", "irradiance"),
        Unit("m/s", "speed"),
        Unit("kPa", "pressure"),
        Unit("Pa", "pressure", 1e-3),
        Unit("bar", "pressure", 100.0),
        Unit("MPa", "pressure", 1e3),
        Unit("kg", "mass"),
        Unit("g", "mass", 1e-3),
        Unit("ppm", "concentration"),
        Unit("lx", "illuminance"),
        Unit("h", "duration"),
        Unit("min", "duration", 1 / 60),
        Unit("s", "duration", 1 / 3600),
        Unit("MB", "storage"),
        Unit("B", "storage", 1e-6),
        Unit("count", "count"),
        Unit("/", "ratio"),
        Unit("%", "ratio", 1e-2),
    )
}
CANONICAL: dict[str, str] = {
    unit.quantity: unit.symbol for unit in UNITS.values() if unit.factor == 1.0 and not unit.offset
}


def conversion(symbol: str, quantity: str) -> tuple[float, float]:
    """(factor, offset) that turn a value in `symbol` into the canonical unit of `quantity`; Reject otherwise."""
    unit = UNITS.get(symbol)
    if unit is None:
        raise Reject("unknown_unit", repr(symbol))
    if unit.quantity != quantity:
        raise Reject("wrong_unit", f"{symbol} measures {unit.quantity}, the point is {quantity}")
    return unit.factor, unit.offset
