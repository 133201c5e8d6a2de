"""What a mapping reads out of foreign payloads: topics, paths, numbers and instants."""

import json
import math
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.mapping import MISSING, Path, Pattern, check_form, instant, name, number, read_json, read_text
from bus.senml import LATEST, RELATIVE
from schema.errors import Reject
from schema.instant import SECOND, to_datetime

BEIJING = ZoneInfo("Asia/Shanghai")
NOW = 1_790_000_000
things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
paths = st.sampled_from(["", "$", "a.b", "a[0]", "$.a", "^.a", 'a."b.c"', "a[code=EP].val", "^^.x"])


def find(path: str, thing: Any) -> Any:
    return Path(path).find(thing, (thing,))


@pytest.mark.parametrize(
    ("pattern", "topic", "captured"),
    [
        ("tele/{name}/SENSOR", "tele/plug-1/SENSOR", {"name": "plug-1"}),
        ("tele/{name}/SENSOR", "tele/plug/1/SENSOR", None),
        ("tele/{name}/SENSOR", "tele//SENSOR", None),
        ("up/+/{a}-{b}", "up/x/1-2", {"a": "1", "b": "2"}),
        ("z.b/{n}", "zxb/1", None),
    ],
)
def test_a_pattern_captures_segments(pattern: str, topic: str, captured: dict[str, str] | None) -> None:
    assert Pattern(pattern).match(topic) == captured


def test_a_pattern_is_subscribed_with_wildcards() -> None:
    assert Pattern("shellies/{name}/relay/0/power").filter == "shellies/+/relay/0/power"
    for wrong in ("", "a/#", "a/x+/b", "{a}/{a}"):
        with pytest.raises(ValueError, match=r"topic pattern|twice"):
            Pattern(wrong)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("ENERGY.Power[1]", 2.5),
        ('params."switch:0".apower', 97.2),
        ("values[code=EP].val", "12.5"),
        ("values[id=7].val", "7.5"),
        ("$.ENERGY.Power[0]", 1.5),
        ("nothing", MISSING),
        ("none", MISSING),
        ("ENERGY.Power[9]", MISSING),
        ("ENERGY.Power.x", MISSING),
        ("^.ENERGY", MISSING),
    ],
)
def test_a_path_finds_a_value_or_nothing(path: str, found: Any) -> None:
    thing = {
        "ENERGY": {"Power": [1.5, 2.5]},
        "params": {"switch:0": {"apower": 97.2}},
        "values": [{"code": "EP", "val": "12.5"}, 3, {"id": 7, "val": "7.5"}],
        "none": None,
    }
    assert find(path, thing) == found


def test_every_element_of_nested_arrays_is_found_with_what_it_lies_in() -> None:
    top = {"gw": "g", "data": [{"ts": 1, "meters": [{"sn": "a"}, {"sn": "b"}]}, {"ts": 2, "meters": [{"sn": "a"}]}, {}]}
    each = Path("data[*].meters[*]")
    told = [
        (Path("^.ts").find(top, here), Path("sn").find(top, here), Path("$.gw").find(top, here))
        for here in each.every(top)
    ]
    assert told == [(1, "a", "g"), (1, "b", "g"), (2, "a", "g")]


@pytest.mark.parametrize("text", ["a..b", "a[", "a[x]", "[*", 'a"b', "a.", "$x", "^x"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        Path(text)


@given(paths, things, things)
def test_a_path_never_fails(path: str, top: Any, here: Any) -> None:
    found = Path(path).find(top, (top, here))
    assert found is MISSING or found is not None
    list(Path("a[*][*]").every(top))


@pytest.mark.parametrize(
    ("value", "words", "told"),
    [
        (1, {}, 1.0),
        ("12.50", {}, 12.5),
        (" -1e3 ", {}, -1000.0),
        (True, {"true": 1.0, "false": 0.0}, 1.0),
        ("ON", {"ON": 1.0}, 1.0),
        (True, {}, None),
        ("1,234.5", {}, None),
        ("12 kWh", {}, None),
        ("nan", {}, None),
        ("0x10", {}, None),
        ("１２", {}, None),
        ("", {}, None),
        ([1], {}, None),
        (10**400, {}, None),
    ],
)
def test_only_what_is_a_number_is_one(value: Any, words: dict[str, float], told: float | None) -> None:
    if told is None:
        with pytest.raises(Reject) as caught:
            number(value, words)
        assert caught.value.reason == "not_a_number"
    else:
        assert number(value, words) == told


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_as_a_string(value: float) -> None:
    assert number(repr(value), {}) == number(value, {}) == value


@pytest.mark.parametrize(
    ("value", "form", "told"),
    [
        (NOW, "epoch", NOW * SECOND),
        ("1790000000.25", "epoch", NOW * SECOND + 250_000),
        (NOW * 1000, "epoch_ms", NOW * SECOND),
        ("2026-09-21T14:13:20Z", "iso8601", NOW * SECOND),
        ("2026-09-21T22:13:20+08:00", "iso8601", NOW * SECOND),
        ("2026-09-21T22:13:20", "iso8601", NOW * SECOND),
        ("20260921221320", "%Y%m%d%H%M%S", NOW * SECOND),
    ],
)
def test_an_instant_is_read_in_every_form(value: Any, form: str, told: int) -> None:
    check_form(form)
    assert instant(value, form, BEIJING) == told


@pytest.mark.parametrize(
    ("value", "form", "reason"),
    [
        (NOW * 1000, "epoch", "bad_time"),
        (NOW, "epoch_ms", "bad_time"),
        (True, "epoch", "bad_time"),
        (math.nan, "epoch", "bad_time"),
        ("yesterday", "iso8601", "bad_time"),
        (NOW, "iso8601", "bad_time"),
        ("0001-01-01T00:00:00+14:00", "iso8601", "bad_time"),
        ("2026-09-21T14:13:20", "iso8601", "no_timezone"),
    ],
)
def test_what_is_no_instant_is_refused(value: Any, form: str, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        instant(value, form, None)
    assert caught.value.reason == reason


@given(st.integers(RELATIVE, LATEST - 1))
def test_iso_8601_survives_to_the_microsecond(micros: int) -> None:
    assert instant(to_datetime(micros).isoformat(), "iso8601", None) == micros


@given(things, st.sampled_from(["epoch", "epoch_ms", "iso8601", "%Y"]))
def test_an_instant_is_in_range_or_refused(value: Any, form: str) -> None:
    with suppress(Reject):
        assert RELATIVE <= instant(value, form, BEIJING) < LATEST


def test_forms_that_are_none_are_refused() -> None:
    for wrong in ("unix", "%Q", ""):
        with pytest.raises(ValueError, match=r"none of|bad directive"):
            check_form(wrong)


@given(things)
def test_json_survives(thing: Any) -> None:
    told = json.dumps(thing)
    assert json.dumps(read_json(told.encode())) == json.dumps(json.loads(told))


@pytest.mark.parametrize("payload", [b"", b"{", b"[" * 5000, b"\xff", b'{"a":1', b"1e5 2"])
def test_what_is_no_json_is_undecodable(payload: bytes) -> None:
    with pytest.raises(Reject) as caught:
        read_json(payload)
    assert caught.value.reason == "undecodable"


def test_bare_words_and_names() -> None:
    assert read_text(b" 98.10\n") == "98.10"
    with pytest.raises(Reject):
        read_text(b"\xff")
    assert [name(told) for told in ("x", 17, True, "", [1])] == ["x", "17", None, None, None]
