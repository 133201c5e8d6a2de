"""What the compound draws at a moment: every load follows from people, weather, clock and calendar."""

from random import Random
from typing import NamedTuple

from edge.simulation.weather import Air

GAS_KWH_PER_M3 = 9.9


class Moment(NamedTuple):
    """What drives the loads: local hour, whether the offices are open, heads by building, air, kitchen 0..1."""

    hour: float
    workday: bool
    inside: dict[str, int]
    air: Air
    kitchen: float
    month: int


class _Office(NamedTuple):
    """An office building: kW that never stop, kW a head, kW of light and of air handling when in use."""

    always: float
    head: float
    light: float
    air: float
    seats: int


_OFFICES = {"office-a": _Office(9.5, 0.115, 16, 34, 380), "office-b": _Office(6.5, 0.11, 11, 24, 260)}


def electricity(now: Moment, rng: Random) -> dict[str, float]:
    """kW of each sub-meter."""
    kw = {f"{name}-elec": _office(office, now.inside[name], now) for name, office in _OFFICES.items()}
    kw["canteen-elec"] = 5.0 + 46 * now.kitchen
    kw["data-room-elec"] = 23 + 0.25 * max(0.0, now.air.temperature - 5) + 0.004 * sum(now.inside.values())
    dark = now.air.irradiance < 15 and (now.hour < 8 or now.hour > 17)
    lifts = 0.011 * sum(now.inside.values())
    kw["grounds-elec"] = 3.5 + (5.5 if dark else 0) + lifts + _heating_pumps(now)
    return {name: value * max(0.7, rng.gauss(1, 0.025)) for name, value in kw.items()}


def water(now: Moment, rng: Random) -> dict[str, float]:
    """m3/h of the canteen, and of all the rest."""
    heads = sum(now.inside.values())
    rest = 0.0062 * heads * max(0.3, rng.gauss(1, 0.18))
    if now.workday and 6.3 <= now.hour < 7.8:
        rest += 2.2
    if 4 <= now.month <= 10 and 5 <= now.hour < 6:
        rest += 5.0
    if now.workday and now.air.temperature > 24:
        rest += 0.11 * (now.air.temperature - 24)
    if not heads and rng.random() < 0.12:
        rest += 0.2
    return {"canteen-water": 3.4 * now.kitchen * max(0.4, rng.gauss(1, 0.12)), "rest-water": rest}


def gas(now: Moment, rng: Random) -> float:
    """m3/h of the kitchen's stoves."""
    return 16.0 * now.kitchen * max(0.4, rng.gauss(1, 0.1))


def _office(office: _Office, heads: int, now: Moment) -> float:
    use = min(1.0, heads / office.seats)
    gloom = 1.0 if now.air.irradiance < 80 else 0.6
    light = office.light * gloom * min(1.0, 1.8 * use)
    # Cooled to 26 degrees, as public buildings are; heat is the district's, and no matter of the electricity meter.
    cooling = min(1.0, max(0.0, now.air.temperature - 26) / 9)
    return office.always + office.head * heads + light + office.air * (0.5 + 1.7 * cooling) * min(1.0, 1.6 * use)


def _heating_pumps(now: Moment) -> float:
    """District heat comes from mid-November to mid-March; its pumps never stop."""
    return 6.0 if now.month in (1, 2, 3, 12) or (now.month == 11 and now.air.temperature < 14) else 0.0
