"""Topics: what is said is what is heard, and nothing else gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.topics import CHANNELS, Topic, is_segment, parse, subscription
from schema.errors import Reject

segments = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)


@given(st.tuples(segments, segments, segments, segments, segments, st.sampled_from(sorted(CHANNELS))))
def test_a_topic_survives_its_path(parts: tuple[str, str, str, str, str, str]) -> None:
    topic = Topic(*parts)
    assert parse(topic.path()) == topic


@pytest.mark.parametrize(
    "path",
    [
        "",
        "dayuan/demo/b1/electricity/m1",
        "dayuan/demo/b1/electricity/m1/readings/more",
        "dayuan/demo/b1/electricity/m1/unknown",
        "dayuan/Demo/b1/electricity/m1/readings",
        "dayuan/+/b1/electricity/m1/readings",
        "dayuan/demo//electricity/m1/readings",
        "dayuan/demo/b1/electricity/-m1/readings",
        "dayuan/demo/b1/electricity/m1/readings\n",
        "dayuan/demo/b1/electricity/电表/readings",
        "dayuan/demo/b1/electricity/" + 65 * "m" + "/readings",
    ],
)
def test_a_foreign_topic_is_rejected(path: str) -> None:
    with pytest.raises(Reject) as caught:
        parse(path)
    assert caught.value.reason == "bad_topic"


def test_a_topic_with_a_wildcard_cannot_be_made() -> None:
    with pytest.raises(Reject):
        Topic("dayuan", "demo", "b1", "electricity", "#", "cmd").path()
    with pytest.raises(Reject):
        subscription("#", "readings")


def test_a_subscription_covers_one_channel() -> None:
    assert subscription("dayuan", "readings") == "dayuan/+/+/+/+/readings"


def test_a_segment_has_no_trailing_newline() -> None:
    assert is_segment("m1")
    assert not is_segment("m1\n")
