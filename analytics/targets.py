"""Targets: where a month's or year's use of a carrier stands against its limit, and where it is going."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.books.ledger import INTERVAL
from analytics.savings import student
from analytics.typical import WEEKS, Load, Profile, Total
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


class _Ahead(NamedTuple):
    """What is ahead of a goal, in its unit."""

    allowed: float
    forecast: float
    low: float
    high: float


def track(goal: Goal, load: Load, profile: Profile, now: int) -> Track:
    """Where a goal stands at `now`; the load's grid holds the whole period and the 4 weeks before now."""
    grid = load.grid
    spoken = load.spoken()
    devices = [key.device for key, said in zip(load.keys, spoken, strict=True) if said]
    missing = [key.device for key, said in zip(load.keys, spoken, strict=True) if not said]
    period = np.array([goal.start <= day < goal.end for day in grid.dates], bool)[grid.day]
    booked = load.total(int(grid.start[period][0]), now)
    heard = np.flatnonzero(spoken).tolist()
    habit = profile.rows(heard)
    used = ahead = None
    if booked.value is not None and goal.divisor:
        used = booked.value / goal.divisor
        if booked.coverage >= ENOUGH_COVERED:
            ahead = _forecast(goal, used, load.rows(heard), habit, period, now)
    status, why = _judge(goal, used, ahead, _lacking(goal, booked, len(habit.history), devices, missing))
    if ahead and habit.borrowed & {habit.types[row] for row in np.unique(grid.day[period]).tolist()}:
        why = Text(
            f"{why.zh}近四周缺少同类日，部分日期借用其他日型估计。",
            f"{why.en} Some day types did not occur in the last 4 weeks: others stand in.",
        )
    return Track(
        used=used,
        allowed_to_date=ahead and ahead.allowed,
        limit=goal.limit,
        forecast=ahead and ahead.forecast,
        low=ahead and ahead.low,
        high=ahead and ahead.high,
        status=status,
        why=why,
        coverage=booked.coverage,
        estimated_share=booked.estimated_share,
        devices=devices,
        missing=missing,
    )


def _forecast(
    goal: Goal, used: float, load: Load, profile: Profile, period: NDArray[np.bool_], now: int
) -> _Ahead | None:
    """What is ahead; None while the history is too short to tell."""
    if len(profile.history) < ENOUGH_DAYS or not goal.divisor:
        return None
    expected = np.nan_to_num(profile.expected)
    habit = expected.sum(axis=0)
    whole = float(habit[period].sum())
    if whole <= 0:
        return None
    passed = np.clip((now - load.grid.start) / INTERVAL, 0.0, 1.0)
    # What has passed and is in the books is certain; gaps and the rest are expected.
    ahead = (expected * np.where(np.isnan(load.value), 1.0, 1.0 - passed)).sum(axis=0) * period
    size = len(load.grid.dates)
    usual, still = np.bincount(load.grid.day, habit, size), np.bincount(load.grid.day, ahead, size)
    spread = _spread(load, profile, np.divide(still, usual, out=np.zeros(size), where=usual > 0)) / goal.divisor
    forecast = used + float(ahead.sum()) / goal.divisor
    return _Ahead(
        allowed=goal.limit * float((habit * passed)[period].sum()) / whole,
        forecast=forecast,
        low=max(used, forecast - spread),
        high=forecast + spread,
    )


def _spread(load: Load, profile: Profile, still: NDArray[np.float64]) -> float:
    """Half the band around the sum of `still[d]` open days: the days' own scatter, and the drift of their level.

    The level is taken for a random walk by weeks: a season moves it, and a mean of 4 weeks lags behind.
    """
    off = np.where(np.isnan(load.value), 0.0, load.value - np.nan_to_num(profile.expected)).sum(axis=0)
    history = np.array(profile.history)
    residual = np.bincount(load.grid.day, off, len(load.grid.dates))[history]
    variance = float((residual**2).sum()) / (len(residual) - 1)
    week = (history[-1] - history) // 7
    levels = np.array([residual[week == number].mean() for number in np.unique(week)])
    drift = float((np.diff(levels) ** 2).mean()) if len(levels) > 1 else variance
    days = float(still.sum())
    # A random walk's mean over 4 weeks lies 4/3 steps from its end, that of the days ahead another third of theirs.
    walk = days**2 * drift * (WEEKS / 3 + days / 21)
    return student.quantile(CONFIDENCE, WEEKS - 1) * float(np.sqrt(variance * (still**2).sum() + walk))


def _judge(goal: Goal, used: float | None, ahead: _Ahead | None, lacking: Text) -> tuple[Status, Text]:
    if used is not None and used > goal.limit:
        over = _amount(used - goal.limit)
        return "exceeded", Text(f"已用量超出限额 {over}。", f"Already {over} over the limit.")
    if ahead is None:
        return "unknown", lacking
    left = goal.limit - ahead.forecast
    amount, part = _amount(abs(left)), f"{abs(left) / goal.limit:.1%}"
    if left < 0:
        return "at_risk", Text(
            f"按目前习惯，期末将超出限额 {amount}（{part}）。",
            f"At the present habit the period ends {amount} over the limit ({part}).",
        )
    if ahead.high > goal.limit:
        return "at_risk", Text(
            f"预计期末余 {amount}，但区间上限超出限额。",
            f"Expected to end {amount} below the limit, but the band reaches above it.",
        )
    return "on_track", Text(
        f"预计期末余 {amount}（{part}）。",
        f"Expected to end {amount} below the limit ({part}).",
    )


def _lacking(goal: Goal, booked: Total, days: int, devices: list[str], missing: list[str]) -> Text:
    """What keeps the status from being known, the gravest first."""
    if not goal.divisor:
        what = Text("面积", "area") if goal.basis == "area" else Text("用能人数", "number of people")
        return Text(f"站点未登记{what.zh}，强度无法计算。", f"The site's {what.en} is not registered.")
    if not devices and not missing:
        return Text("没有计量该能源的总表。", "No main meter counts this carrier.")
    if missing:
        return Text(f"无读数：{'、'.join(missing)}。", f"No readings from {', '.join(missing)}.")
    if booked.coverage < ENOUGH_COVERED:
        known = f"{booked.coverage:.0%}"
        return Text(f"本期数据仅覆盖 {known}。", f"Only {known} of the period so far is known.")
    return Text(
        f"近四周所有总表都有数据的只有 {days} 天，至少需要 {ENOUGH_DAYS} 天才能预测。",
        f"On {days} days of the last 4 weeks all meters spoke; a forecast needs {ENOUGH_DAYS}.",
    )


def _amount(value: float) -> str:
    """A figure as people write it: whole numbers, small ones by three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
