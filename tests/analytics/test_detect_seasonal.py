"""Unusual consumption on series with known faults."""

import numpy as np

from analytics.calendar import Calendar
from analytics.detect import detectors
from analytics.detect.core import Context
from analytics.detect.engine import Detectors, Tables, advance
from analytics.detect.seasonal import MONTH, RATES, SURGE, UP
from schema.batch import Batch
from schema.finding import Finding
from schema.instant import DAY, HOUR, to_datetime
from schema.series import SeriesKey

MONDAY = 1_788_105_600_000_000
"""31 August 2026 in Shanghai."""
PLAIN = Context(now=MONDAY + 999 * DAY, calendars={"demo": Calendar("Asia/Shanghai", None)})
CHINA = Context(now=MONDAY + 999 * DAY)


def office(context: Context, days: int, series: int = 1, noise: float = 0.06, seed: int = 0) -> np.ndarray:
    """kWh of an office by hours, (hours, series): busy by day on workdays, noise that hangs together."""
    rng = np.random.default_rng(seed)
    times = MONDAY + np.arange(days * 24) * HOUR
    hour = context.calendar("demo").hour_of_week(times)
    busy = (hour < 120) & (hour % 24 >= 8) & (hour % 24 < 18)
    base = np.where(busy, 40.0, np.where(hour < 120, 12.0, 8.0))[:, None]
    weather = np.repeat(rng.normal(0, noise / 2, (days * 4, series)), 6, axis=0)
    return base * (1 + weather + rng.normal(0, noise / 2, (len(times), series)))


def run(values: np.ndarray, context: Context) -> list[Finding]:
    """Feed (hours, series) a week at a time."""
    keys = tuple(SeriesKey("demo", "b1", "electricity_meter_15min", f"m{i}", "energy") for i in range(values.shape[1]))
    tables, mine, findings = Tables(), Detectors({"seasonal": detectors()["seasonal"]}), []
    for first in range(0, len(values), 168):
        part = values[first : first + 168]
        times = MONDAY + (first + np.arange(len(part))) * HOUR
        code = np.tile(np.arange(len(keys)), len(part))
        findings += advance(tables, Batch.of(keys, code, np.repeat(times, len(keys)), part.ravel()), context, mine)
    return findings


def opened(findings: list[Finding]) -> list[Finding]:
    first = {(finding.series, finding.begin): finding for finding in reversed(findings) if finding.active}
    return list(first.values())


def day(finding: Finding) -> int:
    return (finding.end - 1 - MONDAY) // DAY


def test_the_stated_rate_of_false_alarms_holds_for_whatever_noise() -> None:
    """Quiet, restless and heavy-tailed series; once thresholds have climbed, findings come at the stated rate at most.

    A step up is a share of the threshold, which makes the rate 7 % more; thresholds may end two steps from their begin.
    """
    days, climbing, series = 240, 120, 9
    values = office(PLAIN, days, series, noise=0.05)
    rng = np.random.default_rng(3)
    values[:, 3:6] *= np.exp(np.repeat(rng.normal(0, 0.25, (days, 3)), 24, axis=0))
    values[:, 6:] *= 1 + 0.5 * np.abs(rng.standard_t(2, (len(values), 3)))
    counts = np.zeros(series)
    for finding in opened(run(values, PLAIN)):
        if finding.observed > finding.expected and finding.begin >= MONDAY + climbing * DAY:
            counts[int(finding.series.device[1:])] += 1
    assert (counts <= (RATES[UP] + RATES[SURGE]) * 1.07 * MONTH * (days - climbing) / 30 + 2).all()
    assert counts[:3].max() < counts[3:6].min(), "there is something to be limited"


def test_thirty_per_cent_for_a_day_is_found_within_it() -> None:
    values = office(PLAIN, 39, 20)
    values[36 * 24 : 37 * 24] *= 1.3
    findings = run(values, PLAIN)
    within = {finding.series for finding in findings if finding.active and day(finding) == 36}
    assert len(within) >= 18
    over = {finding.series for finding in findings if not finding.active and 36 <= day(finding) <= 38}
    assert len(over) >= 18, "and they return to normal"


def test_five_times_the_load_is_found_within_two_hours() -> None:
    values = office(PLAIN, 30, 5)
    values[28 * 24 + 10 :] *= 5
    first = {finding.series: finding for finding in reversed(run(values, PLAIN)) if finding.active}
    assert len(first) == 5
    assert all(finding.end <= MONDAY + 28 * DAY + 12 * HOUR for finding in first.values())
    assert {finding.severity for finding in first.values()} == {"critical"}


def test_nothing_is_said_in_the_grace_period() -> None:
    values = office(PLAIN, 9)
    values[4 * 24 :] *= 5
    assert run(values, PLAIN) == []


def test_a_holiday_is_not_a_low_load_and_a_make_up_day_not_a_high_one() -> None:
    """1 to 7 October and the working Saturday 10 October 2026; on a plain calendar the same load is flagged."""
    values = office(CHINA, 42, 5)
    assert [finding for finding in run(values, CHINA) if to_datetime(finding.end).month == 10] == []
    assert {finding.series for finding in run(values, PLAIN) if to_datetime(finding.end).month == 10}


def test_a_lasting_shift_is_one_finding_and_then_the_new_normal() -> None:
    values = office(PLAIN, 60, 10)
    values[25 * 24 :, :3] *= 1.6
    findings = [finding for finding in run(values, PLAIN) if finding.end >= MONDAY + 25 * DAY]
    ends = {finding.series: finding for finding in reversed(findings) if not finding.active}
    assert len(ends) == 3
    assert all("taken as normal" in finding.reason.en for finding in ends.values())
    assert len(opened(findings)) <= 4
    values[56 * 24 :, :3] *= 1.6
    again = {finding.series for finding in run(values, PLAIN) if finding.active and day(finding) >= 56}
    assert len(again) == 3, "and it is watched again"


def test_what_was_flagged_is_not_learned() -> None:
    """After a flagged day the days as before are not too low, and the same again is as much of an anomaly."""
    values = office(PLAIN, 46, 5, noise=0.04)
    values[30 * 24 : 31 * 24] *= 3
    values[37 * 24 : 38 * 24] *= 3
    findings = opened(run(values, PLAIN))
    assert {day(finding) for finding in findings} == {30, 37}
    assert all(finding.observed > finding.expected for finding in findings)


def test_irregular_cadence_and_a_long_gap_are_no_anomaly() -> None:
    """A fifth of the hours, and two weeks without any."""
    values = office(PLAIN, 70, 5)
    keep = np.random.default_rng(4).random(len(values)) < 0.5
    keep[30 * 24 : 44 * 24] = False
    keys = tuple(SeriesKey("demo", "b1", "electricity_meter_15min", f"m{i}", "energy") for i in range(5))
    times = MONDAY + np.flatnonzero(keep) * HOUR
    batch = Batch.of(keys, np.tile(np.arange(5), len(times)), np.repeat(times, 5), values[keep].ravel())
    findings = advance(Tables(), batch, PLAIN, Detectors({"seasonal": detectors()["seasonal"]}))
    assert len(opened(findings)) <= 2


def test_what_all_meters_of_a_site_do_is_nobodys_fault() -> None:
    """Days that are busier or quieter for all meters bring fewer findings than days that are so for each on its own."""
    days, series = 80, 12
    rng = np.random.default_rng(5)
    values = office(PLAIN, days, series)
    common = np.exp(np.repeat(rng.normal(0, 0.2, (days, 1)), 24, axis=0))
    alone = np.exp(np.repeat(rng.normal(0, 0.2, (days, series)), 24, axis=0))
    assert len(opened(run(values * common, PLAIN))) < 0.6 * len(opened(run(values * alone, PLAIN)))
