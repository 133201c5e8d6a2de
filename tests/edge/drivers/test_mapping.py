"""Whatever a vendor's record says, it is a reading, an event, or a Reject; nothing else ever comes of it."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import kinds
from edge.drivers.interpreter import Interpreter
from edge.drivers.mapping import Mapping
from schema.errors import Reject
from schema.event import Pass
from schema.instant import SECOND
from schema.reading import Reading

NOW = 1_795_000_000 * SECOND
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["1", "2026-11-18 08:00:00", "0001-01-01", "9999-12-31T23:59:59Z", "NaN", "1e999", "9" * 5000]),
)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner))
RECORDS = st.dictionaries(st.sampled_from(["id", "t", "in", "way", "ok", "card"]), LEAVES) | TREES


def interpreter(form: str) -> Interpreter:
    told = {
        "id": "id",
        "time": {"from": "t", "form": form},
        "readings": {"entries": "in"},
        "event": {
            "type": "pass",
            "direction": {"from": "way", "values": {"1": "in", "2": "out"}},
            "granted": {"from": "ok", "values": {"0": True}, "other": False},
            "passed": "ok",
            "reason": "ok",
            "decided_by": {"value": "controller"},
            "credential": "card",
        },
        "pepper": "YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k",
    }
    return Interpreter("gate-west", kinds()["gate"], msgspec.convert(told, Mapping), lambda: NOW)


@pytest.mark.parametrize("form", ["iso", "s", "ms", "%Y-%m-%d %H:%M:%S"])
@given(document=TREES | st.lists(RECORDS, max_size=3))
def test_any_document_comes_to_readings_events_and_doubts(form: str, document: object) -> None:
    it = interpreter(form)
    with suppress(Reject):
        assert all(isinstance(each, Reading | Pass) for each in it.hear(it.records(document)).said)


def test_milliseconds_taken_for_seconds_are_a_doubt() -> None:
    heard = interpreter("s").hear([{"id": 1, "t": NOW // 1000, "in": 5}])
    assert not heard.said
    assert [doubt.reason for doubt in heard.doubts] == ["not_understood"]
