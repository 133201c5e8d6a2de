"""The detectors on real meters (University of Cambridge buildings, hourly kWh), as they are and with faults put in."""

import csv
from datetime import UTC, datetime

import numpy as np
import pytest

from analytics.calendar import Calendar
from analytics.detect import Detection, detectors
from analytics.detect.core import Context
from schema.batch import Batch
from schema.finding import Finding
from schema.instant import DAY, to_micros
from schema.series import SeriesKey
from tests import real_data

DAYS = 90
CONTEXT = Context(now=to_micros(datetime(2020, 1, 1, tzinfo=UTC)), calendars={"uk": Calendar("Europe/London", None)})


@pytest.fixture(scope="module")
def real() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, hours and kWh (hour, meter) of the first 120 days."""
    with real_data.real("cambridge/electricity_kwh_2018_2019.csv").open() as file:
        rows = list(csv.reader(file))[: DAYS * 24 + 1]
    times = [to_micros(datetime.fromisoformat(row[0]).replace(tzinfo=UTC)) for row in rows[1:]]
    kwh = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[1:]])
    return rows[0][1:], np.array(times), kwh


def run(real: tuple[list[str], np.ndarray, np.ndarray], kwh: np.ndarray) -> list[Finding]:
    names, times, _ = real
    keys = tuple(SeriesKey("uk", "b1", "electricity_meter_15min", name, "energy") for name in names)
    among = {name: detector for name, detector in detectors().items() if name in {"seasonal", "stuck"}}
    detection, findings = Detection(among), []
    for first in range(0, len(times), 24 * 14):
        part = slice(first, first + 24 * 14)
        code = np.tile(np.arange(len(keys)), len(times[part]))
        batch = Batch.of(keys, code, np.repeat(times[part], len(keys)), kwh[part].ravel() / 4)
        findings += detection.update(batch, CONTEXT)
    return findings


def found(findings: list[Finding], rule: str, names: list[str], days: np.ndarray, times: np.ndarray) -> float:
    """The share of meters with an active finding of a rule on their day."""
    told = {(f.series.device, (f.end - int(times[0])) // DAY) for f in findings if f.rule == rule and f.active}
    return float(np.mean([(name, day) in told for name, day in zip(names, days.tolist(), strict=True)]))


def test_real_meters_bring_about_a_finding_a_month_each(real: tuple[list[str], np.ndarray, np.ndarray]) -> None:
    """Bank holidays and real faults among them."""
    findings = run(real, real[2])
    opened = {(finding.series, finding.rule, finding.begin) for finding in findings}
    assert 0.2 < len(opened) / len(real[0]) / (DAYS / 30.4) < 1.5


def test_faults_put_into_real_meters_are_found(real: tuple[list[str], np.ndarray, np.ndarray]) -> None:
    names, times, clean = real
    days = np.random.default_rng(7).integers(50, DAYS - 2, len(names))
    stuck, high = clean.copy(), clean.copy()
    for meter, day in enumerate(days.tolist()):
        stuck[day * 24 + 6 : day * 24 + 24, meter] = 0.0
        high[day * 24 : day * 24 + 24, meter] *= 2.0
    assert found(run(real, stuck), "stuck", names, days, times) > 0.95
    assert found(run(real, high), "seasonal", names, days, times) > 0.7
