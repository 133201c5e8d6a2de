"""What the meters of a carrier do together is the season; what one does alone is its own."""

import numpy as np

from analytics.calendar import Calendar
from analytics.detect import Detection
from analytics.detect.core import Context
from schema.finding import Finding
from schema.instant import DAY
from schema.series import SeriesKey
from tests.analytics.faulty import BEGIN, series

CONTEXT = Context(now=BEGIN + 999 * DAY, calendars={"demo": Calendar("Asia/Shanghai", None)})
DAYS, TURN = 45, 30


def meter(number: int) -> SeriesKey:
    return SeriesKey("demo", "b1", "heat_meter_15min", f"h{number}", "energy")


def warm(seed: int) -> np.ndarray:
    """kWh a quarter hour: more at night than by day."""
    rng = np.random.default_rng(seed)
    hour = np.arange(DAYS * 96) / 4 % 24
    return (20 + 4 * np.cos(hour / 24 * 2 * np.pi)) * rng.normal(1, 0.03, len(hour))


def found(values: dict[int, np.ndarray]) -> list[Finding]:
    batch = series({meter(number): of for number, of in values.items()})
    return [finding for finding in Detection().update(batch, CONTEXT) if finding.active]


def test_heating_that_begins_at_all_meters_is_no_fault_of_any() -> None:
    season = np.arange(DAYS * 96) >= TURN * 96
    assert found({number: warm(number) * season for number in range(4)}) == []


def test_heating_that_ends_at_all_meters_is_no_fault_of_any() -> None:
    season = np.arange(DAYS * 96) < TURN * 96
    assert found({number: warm(number) * season for number in range(4)}) == []


def test_one_meter_that_moves_alone_is_told() -> None:
    values = {number: warm(number) for number in range(4)}
    values[2][TURN * 96 :] *= 3
    assert {finding.series.device for finding in found(values)} == {"h2"}
