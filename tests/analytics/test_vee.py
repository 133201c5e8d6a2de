"""Validation of a day: each check by its name, at its limit, and silent without evidence."""

from datetime import date

import numpy as np
import pytest

from analytics.books import rules, vee
from analytics.books.vee import DayOf, check, thresholds
from schema.coefficient import Coefficient
from schema.series import Quality, SeriesKey

LIMITS = thresholds(date(2026, 5, 4))
KEY = SeriesKey("demo", "hall", "electricity_meter", "m1", "energy")


def day(
    values: list[float],
    *,
    device: str = "m1",
    quality: int = Quality.MEASURED,
    rule: int = rules.NONE,
    usual: tuple[float, ...] = (),
    parent: str | None = None,
    ahead: float = 0.0,
) -> DayOf:
    return DayOf(
        KEY._replace(device=device),
        "kWh",
        np.array(values),
        np.full(len(values), quality, np.uint8),
        np.full(len(values), rule, np.uint8),
        np.array(usual),
        parent,
        ahead,
    )


def failed(*days: DayOf) -> list[str]:
    return [flag.check for flag in check(days, LIMITS)]


def test_a_plain_day_passes() -> None:
    assert failed(day([1.0] * 96, usual=(90, 96, 100))) == []


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("missing", day([1.0] * 95 + [float("nan")]), day([1.0] * 96)),
        ("interval_spike", day([1.0] * 95 + [3.0]), day([1.0] * 95 + [2.8])),
        ("estimated", day([1.0] * 96, quality=Quality.ESTIMATED), day([1.0] * 96)),
        ("negative_consumption", day([1.0] * 96, rule=rules.LEFT_OUT), day([1.0] * 96)),
        ("high_limit", day([1.0] * 96, rule=rules.HIGH), day([1.0] * 96)),
        ("zero_consumption", day([0.0] * 96, usual=(1, 2, 3)), day([0.0] * 96, usual=(0, 2, 3))),
        ("high", day([2.1] * 96, usual=(96, 96, 96)), day([2.0] * 96, usual=(96, 96, 96))),
        ("low", day([0.1] * 96, usual=(96, 96, 96)), day([0.1] * 96, usual=(96, 96))),
        ("clock", day([1.0] * 96, ahead=181), day([1.0] * 96, ahead=180)),
    ],
)
def test_each_check_at_its_limit(name: str, bad: DayOf, good: DayOf) -> None:
    assert name in failed(bad)
    assert name not in failed(good)


def test_the_sum_check_waits_for_every_sub_meter() -> None:
    main = day([10.0] * 96)
    parts = [day([share] * 96, device=f"s{share}", parent="m1") for share in (4.0, 5.8)]
    assert failed(main, *parts) == []
    assert failed(main, parts[0]) == ["sum_check"]
    assert failed(main, parts[0], day([float("nan")] * 96, device="s", parent="m1")) == ["missing"]
    assert failed(main, *parts, day([1.0] * 96, device="s", parent="m1")) == ["sum_check"]


def test_limits_are_dated() -> None:
    own = Coefficient("vee.spike", 3.0, "/", "tuned", "CN", "limit", date(2026, 5, 1), date(2026, 6, 1))
    assert [thresholds(date(2026, month, 15), [own])["spike"] for month in (4, 5, 6)] == [1.8, 3.0, 1.8]
    assert vee.VERSION == 1
