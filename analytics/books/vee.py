"""Validation of a day of the books, by the names of the field (VEE): pure functions of columns and dated thresholds.

What an interval itself can tell (missing, negative consumption, a register's leap) is in its mark (books.rules).
Duplicates need no check: a reading has one value per instant, so that one sent again changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from analytics.books import rules
from schema.coefficient import Coefficient
from schema.series import Quality, SeriesKey
from schema.text import Text

VERSION = 1
PRACTICE = "practice in metering; tune for each site"
_SINCE = date(2000, 1, 1)


def _row(name: str, value: float, unit: str, source: str) -> Coefficient:
    return Coefficient(f"vee.{name}", value, unit, source, "CN", "limit", _SINCE, None)


SEED: tuple[Coefficient, ...] = (
    _row("spike", 1.8, "/", "tolerance customary in California, 180 %"),
    _row("high", 2.0, "/", PRACTICE),
    _row("low", 0.2, "/", PRACTICE),
    _row("sum.low", -0.02, "/", PRACTICE),
    _row("sum.high", 0.05, "/", PRACTICE),
    _row("missing", 0.0, "/", PRACTICE),
    _row("estimated", 0.10, "/", "practice in billing and M&V: stop above 10 %"),
    _row("clock", 180.0, "s", "practice in metering: more than 3 min flags the day"),
)
"""What the project ships with; rows of the registry (table factor, names `vee.*`) with a later first day go before."""

ENOUGH_DAYS = 3
"""Days of the same type in the four weeks before, below which a day has nothing to be compared with."""


@dataclass(frozen=True, slots=True)
class DayOf:
    """A register's local day: its quarter hours (value NaN where nothing is known), and earlier days of its type.

    `parent` is the meter it is a sub-meter of; `ahead` the most seconds its clock was ahead of ours that day.
    """

    key: SeriesKey
    unit: str
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    rule: NDArray[np.uint8]
    usual: NDArray[np.float64]
    parent: str | None = None
    ahead: float = 0.0

    @property
    def total(self) -> float | None:
        """The day's consumption, None unless all of it is known."""
        return None if np.isnan(self.value).any() or not len(self.value) else float(self.value.sum())


@dataclass(frozen=True, slots=True)
class Flag:
    """A check that a day did not pass: what was found, and the limit it goes beyond."""

    key: SeriesKey
    check: str
    found: float
    limit: float
    unit: str
    text: Text


def thresholds(on: date, published: Iterable[Coefficient] = ()) -> dict[str, float]:
    """The limits that hold on a day, by name without `vee.`; of several the one with the latest first day."""
    found: dict[str, Coefficient] = {}
    for row in (*SEED, *published):
        holds = row.valid_from <= on and (row.valid_to is None or on < row.valid_to)
        if row.name.startswith("vee.") and holds:
            known = found.get(row.name)
            if known is None or known.valid_from <= row.valid_from:
                found[row.name] = row
    return {name.removeprefix("vee."): row.value for name, row in found.items()}


def check(days: Sequence[DayOf], limits: Mapping[str, float]) -> list[Flag]:
    """Every check that a day of these registers does not pass, register by register, then the sum checks."""
    flags = [flag for day in days for flag in _single(day, limits)]
    return flags + [flag for day in days if (flag := _sum(day, days, limits)) is not None]


def _single(day: DayOf, limits: Mapping[str, float]) -> Iterable[Flag]:
    known = ~np.isnan(day.value)
    missing = 1.0 - float(known.mean()) if len(known) else 1.0
    if missing > limits["missing"]:
        yield _flag(day, "missing", missing, limits["missing"], "/", "部分时段无数据", "part of the day is not known")
    guessed = day.quality == Quality.ESTIMATED
    total = float(np.nansum(day.value))
    share = float(np.nansum(day.value[guessed])) / total if total else float(guessed.any())
    if share > limits["estimated"]:
        yield _flag(
            day, "estimated", share, limits["estimated"], "/", "估算用量占比过高", "too much of it is estimated"
        )
    left = int(np.isin(day.rule, (rules.LEFT_OUT, rules.RESET)).sum())
    if left:
        yield _flag(day, "negative_consumption", left, 0, "count", "表底曾回落", "the register fell")
    leaps = int((day.rule == rules.HIGH).sum())
    if leaps:
        yield _flag(day, "high_limit", leaps, 0, "count", "表底跃升超出表计能力", "the register leapt beyond its meter")
    highest = np.sort(day.value[known])[::-1][:3]
    if len(highest) == 3 and highest[2] > 0 and highest[0] / highest[2] - 1 > limits["spike"]:
        found = float(highest[0] / highest[2] - 1)
        yield _flag(day, "interval_spike", found, limits["spike"], "/", "某一刻钟突增", "one quarter hour stands out")
    if day.ahead > limits["clock"]:
        yield _flag(day, "clock", day.ahead, limits["clock"], "s", "设备时钟超前", "the device's clock is ahead")
    if day.total is not None and len(day.usual) >= ENOUGH_DAYS:
        yield from _compared(day, day.total, float(day.usual.mean()), limits)


def _compared(day: DayOf, total: float, usual: float, limits: Mapping[str, float]) -> Iterable[Flag]:
    if total == 0 and (day.usual > 0).all():
        yield _flag(
            day, "zero_consumption", 0, usual, day.unit, "全天为零，平时有用量", "nothing all day, unlike others"
        )
    elif usual > 0 and total / usual > limits["high"]:
        yield _flag(day, "high", total / usual, limits["high"], "/", "高于同类日", "higher than days of its type")
    elif usual > 0 and total / usual < limits["low"]:
        yield _flag(day, "low", total / usual, limits["low"], "/", "低于同类日", "lower than days of its type")


def _sum(day: DayOf, days: Sequence[DayOf], limits: Mapping[str, float]) -> Flag | None:
    """Parent against sub-meters, where every one of them knows its whole day."""
    children = [each.total for each in days if each.parent == day.key.device and each.key.point == day.key.point]
    known = [total for total in children if total is not None]
    if not children or len(known) < len(children) or not day.total:
        return None
    left = 1.0 - sum(known) / day.total
    if limits["sum.low"] <= left <= limits["sum.high"]:
        return None
    limit = limits["sum.low"] if left < 0 else limits["sum.high"]
    return _flag(day, "sum_check", left, limit, "/", "总表与分表之和不符", "it and the sum of its sub-meters differ")


def _flag(day: DayOf, check: str, found: float, limit: float, unit: str, zh: str, en: str) -> Flag:
    return Flag(day.key, check, found, limit, unit, Text(f"{zh}。", f"{en[0].upper()}{en[1:]}."))
