"""What single rules say, and what they keep quiet about."""

from datetime import date

import numpy as np

from analytics.calendar import Calendar
from analytics.detect import Detection, detectors
from analytics.detect.core import Context
from analytics.detect.engine import Detectors, Tables, update
from analytics.detect.limits import ROWS, Limits
from analytics.detect.silent import Watch
from schema.batch import Batch
from schema.coefficient import Coefficient
from schema.finding import Finding
from schema.instant import DAY, HOUR, MINUTE, SECOND
from schema.series import SeriesKey
from schema.text import Text
from tests.analytics.faulty import BEGIN, METER, WATER, at, busy, gauge, series

PLAIN = {"demo": Calendar("Asia/Shanghai", None)}
CONTEXT = Context(now=BEGIN + 999 * DAY, calendars=PLAIN, titles={("demo", "m1"): Text("一号楼总表", "Main meter 1")})


def run(name: str, batch: Batch, context: Context = CONTEXT) -> list[Finding]:
    return update(Tables(), batch, context, Detectors({name: detectors()[name]}))[1]


def cabinet(values: np.ndarray) -> list[Finding]:
    return run("cold_chain", series({gauge("temperature", "cold_chain", "c1"): values}, MINUTE))


def test_nights_and_a_meter_that_often_rests_are_not_stuck() -> None:
    rng = np.random.default_rng(1)
    hour = np.arange(40 * 96) // 4 % 24
    rests_at_night = np.where((hour >= 7) & (hour < 22), 5 + rng.random(40 * 96), 0.0)
    assert run("stuck", series({METER: rests_at_night})) == []
    assert run("stuck", series({METER: np.where(rng.random(96 * 40) < 0.3, 1.0, 0.0)})) == []


def test_a_gauge_that_repeats_itself_is_stuck() -> None:
    values = 50 + np.random.default_rng(3).normal(0, 1, 96 * 12)
    values[96 * 10 :] = 51.234
    first = run("stuck", series({gauge("power"): values}))[0]
    assert first.active
    assert "51.2 kW" in first.reason.en
    assert first.end - first.begin <= 5 * HOUR
    assert first.cause == "sensor"


def test_a_failing_freezer_is_critical_after_two_hours() -> None:
    findings = cabinet(np.concatenate([np.full(600, -18.0), np.linspace(-18, 4, 600)]))
    assert findings[0].high == -12.0
    assert findings[0].severity == "warning"
    assert "critical" in [finding.severity for finding in findings]
    assert all(finding.active for finding in findings)


def test_a_cabinet_may_have_a_limit_of_its_own() -> None:
    own = Coefficient("cold.chilled.high", 12.0, "Cel", "site", "demo/c1", "limit", date(2020, 1, 1), None)
    warm = series({gauge("temperature", "cold_chain", "c1"): np.full(200, 10.0)}, MINUTE)
    assert run("cold_chain", warm)
    assert run("cold_chain", warm, Context(now=CONTEXT.now, calendars=PLAIN, limits=Limits((*ROWS, own)))) == []


def test_a_limit_holds_from_its_day_on() -> None:
    stricter = Coefficient("voltage.220.high", 230.0, "V", "agreed", "demo", "limit", date(2026, 6, 2), None)
    limits = Limits((*ROWS, stricter))
    high = series({gauge("voltage"): np.full(3 * 96, 233.0)})
    findings = run("voltage", high, Context(now=CONTEXT.now, calendars=PLAIN, limits=limits))
    assert findings[0].begin >= BEGIN + DAY
    assert run("voltage", high) == []


def test_medium_voltage_is_not_judged_by_the_limits_of_low_voltage() -> None:
    assert run("voltage", series({gauge("voltage"): np.full(100, 6060.0)})) == []


def test_a_dead_phase_is_no_low_voltage_and_an_idle_motor_no_bad_power_factor() -> None:
    assert run("voltage", series({gauge("voltage_a"): np.zeros(100)})) == []
    power = np.full(300, 100.0)
    power[100:] = 5.0
    factor = np.where(power > 50, 0.95, 0.3)
    assert run("power_factor", series({gauge("power"): power, gauge("power_factor"): factor}, MINUTE)) == []


def test_demand_is_told_before_the_window_ends() -> None:
    agreed = Coefficient("demand.limit", 500.0, "kW", "contract", "demo/m1", "limit", date(2020, 1, 1), None)
    values = np.full(60, 400.0)
    values[30:45] = 600.0
    context = Context(now=CONTEXT.now, calendars=PLAIN, limits=Limits((*ROWS, agreed)))
    first = run("demand", series({gauge("power"): values}, MINUTE), context)[0]
    assert first.begin == BEGIN + 30 * MINUTE
    assert first.end < BEGIN + 40 * MINUTE
    assert "in 12 min" in first.reason.en
    assert run("demand", series({gauge("power"): values}, MINUTE)) == [], "nothing was agreed"


def test_a_winter_set_point_is_no_matter_in_summer() -> None:
    assert run("set_point", series({gauge("set_point", "room_sensor", "r1"): np.full(200, 28.0)}, MINUTE)) == []


def test_night_water_of_one_night_is_told_in_the_morning() -> None:
    hour = np.arange(30 * 96) // 4 % 24
    values = np.where((hour >= 6) & (hour < 22), 0.5 * np.random.default_rng(3).random(len(hour)), 0.0)
    values[20 * 96 :] += 0.2
    first = run("night_flow", series({WATER: values}))[0]
    assert first.end == at(20) + 5 * HOUR
    assert first.cause == "leak"
    assert first.cost_yuan_per_hour is not None
    assert float(first.cost_yuan_per_hour) == 3.36
    assert "3.36 yuan" in first.reason.en
    assert "3.36元" in first.reason.zh


def test_what_an_hour_costs_is_in_kwh_yuan_and_kgco2() -> None:
    values = busy(40)
    values[35 * 96 : 36 * 96] *= 1.5
    first = next(finding for finding in run("seasonal", series({METER: values})) if finding.active)
    assert first.cost_kwh_per_hour > 0
    assert first.cost_yuan_per_hour is not None
    assert abs(float(first.cost_yuan_per_hour) - 0.70 * first.cost_kwh_per_hour) < 0.01
    assert first.cost_kgco2_per_hour is not None
    assert abs(first.cost_kgco2_per_hour - 0.5306 * first.cost_kwh_per_hour) < 1e-6
    assert first.reason.zh.startswith("一号楼总表：自2026-07-")
    assert "每小时多耗" in first.reason.zh


def test_silence_is_told_once_and_so_is_the_return() -> None:
    detection = Detection()
    power = gauge("power")

    def look(minutes: float, last: float | None) -> list[Finding]:
        now = BEGIN + round(minutes * MINUTE)
        seen = None if last is None else BEGIN + round(last * MINUTE)
        return detection.silent([Watch(power, seen, 60.0)], Context(now, titles=CONTEXT.titles))

    assert look(10, None) == [], "it never spoke: nobody misses it yet"
    assert look(3, 0) == []
    (finding,) = look(3.1, 0)
    assert finding.series == power._replace(point="")
    assert (finding.begin, finding.active, finding.rule, finding.cause) == (BEGIN, True, "silent", "network")
    assert finding.reason.zh.startswith("一号楼总表：自2026-06-01 00:00起无数据")
    assert look(4, 0) == [], "told once"
    (back,) = look(5, 4.9)
    assert (back.active, back.rule) == (False, "silent")


def test_silence_survives_a_restart() -> None:
    detection = Detection()
    watch = Watch(SeriesKey("demo", "b1", "pump", "p1", "power"), BEGIN, 60.0)
    assert len(detection.silent([watch], Context(BEGIN + HOUR))) == 1
    assert Detection.load(detection.dump()).silent([watch], Context(BEGIN + HOUR + 10 * SECOND)) == []


def test_water_says_as_many_hours_as_have_passed_since_it_says_it_began() -> None:
    hour = np.arange(30 * 96) // 4 % 24
    values = np.where((hour >= 6) & (hour < 22), 0.5 * np.random.default_rng(3).random(len(hour)), 0.0)
    values[20 * 96 + 8 :] += 0.2
    runs = [found for found in run("night_flow", series({WATER: values})) if "without a stop" in found.reason.en]
    assert runs
    for found in runs:
        assert f"has run for {(found.end - found.begin) // HOUR} h" in found.reason.en


def test_a_rounding_error_is_no_scatter() -> None:
    values = np.abs(np.random.default_rng(1).normal(0, 1e-11, 20 * 288))
    values[15 * 288 :] *= 50
    assert run("noise", series({gauge("power", "heat_meter"): values}, 5 * MINUTE)) == []


def test_people_and_meals_are_nobodys_spike() -> None:
    chosen = detectors()["spike"].selects
    assert not chosen(SeriesKey("demo", "b1", "gate_15min", "g1", "entries"))
    assert not chosen(SeriesKey("demo", "b1", "canteen_terminal_15min", "c1", "meals"))
    assert chosen(METER)


def test_units_are_written_as_people_write_them() -> None:
    values = np.zeros(30 * 96)
    hour = np.arange(len(values)) // 4 % 24
    values[(hour >= 6) & (hour < 22)] = 0.3
    values[20 * 96 :] += 0.2
    reason = run("night_flow", series({WATER: values}))[0].reason
    assert "m³/h" in reason.zh
    assert "m3" not in reason.zh
