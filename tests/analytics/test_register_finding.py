"""Registers that fell or jumped become findings; what is settled anew is not told again."""

from datetime import UTC, datetime

import numpy as np

from analytics.books import ledger, rules
from analytics.books.settling import Ground
from analytics.detect import Detection
from analytics.detect.core import Context
from schema.batch import Batch
from schema.finding import Finding
from schema.instant import DAY, MINUTE, to_micros
from schema.series import SeriesKey

KEY = SeriesKey("demo", "hall", "electricity_meter", "elec-1", "energy")
BEGIN = to_micros(datetime(2026, 3, 2, tzinfo=UTC))
CONTEXT = Context(BEGIN + DAY)


def told(values: list[float]) -> Batch:
    """What the ledger settles from a reading a quarter of an hour."""
    time = BEGIN + 15 * MINUTE * np.arange(len(values))
    settled = ledger.settle(time, np.array(values), Ground().register(KEY), BEGIN, int(time[-1]))
    marks = rules.marked(settled.quality, settled.rule)
    return Batch.of([KEY.intervals()], [0] * len(settled.start), settled.start, settled.value, marks)


def seen(findings: list[Finding]) -> list[tuple[int, bool]]:
    return [((finding.begin - BEGIN) // (15 * MINUTE), finding.active) for finding in findings]


def test_a_meter_that_was_swapped_unsaid_is_told_once_and_ends_with_the_next_interval() -> None:
    detection = Detection()
    swapped = [100.0, 102.0, 104.0, 12.0, 14.0, 16.0]
    found = detection.registers(told(swapped[:4]), CONTEXT)
    assert seen(found) == [(2, True)]
    assert "fell" in found[0].reason.en
    assert detection.registers(told(swapped[:4]), CONTEXT) == []
    assert seen(detection.registers(told(swapped), CONTEXT)) == [(3, False)]
    assert detection.registers(told(swapped), CONTEXT) == []


def test_a_reading_that_jumped_and_one_that_cannot_be_are_told() -> None:
    jumped = Detection().registers(told([100.0, 102.0, 900.0, 106.0, 108.0]), CONTEXT)
    assert seen(jumped) == [(1, True), (2, True), (3, False)]
    assert {finding.rule for finding in jumped} == {"register"}
    impossible = Detection().registers(told([100.0, 102.0, 9e8, 9e8 + 2]), CONTEXT)
    assert seen(impossible)[0] == (1, True)


def test_plain_registers_and_rollovers_say_nothing() -> None:
    width = 1e6
    assert Detection().registers(told([width - 4, width - 2, 0.0, 2.0]), CONTEXT) == []


def test_what_was_told_is_remembered_over_a_restart() -> None:
    detection = Detection()
    detection.registers(told([100.0, 102.0, 12.0]), CONTEXT)
    again = Detection.load(detection.dump())
    assert not again.cold
    assert again.registers(told([100.0, 102.0, 12.0]), CONTEXT) == []
    assert seen(again.registers(told([100.0, 102.0, 12.0, 13.0]), CONTEXT)) == [(2, False)]
