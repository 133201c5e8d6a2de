"""Scoring by known faults: what counts as found, as false, and how late."""

from pathlib import Path

import numpy as np
import pytest

from analytics.calendar import Calendar
from analytics.score import injected
from analytics.score.faults import GRACE, Opening, Truth, openings, score
from schema.errors import Reject
from schema.finding import Finding
from schema.instant import DAY, HOUR
from schema.series import SeriesKey
from schema.text import Text

BEGIN = 1_514_764_800_000_000
A, B = ("s", "a"), ("s", "b")


def told(device: str, end: int, *, active: bool = True, rule: str = "seasonal") -> Finding:
    return Finding(
        series=SeriesKey("s", "b1", "electricity_meter_15min", device, "energy"),
        rule=rule,
        begin=end - HOUR,
        end=end,
        observed=2.0,
        expected=1.0,
        low=0.5,
        high=1.5,
        unit="kWh",
        severity="warning",
        confidence=0.9,
        reason=Text("", ""),
        active=active,
    )


def test_an_opening_is_counted_once_until_it_ended() -> None:
    findings = [told("a", 1), told("a", 2), told("a", 3, active=False), told("a", 4), told("b", 5)]
    assert [(one.time, one.place) for one in openings(findings)] == [(1, A), (4, A), (5, B)]


def test_found_is_within_the_fault_or_a_little_later_and_where_it_shows() -> None:
    faults = [Truth("leak", begin, begin + DAY, frozenset({A, B})) for begin in (0, 10 * DAY, 20 * DAY, 30 * DAY)]
    opened = [
        Opening(3 * HOUR, B, "night_flow"),
        Opening(11 * DAY + GRACE, A, "seasonal"),
        Opening(21 * DAY + GRACE + 1, A, "seasonal"),
        Opening(30 * DAY + HOUR, ("s", "c"), "seasonal"),
    ]
    found = score("leak", faults, opened, meter_weeks=8.0)
    assert (found.faults, found.recall, found.precision) == (4, 0.5, 0.5)
    assert found.delay_h == (3 + 30) / 2
    assert found.alarms_per_meter_week == 0.5
    assert found.rules == ["night_flow", "seasonal"]


def test_nothing_to_score_is_not_zero() -> None:
    nothing = score("leak", [], [], meter_weeks=0.0)
    assert (nothing.recall, nothing.precision, nothing.delay_h, nothing.alarms_per_meter_week) == (None,) * 4


def meters(days: int = 150) -> injected.Meters:
    rng = np.random.default_rng(1)
    hour = np.arange(days * 24) % 24
    shape = np.where((hour >= 8) & (hour < 18), 20.0, 5.0)[:, None]
    kwh = np.round(shape * (1 + rng.normal(0, 0.02, (len(hour), 3))), 1)
    return injected.Meters(["a", "b", "c"], BEGIN + np.arange(len(hour)) * HOUR, kwh, None)


def test_faults_are_put_in_as_labelled_and_nowhere_else() -> None:
    clean = meters()
    kwh, truths = injected.inject(clean, "+50 % for a day", "x", 3, Calendar("Europe/London", None))
    changed = np.zeros_like(kwh, bool)
    for truth in truths:
        [(_, name)] = truth.where
        part = slice((truth.begin - BEGIN) // HOUR, (truth.end - BEGIN) // HOUR)
        changed[part, clean.names.index(name)] = True
    assert len(truths) >= 3
    assert np.array_equal(kwh != clean.kwh, changed)
    np.testing.assert_allclose(kwh[changed], 1.5 * clean.kwh[changed], atol=0.051)
    np.testing.assert_allclose(kwh, np.round(kwh, 1))


def test_a_doubled_day_of_quiet_meters_is_found_and_little_else() -> None:
    kinds = {name: injected.KINDS[name] for name in ("+100 % for a day",)}
    result = injected.run(meters(), 3, Calendar("Europe/London", None), kinds)
    [doubled] = result["kinds"]
    assert doubled.recall == 1.0
    assert result["false_alarms"]["per_meter_month"] < 0.5


def test_a_rival_is_given_the_threshold_that_serves_it_best() -> None:
    zone = Calendar("Europe/London", None)
    distance = lambda time, kwh: np.abs(kwh - np.where(time // HOUR % 24 < 8, 5, 20))  # noqa: E731
    found = injected.rival("distance", distance, meters(), ("+100 % for a day",), 3, zone)
    assert found["+100 % for a day"] > 0


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("timestamp_utc,a\nyesterday,1\n")
    with pytest.raises(Reject, match="yesterday"):
        injected.read(table, None)
    with pytest.raises(Reject):
        injected.read(tmp_path / "none.csv", None)


def test_sizes_are_drawn_evenly_and_the_same_for_a_seed() -> None:
    kind, rng = injected.KINDS[injected.DRAWN], np.random.default_rng(5)
    sizes = np.array([kind.drawn(rng).times for _ in range(4000)])
    assert sizes.min() >= 1.2
    assert sizes.max() <= 2.0
    assert np.allclose(np.quantile(sizes, [0.25, 0.5, 0.75]), [1.4, 1.6, 1.8], atol=0.03)
    zone = Calendar("Europe/London", None)
    one, other = (injected.inject(meters(), injected.DRAWN, "x", 3, zone)[0] for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_parent_shows_a_fault_below_it_by_balance_alone() -> None:
    fault = Truth("wrong_ct", 0, DAY, frozenset({A}), frozenset({B}))
    assert fault.met(Opening(HOUR, A, "seasonal"))
    assert fault.met(Opening(HOUR, B, "balance"))
    assert not fault.met(Opening(HOUR, B, "seasonal"))
    assert not fault.met(Opening(2 * DAY, B, "balance"))


def test_half_the_use_of_quiet_meters_is_found_as_well_as_double() -> None:
    kinds = {name: injected.KINDS[name] for name in ("-50 % for a day",)}
    result = injected.run(meters(), 3, Calendar("Europe/London", None), kinds)
    assert result["kinds"][0].recall == 1.0
    assert set(result["halves"]) == {"even", "odd"}
