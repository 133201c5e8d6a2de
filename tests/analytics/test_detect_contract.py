"""The contract every detector keeps, whatever it is fed, and the state of all of them."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics.calendar import Calendar
from analytics.detect import Detection, detectors, rules
from analytics.detect.core import Context
from analytics.detect.engine import Detectors, Tables, update
from analytics.detect.limits import ROWS, Limits
from devices import kinds
from schema.batch import Batch
from schema.coefficient import Coefficient
from schema.finding import Finding
from schema.instant import DAY, HOUR, MINUTE
from schema.series import Quality, SeriesKey
from tests.analytics.faulty import BEGIN, CASES, QUARTER

AGREED = Coefficient("demand.limit", 500.0, "kW", "supply contract", "demo", "limit", date(2020, 1, 1), None)
PARENTS = {("demo", "s1"): "m1", ("demo", "s2"): "m1"}
CONTEXT = Context(
    now=BEGIN + 900 * DAY,
    calendars={"demo": Calendar("Asia/Shanghai", None)},
    parents=PARENTS,
    limits=Limits((*ROWS, AGREED)),
)
EVERY = sorted(detectors())
INSTANT = {"cold_chain", "voltage", "phases", "power_factor", "set_point", "demand"}
"""Rules that a handful of readings can break."""


def only(name: str) -> Detectors:
    return Detectors({name: detectors()[name]})


def keys_for(name: str) -> tuple[SeriesKey, ...]:
    """Every series of the declared device kinds that a detector looks at."""
    every = [
        key
        for kind in kinds().values()
        for point in kind.points
        for base in [SeriesKey("demo", "b1", kind.name, "d1", point.name)]
        for key in ([base, base.intervals()] if point.kind == "counter" else [base])
    ]
    return tuple(key for key in every if detectors()[name].selects(key))


def regular(keys: tuple[SeriesKey, ...], values: np.ndarray, start: int = BEGIN) -> Batch:
    """The same values for every key, every quarter of an hour."""
    n = len(values)
    return Batch.of(
        keys,
        np.repeat(np.arange(len(keys)), n),
        np.tile(start + np.arange(n) * QUARTER, len(keys)),
        np.tile(values, len(keys)),
    )


def columns(tables: Tables) -> dict[str, np.ndarray]:
    states = {"series": tables.series, "sites": tables.sites, **tables.of}
    return {f"{name}.{column}": cells for name, state in states.items() for column, cells in state.columns.items()}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for column, cells in one.items():
        np.testing.assert_array_equal(cells, other[column], column)


def replay(detectors_: Detectors, batch: Batch, size: int) -> tuple[Tables, list[Finding]]:
    """Feed a batch in time order, `size` readings at a time."""
    tables, findings = Tables(), []
    batch = batch.take(np.argsort(batch.time, kind="stable"))
    for first in range(0, len(batch), size):
        part = batch.take(np.arange(first, min(first + size, len(batch))))
        tables, found = update(tables, part, CONTEXT, detectors_)
        findings += found
    return tables, findings


def test_every_detector_has_words_and_a_case_of_its_fault() -> None:
    assert set(EVERY) == set(CASES)
    for name, rule in rules().items():
        assert rule.name == name
        assert all((*rule.title, *rule.action))


@pytest.mark.parametrize("name", EVERY)
def test_it_finds_its_fault_and_says_so_in_full(name: str) -> None:
    """Nothing before the fault; then what, where, since when, the band, the cause, and which readings say so."""
    case = CASES[name]()
    _, findings = update(Tables(), case.batch, CONTEXT, only(name))
    opened = [finding for finding in findings if finding.active]
    assert opened
    assert all(finding.rule == name for finding in findings)
    first = opened[0]
    assert first.end > case.fault
    assert first.begin <= first.end
    assert first.end - case.fault <= case.within
    assert 0.5 <= first.confidence <= 1
    assert first.low <= first.expected <= first.high
    assert first.evidence[0].series == first.series
    assert all(evidence.begin <= evidence.end for evidence in first.evidence)
    assert "；可能原因：" in first.reason.zh
    assert "; likely " in first.reason.en
    assert CONTEXT.when(first.series, first.begin) in first.reason.zh
    assert CONTEXT.when(first.series, first.begin) in first.reason.en
    if case.over is not None:
        ends = [finding for finding in findings if not finding.active]
        assert ends
        assert case.fault < ends[0].end <= case.over


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=8, deadline=None)
@given(
    values=arrays(float, st.integers(1, 40), elements=st.floats(width=64, allow_nan=True, allow_infinity=True)),
    data=st.data(),
)
def test_bad_input_neither_crashes_nor_convicts(name: str, values: np.ndarray, data: st.DataObject) -> None:
    """NaN, 1e308, duplicates, bursts, clocks jumping back and far-off instants; so few readings prove nothing."""
    keys = keys_for(name)
    n = len(values)
    far = st.integers(-(2**63), 2**63 - 1)
    times = data.draw(
        arrays(np.int64, n, elements=far | st.integers(BEGIN, BEGIN + 9) | st.integers(BEGIN, BEGIN + DAY))
    )
    code = data.draw(arrays(np.int32, n, elements=st.integers(0, len(keys) - 1)))
    tables, findings = update(Tables(), Batch.of(keys, code, times, values), CONTEXT, only(name))
    if name not in INSTANT:
        assert findings == []
    tables, _ = update(tables, regular(keys, np.full(200, 1.0), BEGIN + 2 * DAY), CONTEXT, only(name))
    for column, cells in columns(tables).items():
        assert not np.isinf(cells).any() or column.endswith(".least"), column


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("value", [0.0, 4.0])
def test_a_constant_series_is_no_finding(name: str, value: float) -> None:
    keys = [
        key for key in keys_for(name) if key.kind != "cold_chain" and key.point not in {"set_point", "power_factor"}
    ]
    _, findings = update(Tables(), regular(tuple(keys), np.full(96 * 15, value)), CONTEXT, only(name))
    assert findings == []


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_batch_and_foreign_keys_change_nothing(name: str) -> None:
    foreign = SeriesKey("demo", "b1", "unheard_of", "x", "y")
    tables, findings = update(Tables(), Batch.empty(), CONTEXT, only(name))
    tables, more = update(tables, Batch.of((foreign,), [0], [BEGIN], [1.0]), CONTEXT, only(name))
    assert (tables.series.keys, findings, more) == ((), [], [])


@pytest.mark.parametrize("name", EVERY)
def test_update_is_pure_and_batching_does_not_matter(name: str) -> None:
    """The state given stays as it is; one big batch, shuffled, finds what portions in the order of time find."""
    case = CASES[name]()
    batch, mine = case.batch, only(name)
    shuffled = batch.take(np.random.default_rng(5).permutation(len(batch)))
    whole, found = update(Tables(), shuffled, CONTEXT, mine)
    before = {column: cells.copy() for column, cells in columns(whole).items()}
    update(whole, regular(batch.keys, np.arange(50.0), int(batch.time.max()) + QUARTER), CONTEXT, mine)
    assert_same(columns(whole), before)
    tables, findings = replay(mine, batch, len(batch) // 7)
    key = lambda finding: (finding.end, finding.series)  # noqa: E731
    assert sorted(findings, key=key) == sorted(found, key=key)
    assert {column: cells.shape for column, cells in columns(tables).items()} == {
        column: cells.shape for column, cells in before.items()
    }


@pytest.mark.parametrize("name", EVERY)
def test_repeated_estimated_and_partial_readings_are_left_out(name: str) -> None:
    keys = keys_for(name)
    batch = regular(keys, np.linspace(1, 2, 40))
    tables, _ = update(Tables(), batch, CONTEXT, only(name))
    guessed = regular(keys, np.full(8, 90.0), BEGIN + DAY)
    ignored = [batch, batch.take(np.arange(7))]
    for quality in (Quality.ESTIMATED, Quality.PARTIAL):
        marks = np.full(len(guessed), quality, np.uint8)
        ignored.append(Batch(guessed.keys, guessed.code, guessed.time, guessed.value, marks))
    for again in ignored:
        after, findings = update(tables, again, CONTEXT, only(name))
        assert findings == []
        assert_same(columns(after), columns(tables))


def test_detection_goes_on_after_a_restart() -> None:
    """Dumped and loaded in the middle of findings, it tells the same as one that never stopped."""
    case = CASES["seasonal"]()
    whole = Detection().update(case.batch, CONTEXT)
    early = case.batch.time < case.fault + 12 * HOUR
    first = Detection()
    told = first.update(case.batch.take(early), CONTEXT)
    told += Detection.load(first.dump()).update(case.batch.take(~early), CONTEXT)
    assert told == whole
    assert {finding.rule for finding in whole} >= {"seasonal"}


def test_state_that_does_not_fit_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    assert Detection.load(None).dump() == Detection().dump()
    detection = Detection()
    detection.update(regular(keys_for("stuck"), np.arange(50.0)), CONTEXT)
    data = detection.dump()
    assert Detection.load(b"rubbish").dump() == Detection().dump()
    assert "unreadable" in caplog.text
    again = Detection.load(data.replace(b"owed", b"paid"))
    assert "of another version: stuck" in caplog.text
    assert again.cold, "stored history is to be replayed"
    again.update(regular(keys_for("stuck"), np.arange(50.0), BEGIN + DAY), CONTEXT)


def test_memory_is_bounded_by_the_number_of_series() -> None:
    keys = keys_for("stuck")[:3]
    detection, sizes = Detection(), set()
    for week in range(4):
        detection.update(regular(keys, np.random.default_rng(week).random(672), BEGIN + week * 7 * DAY), CONTEXT)
        sizes.add(len(detection.dump()) // 1000)
    assert len(sizes) == 1


METER = SeriesKey("demo", "b1", "electricity_meter_15min", "m1", "energy")
CABINET = SeriesKey("demo", "b2", "cold_chain", "c1", "temperature")


def test_late_readings_are_scored_aside_and_never_learned() -> None:
    """A cabinet was warm in an outage whose readings come later than those after it; told once, with its end."""
    warm = np.where((np.arange(600) >= 200) & (np.arange(600) < 300), 14.0, 4.0)
    batch = Batch.of((CABINET,), np.zeros(600, int), BEGIN + np.arange(600) * MINUTE, warm)
    outage = (batch.time >= BEGIN + 2 * HOUR) & (batch.time < BEGIN + 6 * HOUR)
    detection = Detection()
    assert detection.update(batch.take(~outage), CONTEXT) == []
    after = detection.dump()
    late = detection.update(batch.take(outage), CONTEXT)
    assert [finding.active for finding in late[:1]] == [True]
    assert not late[-1].active
    assert late[0].begin == BEGIN + 200 * MINUTE
    assert detection.update(batch.take(outage), CONTEXT) == [], "and not again"
    size = len(after)
    assert len(detection.dump()) == size


def test_a_late_finding_that_ends_with_the_late_readings_is_ended() -> None:
    batch = Batch.of((CABINET,), np.zeros(300, int), BEGIN + np.arange(300) * MINUTE, np.full(300, 4.0))
    detection = Detection()
    cold = (batch.time < BEGIN + HOUR) | (batch.time >= BEGIN + 3 * HOUR)
    detection.update(batch.take(cold), CONTEXT)
    hot = Batch.of((CABINET,), np.zeros(60, int), BEGIN + (60 + np.arange(60)) * MINUTE, np.full(60, 14.0))
    findings = detection.update(hot, CONTEXT)
    assert [findings[0].active, findings[-1].active] == [True, False]
    assert "came late" in findings[-1].reason.en


def test_a_clock_ahead_holds_nobody_else_up() -> None:
    """A device a day ahead is late with what comes next; the other devices of its site are not."""
    other = METER._replace(device="m2")
    quarter = np.arange(96 * 30)
    values = 5 + np.sin(quarter / 96 * 2 * np.pi) + np.random.default_rng(1).normal(0, 0.1, len(quarter))
    values[96 * 28 :] *= 3
    times = BEGIN + quarter * QUARTER
    skewed = np.where(quarter >= 96 * 26, times + DAY, times)
    batch = Batch.of(
        (METER, other), np.repeat([0, 1], len(quarter)), np.concatenate([skewed, times]), np.tile(values, 2)
    )
    findings = Detection().update(batch, CONTEXT)
    assert {finding.series for finding in findings if finding.active} >= {other}
