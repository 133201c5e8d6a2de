"""Findings: anomalies with their evidence."""

from typing import Literal

import msgspec

from schema.series import SeriesKey
from schema.text import Text

Severity = Literal["info", "warning", "critical"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One anomaly of one series: what was expected, what was seen, and why that matters.

    `rule` names the detector; (series, rule) is the fingerprint that alarms are deduplicated by.
    `begin` and `end` are instants of the evidence; `active` is False when the series came back to normal.
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
    cost_kwh_per_hour: float = 0.0
