"""Contracts: uncertainty vectors, known and absent savings on real files, refusal with evidence, exact money."""

import csv
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.savings.contract import (
    Days,
    Insufficient,
    Model,
    Savings,
    daily_alpha,
    fit,
    fractional_uncertainty,
    savings,
    value,
)
from analytics.savings.student import quantile
from tests.real_data import real

YEAR = 365


def days(first: date, kwh: Sequence[float], air: Sequence[float]) -> Days:
    dates = tuple(first + timedelta(after) for after in range(len(kwh)))
    types = tuple("workday" if day.weekday() < 5 else "weekend" for day in dates)
    return Days(dates, np.array(kwh, float), np.array(air, float), types, np.zeros(len(dates)))


def climate(count: int) -> list[float]:
    """A year of Beijing's monthly means, roughly."""
    return [13 - 16 * float(np.cos(2 * np.pi * day / YEAR)) for day in range(count)]


def use(first: date, air: Sequence[float], scale: float = 1.0, noise: float = 0.0) -> Days:
    chance = np.random.default_rng(1)
    kwh = []
    for after, degrees in enumerate(air):
        level = 500 if (first + timedelta(after)).weekday() < 5 else 200
        clean = level + 8 * max(18 - degrees, 0) + 15 * max(degrees - 26, 0)
        kwh.append(scale * clean + float(chance.normal(0, noise)) if noise else scale * clean)
    return days(first, kwh, air)


@pytest.mark.parametrize(
    ("cv", "n", "rho", "p", "expected"),
    [(0.20, 8760, 0.8, 180, 0.1332), (0.20, 8760, 0.0, 180, 0.0443), (0.12, 365, 0.5, 4, 0.2291)],
)
def test_fractional_uncertainty_meets_its_vectors(cv: float, n: int, rho: float, p: int, expected: float) -> None:
    """ASHRAE G14-2014 with n' at 90 %, alpha 1.26, 10 % saved, as many points after as before."""
    found = fractional_uncertainty(cv=cv, n=n, m=n, rho=rho, p=p, share=0.1, alpha=1.26, confidence=0.9)
    assert found == pytest.approx(expected, abs=5e-5)


def test_daily_alpha_of_a_year() -> None:
    assert daily_alpha(365) == pytest.approx(-0.00024 * 144 + 0.03535 * 12 + 1.00286, abs=1e-3)


@pytest.mark.parametrize(
    ("confidence", "freedom", "t"),
    [(0.9, 4, 2.1318), (0.9, 10, 1.8125), (0.95, 10, 2.2281), (0.68, 30, 1.0110), (0.9, 1000, 1.6464)],
)
def test_student_quantiles(confidence: float, freedom: float, t: float) -> None:
    assert quantile(confidence, freedom) == pytest.approx(t, rel=5e-3)


def test_a_noiseless_baseline_is_found_again() -> None:
    model = fit(use(date(2025, 1, 1), climate(YEAR)))
    assert model.levels == pytest.approx({"workday": 500, "weekend": 200})
    assert model.heating == pytest.approx(8)
    assert model.cooling == pytest.approx(15)
    assert (model.n, model.p) == (YEAR, 4)
    assert model.cv_rmse == pytest.approx(0, abs=1e-9)
    assert model.r2 == pytest.approx(1)


def test_a_tenth_less_is_a_tenth_saved_and_positive() -> None:
    model = fit(use(date(2025, 1, 1), climate(YEAR), noise=20))
    found = savings(model, use(date(2026, 1, 1), climate(300), scale=0.9))
    assert found.share == pytest.approx(0.1, abs=0.01)
    assert found.total == pytest.approx(float((found.baseline - found.measured).sum()))
    assert found.total > 0
    assert found.fsu is not None
    assert abs(found.share - 0.1) < found.fsu * found.share


def test_more_use_is_a_negative_saving() -> None:
    model = fit(use(date(2025, 1, 1), climate(YEAR), noise=20))
    assert savings(model, use(date(2026, 1, 1), climate(100), scale=1.2)).total < 0


def test_insufficient_baselines_are_refused_with_evidence() -> None:
    with pytest.raises(Insufficient) as few:
        fit(use(date(2025, 1, 1), climate(20)))
    assert [(item.name, item.found) for item in few.value.evidence] == [("baseline_days", 20)]
    holes = use(date(2025, 1, 1), climate(100))
    holes.kwh[:30] = np.nan
    with pytest.raises(Insufficient) as thin:
        fit(holes)
    assert [item.name for item in thin.value.evidence] == ["baseline_coverage"]
    assert thin.value.reason == "insufficient_data"
    with pytest.raises(Insufficient):
        fit(days(date(2025, 1, 1), [0.0] * 60, climate(60)))


def test_a_short_baseline_and_foreign_weather_are_warned_of() -> None:
    model = fit(use(date(2025, 1, 1), climate(60)))
    assert [item.name for item in model.warnings] == ["short_baseline"]
    assert model.cooling == 0.0
    found = savings(model, use(date(2025, 7, 1), [30.0] * 20))
    assert [item.name for item in found.warnings] == ["short_baseline", "extrapolated"]


def test_days_not_known_in_full_count_on_neither_side() -> None:
    model = fit(use(date(2025, 1, 1), climate(YEAR)))
    reported = use(date(2026, 1, 1), climate(30))
    reported.kwh[3] = np.nan
    reported.temperature[5] = np.nan
    found = savings(model, reported)
    assert found.left_out == (date(2026, 1, 4), date(2026, 1, 6))
    assert len(found.day) == len(found.measured) == 28
    assert found.total == pytest.approx(0, abs=1e-6)


def test_no_whole_reporting_day_is_no_saving() -> None:
    model = fit(use(date(2025, 1, 1), climate(YEAR)))
    with pytest.raises(Insufficient):
        savings(model, days(date(2026, 1, 1), [np.nan], [10.0]))


def test_the_estimated_share_weighs_energy() -> None:
    model = fit(use(date(2025, 1, 1), climate(YEAR)))
    reported = use(date(2026, 1, 1), climate(10))
    reported.estimated[0] = 1.0
    assert savings(model, reported).estimated_share == pytest.approx(reported.kwh[0] / reported.kwh.sum())


def test_money_is_exact_and_an_esco_is_not_paid_for_nothing() -> None:
    assert value(1234.567, Decimal("0.8123"), Decimal("0.7")) == (Decimal("1002.84"), Decimal("701.99"))
    assert value(-100.0, Decimal("0.8"), Decimal("0.7")) == (Decimal("-80.00"), Decimal("0.00"))


@given(st.floats(1.0, 1e4))
def test_savings_scale_with_the_unit(scale: float) -> None:
    """Shares do not depend on the unit energy is counted in."""
    base, report = use(date(2025, 1, 1), climate(YEAR), noise=20), use(date(2026, 1, 1), climate(90), scale=0.93)
    one = savings(fit(base), report)
    other = savings(fit(_scaled(base, scale)), _scaled(report, scale))
    assert other.share == pytest.approx(one.share)
    assert other.fsu == pytest.approx(one.fsu)


def _scaled(item: Days, scale: float) -> Days:
    return Days(item.day, item.kwh * scale, item.temperature, item.type, item.estimated)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _period(known: dict[date, float], air: dict[date, float], first: date, count: int) -> Days:
    dates = [first + timedelta(after) for after in range(count)]
    return days(first, [known.get(day, np.nan) for day in dates], [air.get(day, np.nan) for day in dates])


def _daily(times: Sequence[str], values: Sequence[float]) -> dict[date, list[float]]:
    found: dict[date, list[float]] = {}
    for time, number in zip(times, values, strict=True):
        found.setdefault(datetime.fromisoformat(time).date(), []).append(number)
    return found


def _opendsm(name: str, bases: tuple[float, float]) -> tuple[Model, Savings]:
    hours = [row for row in _rows(real("opendsm_samples/il_hourly_all.csv")) if row["tempF"]]
    fahrenheit = _daily([row["start"] for row in hours], [float(row["tempF"]) for row in hours])
    air = {day: (float(np.mean(values)) - 32) / 1.8 for day, values in fahrenheit.items()}
    rows = [row for row in _rows(real("opendsm_samples") / f"{name}-daily.csv") if row["value"]]
    known = {datetime.fromisoformat(row["start"]).date(): float(row["value"]) for row in rows}
    model = fit(_period(known, air, date(2015, 12, 26), 366), bases)
    return model, savings(model, _period(known, air, date(2017, 1, 4), YEAR))


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("il-electricity-cdd-hdd", (18.0, 26.0)),
        ("il-electricity-cdd-hdd", (15.6, 18.3)),
        ("il-electricity-cdd-only", (18.0, 26.0)),
        ("il-gas-hdd-only", (18.0, 26.0)),
        ("il-gas-intercept-only", (18.0, 26.0)),
    ],
)
def test_the_band_holds_the_known_tenth(name: str, bases: tuple[float, float]) -> None:
    """Simulated meters whose reporting year was made with 10 % less load."""
    _, found = _opendsm(name, bases)
    assert found.fsu is not None
    assert abs(found.share - 0.10) < found.fsu * abs(found.share)
    assert found.share > 0.03


def test_real_buildings_without_a_project_save_about_nothing() -> None:
    """46 buildings, 2018 as baseline of 2019: half of them within a few percent of zero."""
    weather = [row for row in _rows(real("cambridge/weather_bedford.csv")) if row["temp_c"]]
    degrees = _daily([row["timestamp_utc"] for row in weather], [float(row["temp_c"]) for row in weather])
    air = {day: float(np.mean(values)) for day, values in degrees.items()}
    rows = _rows(real("cambridge/electricity_kwh_2018_2019.csv"))
    shares = []
    for name in list(rows[0])[1:]:
        known = [row for row in rows if row[name]]
        hours = _daily([row["timestamp_utc"] for row in known], [float(row[name]) for row in known])
        kwh = {day: sum(values) for day, values in hours.items() if len(values) == 24}
        model = fit(_period(kwh, air, date(2018, 1, 1), YEAR))
        shares.append(savings(model, _period(kwh, air, date(2019, 1, 1), YEAR)).share)
    assert len(shares) == 46
    assert abs(float(np.median(shares))) < 0.04
