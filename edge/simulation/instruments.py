"""Instruments: the readings of one device at an instant, from what is true of it."""

import math
from random import Random

from edge.simulation.loads import COOLED_TO, HEATED_TO
from edge.simulation.weather import Air
from schema.reading import Reading

KWH_PER_M3_K = 1.163
"""What a cubic metre of water gives when it cools by one K."""


def supply(name: str, time: int, kwh: float, kw: float, sag: float, rng: Random) -> list[Reading]:
    """An electricity meter: the busier the compound, the lower its voltage."""
    volt = round(229.5 - sag + rng.gauss(0, 0.5), 1)
    factor = round(min(0.99, 0.9 + 0.05 * math.tanh(abs(kw) / 40) + rng.gauss(0, 0.004)), 3)
    return [
        Reading(name, "energy", time, round(kwh, 3), "kWh"),
        Reading(name, "power", time, round(kw, 3), "kW"),
        Reading(name, "voltage", time, volt, "V"),
        Reading(name, "current", time, round(abs(kw) * 1000 / (3 * volt * factor), 2), "A"),
        Reading(name, "power_factor", time, factor, "/"),
    ]


def quality(shown: list[Reading], exported: float, tilt: float, rng: Random) -> list[Reading]:
    """What the main meter shows besides: export, phases, and the quality of the supply; `tilt` loads phase A more."""
    name, _, time, _, _ = shown[0]
    kw, volt, amp, factor = (reading.value for reading in shown[1:])
    loads = (1 + tilt, 1 - tilt / 2, 1 - tilt / 2)
    currents = [amp * load * rng.gauss(1, 0.01) for load in loads]
    voltages = [volt - 2.5 * (load - 1) + rng.gauss(0, 0.2) for load in loads]
    return [
        Reading(name, "energy_export", time, round(exported, 3), "kWh"),
        Reading(name, "reactive_power", time, round(abs(kw) * math.tan(math.acos(factor)), 3), "kvar"),
        Reading(name, "frequency", time, round(rng.gauss(50, 0.012), 3), "Hz"),
        *(
            Reading(name, f"voltage_{phase}", time, round(one, 1), "V")
            for phase, one in zip("abc", voltages, strict=True)
        ),
        *(
            Reading(name, f"current_{phase}", time, round(one, 2), "A")
            for phase, one in zip("abc", currents, strict=True)
        ),
        Reading(name, "current_n", time, round(amp * (0.06 + 1.4 * tilt) * rng.gauss(1, 0.05), 2), "A"),
        Reading(name, "voltage_unbalance", time, round(0.004 + 0.03 * tilt + abs(rng.gauss(0, 0.0008)), 4), "/"),
        Reading(name, "voltage_thd", time, round(0.018 + abs(rng.gauss(0, 0.002)), 4), "/"),
    ]


def inverter(name: str, time: int, kwh: float, kw: float, air: Air, rng: Random) -> list[Reading]:
    """The PV inverter: its strings have voltage as soon as there is light."""
    light = 1 - math.exp(-air.irradiance / 30)
    volt = max(0.0, light * (645 - 1.4 * (air.temperature + 0.03 * air.irradiance - 25) + rng.gauss(0, 2)))
    return [
        Reading(name, "yield", time, round(kwh, 3), "kWh"),
        Reading(name, "power", time, round(kw, 3), "kW"),
        Reading(name, "voltage", time, round(volt, 1), "V"),
        Reading(name, "temperature", time, round(air.temperature + 6 + 0.3 * kw + rng.gauss(0, 0.2), 1), "Cel"),
    ]


def heat_meter(name: str, time: int, kwh: float, kw: float, air: Air, rng: Random) -> list[Reading]:
    """A heat meter: the colder the air, the hotter the water; out of season the pipes take the cellar's warmth."""
    if kw > 0:
        supplied = 62 - 1.1 * air.temperature + rng.gauss(0, 0.3)
        returned = supplied - (14 - 0.25 * air.temperature) + rng.gauss(0, 0.2)
        flow = kw / (KWH_PER_M3_K * (supplied - returned))
    else:
        supplied, returned = (19 + 0.1 * air.temperature + rng.gauss(0, 0.1) for _ in range(2))
        flow = 0.0
    return [
        Reading(name, "energy", time, round(kwh, 3), "kWh"),
        Reading(name, "power", time, round(kw, 3), "kW"),
        Reading(name, "flow", time, round(flow, 3), "m3/h"),
        Reading(name, "supply", time, round(supplied, 1), "Cel"),
        Reading(name, "return", time, round(returned, 1), "Cel"),
    ]


def lift(name: str, time: int, kwh: float, kw: float, rng: Random) -> list[Reading]:
    """A lift: the more it travels, the warmer its motor."""
    return [
        Reading(name, "energy", time, round(kwh, 3), "kWh"),
        Reading(name, "power", time, round(kw, 3), "kW"),
        Reading(name, "motor", time, round(24 + 2.2 * kw + rng.gauss(0, 0.3), 1), "Cel"),
        Reading(name, "vibration", time, round(0.0016 + 0.0003 * kw + abs(rng.gauss(0, 0.0001)), 5), "m/s"),
    ]


def room(name: str, time: int, used: float, air: Air, beyond: float, rng: Random, *, heats: bool) -> list[Reading]:
    """A room that is `used` 0..1: kept at its set point while it is, and left to itself afterwards.

    `beyond` is how many K it is heated or cooled further than the rule allows.
    """
    point = HEATED_TO + beyond if heats else COOLED_TO - beyond
    alone = max(15.5, 17 + 0.1 * air.temperature) if heats else 12 + 0.55 * max(air.temperature, 14)
    kept = point if heats else min(point, alone + 1.5)
    warmth = alone + (kept - alone) * min(1.0, 3 * used)
    return [
        Reading(name, "temperature", time, round(warmth + rng.gauss(0, 0.12), 2), "Cel"),
        Reading(name, "set_point", time, point, "Cel"),
        Reading(name, "humidity", time, round(min(75.0, max(22.0, 16 + 0.5 * air.humidity)), 1), "%RH"),
        Reading(name, "co2", time, round(425 + 560 * used + rng.gauss(0, 8), 0), "ppm"),
        Reading(name, "presence", time, float(rng.random() < 1.4 * used), "/"),
    ]


def weather(name: str, time: int, air: Air) -> list[Reading]:
    """The weather station."""
    return [
        Reading(name, "temperature", time, air.temperature, "Cel"),
        Reading(name, "humidity", time, air.humidity, "%RH"),
        Reading(name, "irradiance", time, air.irradiance, "W/m2"),
        Reading(name, "wind", time, air.wind, "m/s"),
    ]
