"""Contracts: a baseline model of daily use, the avoided energy against it, and how sure that is (IPMVP option C).

Preliminary by nature: no non-routine adjustment, one price, and nobody has signed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.savings import student
from schema.errors import Reject
from schema.text import Text

BASES = (18.0, 26.0)
"""Degree-day bases of Chinese practice: HDD18 and CDD26, in degree C."""

MIN_DAYS = 28
MIN_COVERED = 0.9
YEAR_DAYS = 330
SEEN_DAYS = 5
CONFIDENCE = 0.9
MAX_ESTIMATED = 0.10


@dataclass(frozen=True, slots=True)
class Days:
    """Local days of a boundary, struct of arrays: kWh (NaN unless the whole day is known), mean air degree C, day type.

    `estimated` is the share of the day's kWh that is estimated.
    """

    day: tuple[date, ...]
    kwh: NDArray[np.float64]
    temperature: NDArray[np.float64]
    type: tuple[str, ...]
    estimated: NDArray[np.float64]

    def between(self, first: date, last: date) -> "Days":
        """The days in [first, last)."""
        rows = [row for row, day in enumerate(self.day) if first <= day < last]
        return Days(
            tuple(self.day[row] for row in rows),
            self.kwh[rows],
            self.temperature[rows],
            tuple(self.type[row] for row in rows),
            self.estimated[rows],
        )

    def valid(self) -> NDArray[np.bool_]:
        """The days that are known in full."""
        return ~(np.isnan(self.kwh) | np.isnan(self.temperature))


class Evidence(msgspec.Struct, frozen=True):
    """Something about the data that limits a result: what was found against what is asked for."""

    name: str
    found: float
    required: float
    text: Text


class Insufficient(Reject):
    """The baseline cannot carry a model; `evidence` says why."""

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        super().__init__("insufficient_data", " ".join(item.text.en for item in evidence))
        self.evidence = tuple(evidence)


@dataclass(frozen=True, slots=True)
class Model:
    """kWh a day = level of the day type + heating * HDD + cooling * CDD; residuals are measured - predicted.

    `rho` is their lag-1 correlation; `warnings` are limits that do not forbid the use.
    """

    levels: dict[str, float]
    heating: float
    cooling: float
    bases: tuple[float, float]
    n: int
    p: int
    cv_rmse: float
    nmbe: float
    r2: float
    rho: float
    temperatures: tuple[float, float]
    warnings: tuple[Evidence, ...]

    def predict(self, days: Days) -> NDArray[np.float64]:
        """The use the baseline would have had; a day type it never saw takes the mean of the levels."""
        usual = float(np.mean(list(self.levels.values())))
        level = np.array([self.levels.get(name, usual) for name in days.type])
        heat, cool = degree_days(days.temperature, self.bases)
        return level + self.heating * heat + self.cooling * cool


@dataclass(frozen=True, slots=True)
class Savings:
    """Avoided energy of the reporting days that are known in full; positive is saved, kWh by day and in total.

    `share` is saved / baseline; `fsu` the fractional uncertainty of the saving at `confidence`, None where it has no
    meaning (nothing saved, too few degrees of freedom); `left_out` are days not known in full, on neither side.
    """

    day: tuple[date, ...]
    baseline: NDArray[np.float64]
    measured: NDArray[np.float64]
    total: float
    share: float
    fsu: float | None
    confidence: float
    estimated_share: float
    left_out: tuple[date, ...]
    warnings: tuple[Evidence, ...]


def degree_days(
    temperature: NDArray[np.float64], bases: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(HDD, CDD) of daily mean temperatures."""
    return np.maximum(bases[0] - temperature, 0.0), np.maximum(temperature - bases[1], 0.0)


def fit(days: Days, bases: tuple[float, float] = BASES) -> Model:
    """The baseline model by ordinary least squares; Insufficient where the data cannot carry one."""
    valid = days.valid()
    n = int(valid.sum())
    covered = n / len(days.day) if days.day else 0.0
    lacking = []
    if n < MIN_DAYS:
        text = Text(f"基期只有 {n} 个完整日，至少需要 {MIN_DAYS} 个。", f"{n} whole baseline days of {MIN_DAYS}.")
        lacking.append(Evidence("baseline_days", n, MIN_DAYS, text))
    if covered < MIN_COVERED:
        text = Text(f"基期完整日占 {covered:.0%}，要求 90%。", f"{covered:.0%} of the baseline is whole days, not 90%.")
        lacking.append(Evidence("baseline_coverage", covered, MIN_COVERED, text))
    measured = days.kwh[valid]
    if not lacking and float(measured.mean()) <= 0:
        text = Text("基期没有用量。", "The baseline holds no consumption.")
        lacking.append(Evidence("baseline_mean", float(measured.mean()), 0.0, text))
    if lacking:
        raise Insufficient(lacking)
    types = tuple(np.array(days.type)[valid].tolist())
    names = _levels(types)
    heat, cool = degree_days(days.temperature[valid], bases)
    # A driver seen on a handful of days cannot be told from their other oddities.
    drivers = [driver if int((driver > 0).sum()) >= SEEN_DAYS else None for driver in (heat, cool)]
    columns = [np.array([name == wanted for name in types], float) for wanted in names]
    columns += [driver for driver in drivers if driver is not None]
    x = np.column_stack(columns)
    unseen = x.sum(axis=1) == 0
    coefficients, *_ = np.linalg.lstsq(x[~unseen], measured[~unseen], rcond=None)
    slopes = iter(coefficients[len(names) :].tolist())
    heating, cooling = (next(slopes) if driver is not None else 0.0 for driver in drivers)
    residual = measured[~unseen] - x[~unseen] @ coefficients
    n, p, mean = len(residual), x.shape[1], float(measured[~unseen].mean())
    cv = float(np.sqrt((residual**2).sum() / (n - p))) / mean
    scatter = float(((measured[~unseen] - mean) ** 2).sum())
    power = float((residual**2).sum())
    air = days.temperature[valid]
    return Model(
        levels=dict(zip(names, coefficients[: len(names)].tolist(), strict=True)),
        heating=heating,
        cooling=cooling,
        bases=bases,
        n=n,
        p=p,
        cv_rmse=cv,
        nmbe=float(residual.sum()) / ((n - p) * mean),
        r2=1 - power / scatter if scatter else 0.0,
        rho=float((residual[1:] * residual[:-1]).sum()) / power if power else 0.0,
        temperatures=(float(air.min()), float(air.max())),
        warnings=_warnings(n, cv),
    )


def savings(model: Model, days: Days, confidence: float = CONFIDENCE) -> Savings:
    """The avoided energy of reporting days against the baseline; Insufficient when no day is known in full."""
    valid = days.valid()
    if not valid.any():
        text = Text("报告期还没有完整日。", "The reporting period has no whole day yet.")
        raise Insufficient([Evidence("reporting_days", 0, 1, text)])
    baseline = model.predict(days)[valid]
    measured = days.kwh[valid]
    total = float((baseline - measured).sum())
    share = total / float(baseline.sum())
    used = float(measured.sum())
    warnings = list(model.warnings)
    low, high = model.temperatures
    air = days.temperature[valid]
    outside = float(((air < low) | (air > high)).mean())
    if outside > 0:
        text = Text(
            f"报告期 {outside:.0%} 的天数气温超出基期范围，属外推。",
            f"{outside:.0%} of the reporting days are outside the baseline's temperatures: extrapolated.",
        )
        warnings.append(Evidence("extrapolated", outside, 0.0, text))
    return Savings(
        day=tuple(day for day, kept in zip(days.day, valid, strict=True) if kept),
        baseline=baseline,
        measured=measured,
        total=total,
        share=share,
        fsu=fractional_uncertainty(
            cv=model.cv_rmse,
            n=model.n,
            m=len(measured),
            rho=model.rho,
            p=model.p,
            share=share,
            alpha=daily_alpha(len(measured)),
            confidence=confidence,
        ),
        confidence=confidence,
        estimated_share=float((days.estimated[valid] * measured).sum()) / used if used else 0.0,
        left_out=tuple(day for day, kept in zip(days.day, valid, strict=True) if not kept),
        warnings=tuple(warnings),
    )


def daily_alpha(days: int) -> float:
    """The improved alpha of daily models by months of reporting (Sun-Baltazar; ASHRAE G14-2014)."""
    months = days / (365.25 / 12)
    return -0.00024 * months**2 + 0.03535 * months + 1.00286


def fractional_uncertainty(
    *, cv: float, n: int, m: int, rho: float, p: int, share: float, alpha: float, confidence: float
) -> float | None:
    """Fractional savings uncertainty (ASHRAE G14-2014 with n' of autocorrelated residuals); None where undefined."""
    effective = n * (1 - rho) / (1 + rho) if rho >= 0.5 else float(n)
    if share == 0 or effective - p < 3:
        return None
    t = student.quantile(confidence, effective - p)
    return float(t * alpha * cv * np.sqrt(n / effective * (1 + 2 / effective) / m) / abs(share))


def value(kwh: float, price: Decimal, share: Decimal) -> tuple[Decimal, Decimal]:
    """(worth of the saving, the ESCO's part) in yuan to the cent; nothing saved earns the ESCO nothing."""
    cent = Decimal("0.01")
    worth = (Decimal(str(round(kwh, 3))) * price).quantize(cent, ROUND_HALF_UP)
    return worth, (max(worth, Decimal(0)) * share).quantize(cent, ROUND_HALF_UP)


def _levels(types: tuple[str, ...]) -> list[str]:
    """The day types seen often enough to have a level of their own; all of them when none was."""
    names = sorted(set(types))
    return [name for name in names if types.count(name) >= SEEN_DAYS] or names


def _warnings(n: int, cv: float) -> tuple[Evidence, ...]:
    found = []
    if n < YEAR_DAYS:
        text = Text(f"基期只有 {n} 天，不足一年。", f"The baseline has {n} days, less than a year.")
        found.append(Evidence("short_baseline", n, YEAR_DAYS, text))
    if cv > 0.25:
        text = Text(f"模型 CV(RMSE) {cv:.0%}，超过惯例 25%。", f"CV(RMSE) is {cv:.0%}, above the customary 25%.")
        found.append(Evidence("cv_rmse", cv, 0.25, text))
    return tuple(found)
