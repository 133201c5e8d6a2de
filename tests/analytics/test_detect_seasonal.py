"""The seasonal profile on series with known faults."""

import numpy as np
import pytest

from analytics.calendar import Calendar
from analytics.detect.core import Context, State, update
from analytics.detect.seasonal import DETECTOR
from schema.batch import Batch
from schema.finding import Finding
from schema.instant import DAY, HOUR, MINUTE, to_datetime
from schema.series import SeriesKey
from schema.text import Text

QUARTER = 15 * MINUTE
MONDAY = 1_788_105_600_000_000
"""31 August 2026 in Shanghai."""
PLAIN = Context(now=MONDAY + 999 * DAY, calendars={"demo": Calendar("Asia/Shanghai", None)})
CHINA = Context(now=MONDAY + 999 * DAY, titles={("demo", "m0"): Text("一号楼总表", "Main meter 1")})


def office(context: Context, days: int, series: int = 1, noise: float = 0.06, seed: int = 0) -> np.ndarray:
    """kWh a quarter of an hour of an office, (quarters, series): busy by day on workdays, noise that hangs together."""
    rng = np.random.default_rng(seed)
    times = MONDAY + np.arange(days * 96) * QUARTER
    hour = context.calendar("demo").hour_of_week(times)
    busy = (hour < 120) & (hour % 24 >= 8) & (hour % 24 < 18)
    base = np.where(busy, 40.0, np.where(hour < 120, 12.0, 8.0))[:, None]
    weather = np.repeat(rng.normal(0, noise / 2, (days * 4, series)), 24, axis=0)
    return base * (1 + weather + rng.normal(0, noise, (len(times), series)))


def run(values: np.ndarray, context: Context) -> list[Finding]:
    """Feed (quarters, series) a week at a time."""
    keys = tuple(SeriesKey("demo", "b1", "electricity_meter_15min", f"m{i}", "energy") for i in range(values.shape[1]))
    state, findings = State(), []
    for first in range(0, len(values), 672):
        part = values[first : first + 672]
        times = MONDAY + (first + np.arange(len(part))) * QUARTER
        code = np.tile(np.arange(len(keys)), len(part))
        state, found = update(DETECTOR, state, Batch.of(keys, code, np.repeat(times, len(keys)), part.ravel()), context)
        findings += found
    return findings


def day(findings: list[Finding]) -> list[int]:
    return [(finding.end - MONDAY) // DAY for finding in findings]


def test_a_quiet_series_has_less_than_one_false_finding_a_month() -> None:
    series, days = 60, 60
    opened = {(finding.series, finding.begin) for finding in run(office(PLAIN, days, series), PLAIN)}
    assert len(opened) / series / (days / 30) < 1 / 2


def test_twenty_per_cent_for_a_day_is_found_within_it() -> None:
    values = office(PLAIN, 39, 20)
    values[36 * 96 : 37 * 96] *= 1.2
    findings = run(values, PLAIN)
    hits = {finding.series for finding in findings if finding.active and finding.observed > finding.expected}
    within = {finding.series for finding in findings if finding.active and day([finding]) == [36]}
    assert len(hits & within) >= 18
    over = [finding for finding in findings if not finding.active and 36 <= day([finding])[0] <= 38]
    assert len({finding.series for finding in over}) >= 18, "and they return to normal"


def test_a_finding_says_what_was_expected_and_what_it_costs() -> None:
    values = office(CHINA, 26)
    values[23 * 96 + 40 :] *= 1.5
    first = next(finding for finding in run(values, CHINA) if finding.active)
    assert first.severity == "warning"
    assert first.low < first.expected < first.high < first.observed
    assert first.unit == "kWh"
    assert first.cost_kwh_per_hour == pytest.approx(4 * (first.observed - first.expected))
    assert 0.5 <= first.confidence <= 1
    assert abs(first.begin - (MONDAY + 23 * DAY + 10 * HOUR)) <= 2 * HOUR
    assert first.reason.zh.startswith("一号楼总表：自2026-09-23 1")
    assert "above normal since 2026-09-23 1" in first.reason.en
    assert "kW" in first.reason.en


def test_nothing_is_said_in_the_grace_period() -> None:
    values = office(PLAIN, 9)
    values[4 * 96 :] *= 5
    assert run(values, PLAIN) == []


def test_a_holiday_is_not_a_low_load_and_a_make_up_day_not_a_high_one() -> None:
    """1 to 7 October and the working Saturday 10 October 2026; on a plain calendar the same load is flagged."""
    values = office(CHINA, 42, 5)
    assert [finding for finding in run(values, CHINA) if to_datetime(finding.end).month == 10] == []
    assert {finding.series for finding in run(values, PLAIN) if to_datetime(finding.end).month == 10}


def test_a_lasting_shift_is_one_finding_and_then_the_new_normal() -> None:
    values = office(PLAIN, 46, 10)
    values[21 * 96 :] *= 1.6
    findings = run(values, PLAIN)
    after = [finding for finding in findings if finding.begin >= MONDAY + 20 * DAY]
    ends = [finding for finding in after if not finding.active]
    assert all("taken as normal" in finding.reason.en for finding in ends[:1])
    late = {(finding.series, finding.begin) for finding in after if finding.begin > MONDAY + 31 * DAY}
    assert len(late) <= 1
    values[43 * 96 :] *= 1.6
    again = {finding.series for finding in run(values, PLAIN) if finding.active and day([finding])[0] >= 43}
    assert len(again) >= 8, "and it is watched again"


def test_what_was_flagged_is_not_learned() -> None:
    """The day after a flagged day is expected to be as the day before it."""
    values = office(PLAIN, 32, noise=0.02)
    values[30 * 96 : 31 * 96] *= 3
    findings = run(values, PLAIN)
    flagged = [finding for finding in findings if finding.active]
    clean = office(PLAIN, 32, noise=0.02)[30 * 96 : 31 * 96].mean()
    assert flagged[-1].expected == pytest.approx(clean, rel=0.35)
    assert "critical" in {finding.severity for finding in flagged}


def test_irregular_cadence_and_a_long_gap_are_no_anomaly() -> None:
    """One reading an hour or so, a fifth of them missing, and two weeks without any."""
    values = office(PLAIN, 70, 5)
    keep = np.random.default_rng(4).random(len(values)) < 0.2
    keep[30 * 96 : 44 * 96] = False
    keys = tuple(SeriesKey("demo", "b1", "electricity_meter_15min", f"m{i}", "energy") for i in range(5))
    times = MONDAY + np.flatnonzero(keep) * QUARTER
    code = np.tile(np.arange(5), len(times))
    batch = Batch.of(keys, code, np.repeat(times, 5), values[keep].ravel())
    findings = update(DETECTOR, State(), batch, PLAIN)[1]
    assert len({(finding.series, finding.begin) for finding in findings}) <= 2
