"""Targets: where a month's or year's use of a carrier stands against its limit, and where it is going."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics import student
from analytics.ledger import INTERVAL
from analytics.typical import Load, Profile
from schema.text import Text

Basis = Literal["total", "area", "people"]
Status = Literal["on_track", "at_risk", "exceeded", "unknown"]

CONFIDENCE = 0.9
ENOUGH_DAYS = 7
ENOUGH_COVERED = 0.8
"""Below this share of known quarter hours a forecast would rest on guesses, and says unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A limit on the use in [start, end), local days; `divisor` is the m2 or people it is per, 1 for a total.

    `divisor` is None where the site does not say its area or people.
    """

    limit: float
    start: date
    end: date
    basis: Basis = "total"
    divisor: float | None = 1.0


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """A target's state, in the unit of its limit; None is not known, never zero.

    `used` is what the books say; `allowed_to_date` shares the limit out by the habit of day types; `forecast` adds to
    `used` what is expected of its gaps and of the rest, between `low` and `high` in 9 cases of 10; `coverage` is the
    share of the meters' time so far that is known, `estimated_share` the part of `used` that is estimated.
    """

    used: float | None
    allowed_to_date: float | None
    limit: float
    forecast: float | None
    low: float | None
    high: float | None
    status: Status
    why: Text
    coverage: float
    estimated_share: float | None
    devices: list[str]
    missing: list[str]


def track(goal: Goal, load: Load, profile: Profile, now: int) -> Track:
    """Where a goal stands at `now`; the load's grid holds the whole period and the 4 weeks before now."""
    grid = load.grid
    spoken = load.spoken()
    devices = [key.device for key, said in zip(load.keys, spoken, strict=True) if said]
    missing = [key.device for key, said in zip(load.keys, spoken, strict=True) if not said]
    if not goal.divisor:
        what = Text("面积", "area") if goal.basis == "area" else Text("用能人数", "number of people")
        why = Text(f"站点未登记{what.zh}，强度无法计算。", f"The site's {what.en} is not registered.")
        return _unknown(goal, why, None, 0.0, None, devices, missing)
    period = np.array([goal.start <= day < goal.end for day in grid.dates], bool)[grid.day]
    passed = np.clip((now - grid.start) / INTERVAL, 0.0, 1.0)
    begun = period & (passed > 0)
    value, known = load.value[spoken], ~np.isnan(load.value[spoken])
    total = float(np.nansum(value[:, begun]))
    seconds = float(passed[begun].sum()) * max(len(load.keys), 1)
    coverage = float((known[:, begun] * passed[begun]).sum()) / seconds if seconds else 0.0
    used = total / goal.divisor if known[:, begun].any() else None
    guessed = float(np.where(load.estimated[spoken], value, 0.0)[:, begun].sum())
    share = None if used is None else guessed / total if total else 0.0
    if missing:
        coverage_why = Text(f"无读数：{'、'.join(missing)}。", f"No readings from {', '.join(missing)}.")
    else:
        coverage_why = Text(f"本期数据仅覆盖 {coverage:.0%}。", f"Only {coverage:.0%} of the period so far is known.")
    if used is not None and used > goal.limit:
        over = Text(
            f"已用量超出限额 {used - goal.limit:,.4g}。", f"Used is already {used - goal.limit:,.4g} over the limit."
        )
        base = _unknown(goal, over, used, coverage, share, devices, missing)
        sure = _forecast(goal, load, profile, spoken, period, passed)
        if sure is None or coverage < ENOUGH_COVERED:
            return msgspec.structs.replace(base, status="exceeded")
        return msgspec.structs.replace(base, status="exceeded", **sure)
    if used is None or coverage < ENOUGH_COVERED:
        return _unknown(goal, coverage_why, used, coverage, share, devices, missing)
    ahead = _forecast(goal, load, profile, spoken, period, passed)
    if ahead is None:
        days = len(profile.history)
        why = Text(
            f"近四周只有 {days} 天数据，至少需要 {ENOUGH_DAYS} 天才能预测。",
            f"The last 4 weeks hold {days} days of data; a forecast needs {ENOUGH_DAYS}.",
        )
        return _unknown(goal, why, used, coverage, share, devices, missing)
    status, why = _judge(goal, ahead["forecast"], ahead["high"])
    if profile.borrowed & {profile.types[row] for row in np.unique(grid.day[period]).tolist()}:
        why = Text(
            f"{why.zh}近四周缺少同类日，部分日期借用其他日型估计。",
            f"{why.en} Some day types did not occur in the last 4 weeks: others stand in.",
        )
    return Track(
        used=used,
        limit=goal.limit,
        status=status,
        why=why,
        coverage=coverage,
        estimated_share=share,
        devices=devices,
        missing=missing,
        **ahead,
    )


def _forecast(
    goal: Goal,
    load: Load,
    profile: Profile,
    spoken: NDArray[np.bool_],
    period: NDArray[np.bool_],
    passed: NDArray[np.float64],
) -> dict[str, float] | None:
    """allowed_to_date, forecast, low and high; None while the history is too short to tell."""
    if len(profile.history) < ENOUGH_DAYS or not goal.divisor:
        return None
    value, expected = load.value[spoken], np.nan_to_num(profile.expected[spoken])
    unknown = np.isnan(value)
    habit = expected.sum(axis=0)
    whole = float(habit[period].sum())
    if whole <= 0:
        return None
    # What has passed and is in the books is certain; gaps and the rest are expected.
    open_share = np.where(unknown, 1.0, 1.0 - passed)
    ahead = float((expected * open_share)[:, period].sum())
    booked = float(np.nansum(value[:, period & (passed > 0)]))
    usual = np.bincount(load.grid.day, habit, len(load.grid.dates))
    still = np.bincount(load.grid.day, (expected * open_share).sum(axis=0) * period, len(load.grid.dates))
    spread = _spread(
        load, profile, spoken, expected, np.divide(still, usual, out=np.zeros_like(still), where=usual > 0)
    )
    forecast = booked + ahead
    return {
        "allowed_to_date": goal.limit * float((habit * passed)[period].sum()) / whole,
        "forecast": forecast / goal.divisor,
        "low": max(booked, forecast - spread) / goal.divisor,
        "high": (forecast + spread) / goal.divisor,
    }


def _spread(
    load: Load,
    profile: Profile,
    spoken: NDArray[np.bool_],
    expected: NDArray[np.float64],
    still: NDArray[np.float64],
) -> float:
    """Half the band around the sum of `still[d]` open days: their own scatter, and that of the means they lean on."""
    filled = np.where(np.isnan(load.value[spoken]), expected, load.value[spoken]).sum(axis=0)
    days = len(load.grid.dates)
    residual = np.bincount(load.grid.day, filled - expected.sum(axis=0), days)[list(profile.history)]
    types = [profile.types[row] for row in profile.history]
    freedom = max(len(residual) - len(set(types)), 3)
    variance = float((residual**2).sum()) / freedom
    scatter = float((residual**2).sum())
    rho = float((residual[1:] * residual[:-1]).sum()) / scatter if scatter else 0.0
    # A warm week makes seven warm days: days that follow one another add up less like independent ones.
    together = (1 + max(rho, 0.0)) / (1 - min(max(rho, 0.0), 0.8))
    open_by_type: dict[str, float] = {}
    for row, share in enumerate(still.tolist()):
        open_by_type[profile.types[row]] = open_by_type.get(profile.types[row], 0.0) + share
    means = sum(share**2 / max(types.count(name), 1) for name, share in open_by_type.items())
    own = float((still**2).sum())
    return student.quantile(CONFIDENCE, freedom) * float(np.sqrt(variance * together * (own + means)))


def _judge(goal: Goal, forecast: float, high: float) -> tuple[Status, Text]:
    left = goal.limit - forecast
    if forecast > goal.limit:
        return "at_risk", Text(
            f"按目前习惯，期末将超出限额 {-left:,.4g}（{-left / goal.limit:.1%}）。",
            f"At the present habit the period ends {-left:,.4g} over the limit ({-left / goal.limit:.1%}).",
        )
    if high > goal.limit:
        return "at_risk", Text(
            f"预计期末余 {left:,.4g}，但区间上限超出限额。",
            f"Expected to end {left:,.4g} below the limit, but the band reaches above it.",
        )
    return "on_track", Text(
        f"预计期末余 {left:,.4g}（{left / goal.limit:.1%}）。",
        f"Expected to end {left:,.4g} below the limit ({left / goal.limit:.1%}).",
    )


def _unknown(
    goal: Goal,
    why: Text,
    used: float | None,
    coverage: float,
    share: float | None,
    devices: list[str],
    missing: list[str],
) -> Track:
    return Track(
        used=used,
        allowed_to_date=None,
        limit=goal.limit,
        forecast=None,
        low=None,
        high=None,
        status="unknown",
        why=why,
        coverage=coverage,
        estimated_share=share,
        devices=devices,
        missing=missing,
    )
