"""Stuck meters, silent devices and warm cabinets."""

import numpy as np

from analytics.detect import Detection
from analytics.detect.cold_chain import DETECTOR as COLD
from analytics.detect.core import Context, Detector, State, update
from analytics.detect.silent import Watch, silent
from analytics.detect.stuck import DETECTOR as STUCK
from schema.batch import Batch
from schema.finding import Finding
from schema.instant import DAY, HOUR, MINUTE, SECOND
from schema.series import SeriesKey
from schema.text import Text

MONDAY = 1_780_243_200_000_000
QUARTER = 15 * MINUTE
CONTEXT = Context(now=MONDAY + 999 * DAY)
METER = SeriesKey("demo", "b1", "electricity_meter_15min", "m1", "energy")
POWER = SeriesKey("demo", "b1", "electricity_meter", "m1", "power")
CABINET = SeriesKey("demo", "b2", "cold_chain", "c1", "temperature")


def run(detector: Detector, key: SeriesKey, values: np.ndarray, every: int = QUARTER) -> list[Finding]:
    batch = Batch.of((key,), np.zeros(len(values), int), MONDAY + np.arange(len(values)) * every, values)
    return update(detector, State(), batch, CONTEXT)[1]


def busy(days: int) -> np.ndarray:
    """Moves by day, stands still at night."""
    rng = np.random.default_rng(1)
    hour = np.arange(days * 96) // 4 % 24
    return np.where((hour >= 7) & (hour < 22), 5 + rng.random(days * 96), 0.0)


def test_a_stuck_meter_is_found_within_the_morning_and_ends_when_it_moves() -> None:
    values = busy(20)
    values[15 * 96 : 16 * 96 + 48] = 0.0
    findings = run(STUCK, METER, values)
    first, last = findings[0], findings[-1]
    assert MONDAY + 15 * DAY + 9 * HOUR < first.end < MONDAY + 15 * DAY + 10 * HOUR + QUARTER
    assert first.begin == MONDAY + 14 * DAY + 22 * HOUR, "it moved last in the evening"
    assert first.expected > 4
    assert first.observed == 0
    assert "no consumption since" in first.reason.en
    assert (last.active, last.end) == (False, MONDAY + 16 * DAY + 12 * HOUR)


def test_nights_and_a_meter_that_often_rests_are_not_stuck() -> None:
    assert run(STUCK, METER, busy(40)) == []
    seldom = np.where(np.random.default_rng(2).random(96 * 40) < 0.3, 1.0, 0.0)
    assert run(STUCK, METER, seldom) == []


def test_a_gauge_that_repeats_itself_is_stuck() -> None:
    values = 50 + np.random.default_rng(3).normal(0, 1, 96 * 12)
    values[96 * 10 :] = 51.234
    findings = run(STUCK, POWER, values)
    assert findings[0].active
    assert "51.2 kW" in findings[0].reason.en
    assert findings[0].end - findings[0].begin <= 4 * HOUR


def test_a_door_left_open_is_told_after_half_an_hour() -> None:
    values = np.full(24 * 60, 4.0)
    values[600:620] = 12.0
    values[700:760] = 9.0
    findings = run(COLD, CABINET, values, MINUTE)
    assert (findings[0].active, (findings[0].end - MONDAY) // MINUTE) == (True, 730)
    assert (findings[-1].active, (findings[-1].end - MONDAY) // MINUTE) == (False, 760)
    assert findings[0].begin == MONDAY + 700 * MINUTE
    assert findings[0].severity == "warning"
    assert findings[0].high == 8.0


def test_a_failing_freezer_is_critical_after_two_hours() -> None:
    values = np.concatenate([np.full(600, -18.0), np.linspace(-18, 4, 600)])
    findings = run(COLD, CABINET, values, MINUTE)
    assert findings[0].high == -12.0
    assert findings[0].severity == "warning"
    assert [finding.severity for finding in findings].count("critical") >= 1
    assert all(finding.active for finding in findings)


def test_silence_is_told_once_and_so_is_the_return() -> None:
    detection = Detection()
    context = Context(now=MONDAY, titles={("demo", "m1"): Text("一号楼总表", "Main meter 1")})

    def look(minutes: float, last: float | None) -> list[Finding]:
        now = MONDAY + round(minutes * MINUTE)
        seen = None if last is None else MONDAY + round(last * MINUTE)
        return detection.silent([Watch(POWER, seen, 60.0)], Context(now, titles=context.titles))

    assert look(10, None) == [], "it never spoke: nobody misses it yet"
    assert look(3, 0) == []
    (finding,) = look(3.1, 0)
    assert finding.series == POWER._replace(point="")
    assert (finding.begin, finding.active, finding.rule) == (MONDAY, True, "silent")
    assert finding.reason.zh.startswith("一号楼总表：自2026-06-01 00:00起无数据")
    assert look(9, 0) == []
    detection = Detection.load(detection.dump())
    (back,) = look(10, 9.9)
    assert not back.active
    assert look(11, 9.9) == []


def test_replayed_history_is_never_silent() -> None:
    watch = Watch(POWER, MONDAY - 900 * DAY, 15.0, replay=True)
    assert silent(frozenset(), [watch], CONTEXT) == (frozenset(), [])


def test_short_silences_of_fast_devices_are_the_networks() -> None:
    watch = Watch(POWER, CONTEXT.now - 50 * SECOND, 1.0)
    assert silent(frozenset(), [watch], CONTEXT)[1] == []
