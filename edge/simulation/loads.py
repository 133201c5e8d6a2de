"""What the compound draws at a moment: every load follows from people, weather, clock and calendar."""

from random import Random
from typing import NamedTuple

from edge.simulation.weather import Air

GAS_KWH_PER_M3 = 9.9
COOLED_TO = 26.0
HEATED_TO = 20.0
"""The limits for public buildings, in degrees C."""

_ROOF = 160.0
"""kW of the PV modules in full sun."""


class Moment(NamedTuple):
    """What drives the loads: local hour, whether the offices are open, heads by building, air, kitchen 0..1.

    `heats` says whether the district sends heat; `rides` is the kW of all lifts; `beyond` the K by which the rooms of
    a building are kept beyond the rule. Thick walls feel the air of a `day` more than that of the hour.
    """

    hour: float
    month: int
    workday: bool
    inside: dict[str, int]
    air: Air
    day: float
    kitchen: float
    heats: bool
    rides: float
    beyond: dict[str, float]


class _Office(NamedTuple):
    """An office building: kW that never stop, kW a head, kW of light and of air handling in use; kW of heat a K."""

    always: float
    head: float
    light: float
    air: float
    seats: int
    loses: float


_OFFICES = {"office-a": _Office(9.5, 0.115, 16, 34, 380, 11), "office-b": _Office(6.5, 0.11, 11, 24, 260, 8)}
SEATS = {name: office.seats for name, office in _OFFICES.items()}


def electricity(now: Moment, rng: Random) -> dict[str, float]:
    """kW of each sub-meter."""
    kw = {f"{name}-elec": _office(office, now.inside[name], now.beyond[name], now) for name, office in _OFFICES.items()}
    kw["canteen-elec"] = 5.0 + 46 * now.kitchen
    kw["data-room-elec"] = 23 + 0.25 * max(0.0, now.air.temperature - 5) + 0.004 * sum(now.inside.values())
    dark = now.air.irradiance < 15 and (now.hour < 8 or now.hour > 17)
    kw["grounds-elec"] = 3.5 + (5.5 if dark else 0) + (6.0 if now.heats else 0)
    kw = {name: value * max(0.7, rng.gauss(1, 0.025)) for name, value in kw.items()}
    kw["grounds-elec"] += now.rides
    return kw


def roof(air: Air) -> float:
    """kW that the PV on the roof gives: the sun on it, less what hot cells lose."""
    cell = air.temperature + 0.03 * air.irradiance
    return max(0.0, _ROOF * air.irradiance / 1000 * 0.86 * (1 - 0.004 * (cell - 25)))


def water(now: Moment, rng: Random) -> dict[str, float]:
    """m3/h of each sub-meter."""
    offices = {
        f"{name}-water": 0.0062 * now.inside[name] * max(0.3, rng.gauss(1, 0.18)) + (0.1 if rng.random() < 0.06 else 0)
        for name in _OFFICES
    }
    grounds = 0.0
    if now.workday and 6.3 <= now.hour < 7.8:
        grounds += 2.2
    if 4 <= now.month <= 10 and 5 <= now.hour < 6:
        grounds += 5.0
    if now.workday and now.air.temperature > 24:
        grounds += 0.11 * (now.air.temperature - 24)
    return offices | {
        "canteen-water": 3.4 * now.kitchen * max(0.4, rng.gauss(1, 0.12)),
        "grounds-water": grounds * max(0.4, rng.gauss(1, 0.1)),
    }


def gas(now: Moment, rng: Random) -> float:
    """m3/h of the kitchen's stoves."""
    return 16.0 * now.kitchen * max(0.4, rng.gauss(1, 0.1))


def heat(now: Moment, rng: Random) -> dict[str, float]:
    """kW of each building's heat: what its walls lose at the temperature it is kept at, less what people give."""
    outside = 0.75 * now.day + 0.25 * now.air.temperature
    warmed = HEATED_TO if now.workday and 6 <= now.hour < 18 else 16.0
    kw = {
        f"{name}-heat": office.loses * (warmed + now.beyond[name] - outside) - 0.1 * now.inside[name]
        for name, office in _OFFICES.items()
    }
    kw["canteen-heat"] = 3.0 * (warmed - outside) - 20 * now.kitchen
    return {name: max(0.0, value) * max(0.7, rng.gauss(1, 0.03)) if now.heats else 0.0 for name, value in kw.items()}


def _office(office: _Office, heads: int, beyond: float, now: Moment) -> float:
    use = min(1.0, heads / office.seats)
    gloom = 1.0 if now.air.irradiance < 80 else 0.6
    light = office.light * gloom * min(1.0, 1.8 * use)
    # Heat is the district's, and no matter of the electricity meter.
    warm = now.air.temperature - (COOLED_TO - (0 if now.heats else beyond))
    cooling = min(1.0, max(0.0, warm) / 9)
    return office.always + office.head * heads + light + office.air * (0.5 + 1.7 * cooling) * min(1.0, 1.6 * use)
