"""The contract every detector keeps, whatever it is fed, and the state of all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics.detect import Detection, detectors, rules
from analytics.detect.core import Context, Detector, State, update
from devices import kinds
from schema.batch import Batch
from schema.finding import Finding
from schema.instant import DAY, HOUR, MINUTE
from schema.series import Quality, SeriesKey

MONDAY = 1_780_243_200_000_000
QUARTER = 15 * MINUTE
CONTEXT = Context(now=MONDAY + 400 * DAY)

EVERY = sorted(detectors())


def keys_for(detector: Detector) -> tuple[SeriesKey, ...]:
    """Every series of the declared device kinds that a detector looks at."""
    every = [
        key
        for kind in kinds().values()
        for point in kind.points
        for base in [SeriesKey("demo", "b1", kind.name, "d1", point.name)]
        for key in ([base, base.intervals()] if point.kind == "counter" else [base])
    ]
    return tuple(key for key in every if detector.selects(key))


def regular(keys: tuple[SeriesKey, ...], values: np.ndarray, start: int = MONDAY) -> Batch:
    """The same values for every key, every quarter of an hour."""
    n = len(values)
    return Batch.of(
        keys,
        np.repeat(np.arange(len(keys)), n),
        np.tile(start + np.arange(n) * QUARTER, len(keys)),
        np.tile(values, len(keys)),
    )


def replay(detector: Detector, batch: Batch, size: int) -> tuple[State, list[Finding]]:
    """Feed a batch in time order, `size` readings at a time."""
    state, findings = State(), []
    batch = batch.take(np.argsort(batch.time, kind="stable"))
    for first in range(0, len(batch), size):
        state, found = update(detector, state, batch.take(np.arange(first, min(first + size, len(batch)))), CONTEXT)
        findings += found
    return state, findings


def test_every_detector_is_discovered_with_words() -> None:
    assert {"seasonal", "stuck", "cold_chain"} <= set(EVERY)
    for name, rule in rules().items():
        assert rule.name == name
        assert all((*rule.title, *rule.action))


@pytest.mark.parametrize("name", EVERY)
def test_looks_at_something(name: str) -> None:
    assert keys_for(detectors()[name])


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=20, deadline=None)
@given(
    values=arrays(float, st.integers(1, 60), elements=st.floats(width=64, allow_nan=True, allow_infinity=True)),
    data=st.data(),
)
def test_bad_input_neither_crashes_nor_convicts(name: str, values: np.ndarray, data: st.DataObject) -> None:
    """NaN, 1e308, duplicates, disorder and far-off instants; so few readings prove nothing but a warm cabinet."""
    detector = detectors()[name]
    keys = keys_for(detector)
    n = len(values)
    times = data.draw(arrays(np.int64, n, elements=st.integers(-(2**63), 2**63 - 1) | st.integers(MONDAY, MONDAY + 9)))
    code = data.draw(arrays(np.int32, n, elements=st.integers(0, len(keys) - 1)))
    state, findings = update(detector, State(), Batch.of(keys, code, times, values), CONTEXT)
    if name != "cold_chain":
        assert findings == []
    again, _ = update(detector, state, regular(keys, np.full(200, 1.0)), CONTEXT)
    for name_, cells in again.columns.items():
        assert name_ == "value" or name_ == "usual" or np.isfinite(cells).all()


@pytest.mark.parametrize("name", EVERY)
def test_a_constant_series_is_no_finding(name: str) -> None:
    detector = detectors()[name]
    _, findings = replay(detector, regular(keys_for(detector), np.full(96 * 16, 4.0)), 5000)
    assert findings == []


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_batch_and_foreign_keys_change_nothing(name: str) -> None:
    detector = detectors()[name]
    foreign = SeriesKey("demo", "b1", "unheard_of", "x", "y")
    state, findings = update(detector, State(), Batch.empty(), CONTEXT)
    state, more = update(detector, state, Batch.of((foreign,), [0], [MONDAY], [1.0]), CONTEXT)
    assert (state.keys, findings, more) == ((), [], [])


@pytest.mark.parametrize("name", EVERY)
def test_update_is_pure_and_batching_does_not_matter(name: str) -> None:
    """The state given stays as it is; one big batch, shuffled, finds what single readings find."""
    detector = detectors()[name]
    keys = keys_for(detector)[:2]
    batch = faulty(keys)
    whole, found = update(detector, State(), batch.take(np.random.default_rng(5).permutation(len(batch))), CONTEXT)
    assert found, "the fault is found at all"
    before = {column: cells.copy() for column, cells in whole.columns.items()}
    update(detector, whole, regular(keys, np.arange(50.0), int(batch.time.max()) + QUARTER), CONTEXT)
    for column, cells in whole.columns.items():
        np.testing.assert_array_equal(cells, before[column])
    for size in (23, 1000):
        state, findings = replay(detector, batch, size)
        by_evidence = sorted(findings, key=lambda finding: (finding.end, finding.series))
        assert by_evidence == sorted(found, key=lambda finding: (finding.end, finding.series))
        for column, cells in state.columns.items():
            np.testing.assert_array_equal(cells, before[column])


@pytest.mark.parametrize("name", EVERY)
def test_late_repeated_estimated_and_partial_readings_are_left_out(name: str) -> None:
    detector = detectors()[name]
    keys = keys_for(detector)
    batch = regular(keys, np.linspace(1, 2, 40))
    state, _ = update(detector, State(), batch, CONTEXT)
    guessed = regular(keys, np.full(8, 90.0), MONDAY + DAY)
    for quality in (Quality.ESTIMATED, Quality.PARTIAL):
        marks = np.full(len(guessed), quality, np.uint8)
        later = Batch(guessed.keys, guessed.code, guessed.time, guessed.value, marks)
        for ignored in (batch, regular(keys, np.full(20, 99.0), MONDAY - DAY), later):
            after, findings = update(detector, state, ignored, CONTEXT)
            assert findings == []
            for column, cells in after.columns.items():
                np.testing.assert_array_equal(cells, state.columns[column])


def faulty(keys: tuple[SeriesKey, ...]) -> Batch:
    """Two weeks of a busy series, then a day of zeros, then a day of five times the usual."""
    rng = np.random.default_rng(3)
    quarter = np.arange(96 * 17)
    values = 5 + 2 * np.sin(quarter / 96 * 2 * np.pi) + rng.normal(0, 0.1, len(quarter))
    values[96 * 14 : 96 * 15] = 0.0
    values[96 * 15 : 96 * 16] = 25.0
    return regular(keys, values)


def test_detection_goes_on_after_a_restart() -> None:
    """Dumped and loaded in the middle of a finding, it tells the same as one that never stopped."""
    keys = tuple({key: None for detector in detectors().values() for key in keys_for(detector)})
    batch = faulty(keys)
    whole = Detection().update(batch, CONTEXT)
    assert {finding.rule for finding in whole} == set(EVERY)
    early = batch.time < MONDAY + 14 * DAY + 9 * HOUR
    first = Detection()
    told = first.update(batch.take(early), CONTEXT)
    told += Detection.load(first.dump()).update(batch.take(~early), CONTEXT)
    assert told == whole


def test_state_that_does_not_fit_is_learned_anew(caplog: pytest.LogCaptureFixture) -> None:
    assert Detection.load(None).dump() == Detection().dump()
    detection = Detection()
    detection.update(faulty(keys_for(detectors()["stuck"])), CONTEXT)
    data = detection.dump()
    assert Detection.load(b"rubbish").dump() == Detection().dump()
    assert "unreadable" in caplog.text
    assert Detection.load(data.replace(b"owed", b"paid")).update(Batch.empty(), CONTEXT) == []
    assert "does not fit" in caplog.text
