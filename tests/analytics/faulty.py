"""For each detector, readings that are well for weeks, and then have the fault it is there for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from schema.batch import Batch
from schema.instant import DAY, HOUR, MINUTE
from schema.series import SeriesKey

BEGIN = 1_780_243_200_000_000
"""Monday 1 June 2026 in Shanghai."""
QUARTER = 15 * MINUTE
METER = SeriesKey("demo", "b1", "electricity_meter_15min", "m1", "energy")
WATER = SeriesKey("demo", "b1", "water_meter_15min", "w1", "volume")


@dataclass(frozen=True)
class Case:
    """Readings, when their fault begins, how soon it is to be found, and until when its end is to be told."""

    batch: Batch
    fault: int
    within: int
    over: int | None = None


def gauge(point: str, kind: str = "electricity_meter", device: str = "m1") -> SeriesKey:
    return SeriesKey("demo", "b1", kind, device, point)


def series(columns: dict[SeriesKey, np.ndarray], every: int = QUARTER) -> Batch:
    """Columns of one cadence as a batch."""
    keys = tuple(columns)
    n = len(columns[keys[0]])
    times = BEGIN + np.arange(n) * every
    return Batch.of(
        keys, np.repeat(np.arange(len(keys)), n), np.tile(times, len(keys)), np.concatenate(list(columns.values()))
    )


def busy(days: int, seed: int = 1, base: float = 5.0) -> np.ndarray:
    """Quarters of an office: busy on workdays, with noise."""
    rng = np.random.default_rng(seed)
    quarter = np.arange(days * 96)
    hour, weekday = quarter // 4 % 24, quarter // 96 % 7
    shape = np.where((weekday < 5) & (hour >= 8) & (hour < 18), 4 * base, base)
    return shape * (1 + rng.normal(0, 0.03, len(quarter)))


def at(days: float) -> int:
    return BEGIN + round(days * DAY)


def seasonal() -> Case:
    values = busy(40)
    values[35 * 96 : 36 * 96] *= 1.5
    return Case(series({METER: values}), at(35), DAY, at(38))


def stuck() -> Case:
    values = busy(20)
    values[15 * 96 + 32 : 16 * 96] = 0.0
    return Case(series({METER: values}), at(15 + 8 / 24), 5 * HOUR, at(16.2))


def spike() -> Case:
    values = busy(30)
    values[25 * 96 + 40] = 400.0
    return Case(series({METER: values}), at(25 + 10 / 24), 3 * HOUR, at(25.6))


def noise() -> Case:
    rng = np.random.default_rng(2)
    minute = np.arange(20 * 288)
    values = 60 + 5 * np.sin(minute / 288 * 2 * np.pi) + rng.normal(0, 0.5, len(minute))
    bad = slice(15 * 288, 16 * 288)
    values[bad] += rng.normal(0, 6, 288)
    return Case(series({gauge("power"): values}, 5 * MINUTE), at(15), 8 * HOUR, at(17))


def base_load() -> Case:
    values = busy(40)
    values[36 * 96 : 36 * 96 + 20] *= 2
    return Case(series({METER: values}), at(36), 6 * HOUR, at(37.3))


def night_flow() -> Case:
    rng = np.random.default_rng(3)
    hour = np.arange(30 * 96) // 4 % 24
    values = np.where((hour >= 6) & (hour < 22), 0.5 * rng.random(len(hour)), 0.0)
    values[20 * 96 :] += 0.2
    return Case(series({WATER: values}), at(20), 6 * HOUR)


def drift() -> Case:
    values = busy(90)
    grow = np.clip(np.arange(len(values)) - 60 * 96, 0, 20 * 96) / (20 * 96)
    return Case(series({METER: values * (1 + 0.3 * grow)}), at(60), 12 * DAY)


def balance() -> Case:
    one, two = busy(30, 1), busy(30, 2)
    whole = (one + two) * (1.01 + 0.002 * np.random.default_rng(4).random(len(one)))
    two[20 * 96 :] *= 0.5
    children = {METER._replace(device="s1"): one, METER._replace(device="s2"): two}
    return Case(series({METER: whole, **children}), at(20), DAY)


def vacancy() -> Case:
    values = busy(30)
    hour, weekday = np.arange(len(values)) // 4 % 24, np.arange(len(values)) // 96 % 7
    come = np.where((hour == 8) & (weekday < 5), 25.0, 0.0)
    go = np.where((hour == 18) & (weekday < 5), 25.0, 0.0)
    values[25 * 96 + 80 : 25 * 96 + 96] *= 2.5
    gate = SeriesKey("demo", "b1", "gate_15min", "g1", "entries")
    return Case(series({METER: values, gate: come, gate._replace(point="exits"): go}), at(25 + 20 / 24), 5 * HOUR)


def cold_chain() -> Case:
    values = np.full(24 * 60, 4.0)
    values[700:760] = 9.0
    cabinet = gauge("temperature", "cold_chain", "c1")
    return Case(series({cabinet: values}, MINUTE), BEGIN + 700 * MINUTE, 31 * MINUTE, BEGIN + 761 * MINUTE)


def voltage() -> Case:
    values = np.full(600, 225.0)
    values[300:360] = 245.0
    return Case(series({gauge("voltage"): values}, MINUTE), BEGIN + 300 * MINUTE, 11 * MINUTE, BEGIN + 361 * MINUTE)


def power_factor() -> Case:
    power, factor = np.full(600, 100.0), np.full(600, 0.95)
    factor[300:420] = 0.8
    return Case(
        series({gauge("power"): power, gauge("power_factor"): factor}, MINUTE),
        BEGIN + 300 * MINUTE,
        62 * MINUTE,
        BEGIN + 421 * MINUTE,
    )


def phases() -> Case:
    columns = {gauge(f"current_{phase}"): np.full(600, 100.0) for phase in "abc"}
    columns[gauge("current_a")][300:420] = 140.0
    return Case(series(columns, MINUTE), BEGIN + 300 * MINUTE, 62 * MINUTE, BEGIN + 421 * MINUTE)


def demand() -> Case:
    values = np.full(120, 400.0)
    values[60:75] = 600.0
    return Case(series({gauge("power"): values}, MINUTE), BEGIN + 60 * MINUTE, 5 * MINUTE, BEGIN + 80 * MINUTE)


def set_point() -> Case:
    values = np.full(100, 26.0)
    values[50:70] = 22.0
    return Case(
        series({gauge("set_point", "room_sensor", "r1"): values}, 5 * MINUTE),
        BEGIN + 250 * MINUTE,
        31 * MINUTE,
        BEGIN + 351 * MINUTE,
    )


def novelty() -> Case:
    """A room whose air goes bad for an afternoon as it never did."""
    rng = np.random.default_rng(3)
    quarter = np.arange(40 * 96)
    values = 500 + 250 * np.exp(-(((quarter % 96 - 52) / 16) ** 2)) + rng.normal(0, 15, len(quarter))
    values[35 * 96 + 60 : 35 * 96 + 76] += 900
    return Case(series({gauge("co2", "room_sensor", "r1"): values}), at(35) + 15 * HOUR, 4 * HOUR, at(36.5))


CASES: dict[str, Callable[[], Case]] = {
    case.__name__: case
    for case in (
        seasonal, stuck, spike, noise, base_load, night_flow, drift, balance, vacancy, cold_chain, voltage,
        power_factor, phases, demand, set_point, novelty,
    )
}  # fmt: skip
