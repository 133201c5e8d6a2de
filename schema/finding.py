"""Findings: anomalies with their evidence."""

from decimal import Decimal
from typing import Literal

import msgspec

from schema.series import SeriesKey
from schema.text import Text

Severity = Literal["info", "warning", "critical"]

Cause = Literal[
    "left_on", "changed_use", "leak", "meter", "sensor", "wiring", "supply", "cooling", "setting", "network", "unknown"
]
"""What is most likely behind a finding, in classes that somebody can be sent for."""


class Evidence(msgspec.Struct, frozen=True):
    """Readings that say so: those of a series in [begin, end]."""

    series: SeriesKey
    begin: int
    end: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One anomaly of one series: what was expected, what was seen, and why that matters.

    `rule` names the detector; (series, rule) is the fingerprint that alarms are deduplicated by.
    `begin` and `end` are instants of the evidence; `active` is False when the series came back to normal.
    Costs are what an hour of it takes beyond what was expected; None where no factor or price is known for that day.
    """

    series: SeriesKey
    rule: str
    begin: int
    end: int
    observed: float
    expected: float
    low: float
    high: float
    unit: str
    severity: Severity
    confidence: float
    reason: Text
    active: bool = True
    cause: Cause = "unknown"
    evidence: tuple[Evidence, ...] = ()
    cost_kwh_per_hour: float = 0.0
    cost_yuan_per_hour: Decimal | None = None
    cost_kgco2_per_hour: float | None = None
