"""The quick way with packs says what the careful one says, or leaves the message to it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import packs, senml
from bus.payload import MAX_PAYLOAD, position
from schema.reading import Reading
from schema.stream import Position

NOW = 1_790_000_000_000_000
NAMES, UNITS = ["energy", "power", "bn", "", "a/b", "b"], ["kWh", "bt", "kW"]
READER = packs.Reader(NAMES, UNITS)
WORDS = {READER.word(name, unit): (name, unit) for name in NAMES for unit in (None, *UNITS)}
TIMES = st.one_of(
    st.integers(-100, 100),
    st.floats(-1e13, 1e13),
    st.floats(1.7e9, 1.8e9),
    st.sampled_from([1.79e9, 2**28, 2**32, 1e30]),
)
RECORD = st.fixed_dictionaries(
    {"n": st.sampled_from(["energy", "power", "bn", "", "a/b", "b"]), "v": st.floats(allow_nan=False) | st.integers()},
    optional={
        "u": st.sampled_from(["kWh", "bt", "W"]),
        "t": TIMES,
        "bn": st.sampled_from(["demo/m1/", "bench/m1/", "", "x"]),
        "bt": TIMES,
        "bu": st.just("kWh"),
        "s": st.just(1),
        "vs": st.just("text"),
        "x_": st.just(1),
    },
)
LABELS = st.fixed_dictionaries(
    {},
    optional={
        "agent": st.sampled_from(["a", "A!", "", "other"]),
        "epoch": st.sampled_from(["e", "E-1", ""]),
        "seq": st.integers(-1, 5) | st.just(1 << 63),
        "floor": st.integers(-1, 5),
    },
)
GOOD = st.fixed_dictionaries({"n": st.sampled_from(["energy", "power"]), "v": st.floats(0, 9), "t": st.integers(-9, 9)})


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    records: list[dict[str, Any]] = draw(st.one_of(st.lists(GOOD, max_size=4), st.lists(RECORD, max_size=4)))
    if draw(st.booleans()) and records:
        records[0] = (
            {"bn": draw(st.sampled_from(["demo/m1/", "bench/m1/"])), "bt": NOW / 1e6} | draw(LABELS) | records[0]
        )
    text = json.dumps(records).encode()
    return draw(st.sampled_from([text, text, text, text[:-1], text.replace(b'"bn"', b'"\\u0062n"'), b"", b"[", b"{}"]))


@given(st.lists(payloads(), max_size=6))
def test_what_is_plain_is_what_the_careful_way_makes_of_it(sent: list[bytes]) -> None:
    found = READER.decode(sent)
    words = iter(found.word.tolist())
    rows = iter(zip(found.times.tolist(), found.values.tolist(), found.message.tolist(), strict=True))
    for at, payload in enumerate(sent):
        quick = [(*WORDS[next(words)], *next(rows)) for _ in range(int(found.counts[at]))]
        if not found.plain[at]:
            assert quick == []
            continue
        base = found.bases[at]
        if base.count("/") != 2 or not all(name and "/" not in name for name, *_ in quick):
            continue  # no base or name that a topic of ours could have
        site, device, _ = base.split("/")
        careful = senml.decode(payload, site, device, NOW)
        assert careful.rejects == []
        columns = zip(careful.points, careful.units, careful.times, careful.values, strict=True)
        assert [(*row, at) for row in columns] == quick
        told = position(found.agents[at], found.epochs[at], found.seqs[at], found.floors[at])
        assert told == careful.position


def test_packs_of_our_agents_are_plain() -> None:
    readings = [Reading("m1", "energy", NOW + at, at / 7, "kWh") for at in range(100)]
    sent = [senml.encode("demo", readings[:count], Position("a", "e", count)) for count in (1, 10, 100)]
    found = READER.decode(sent)
    assert found.plain.all()
    assert found.counts.tolist() == [1, 10, 100]
    assert found.times.tolist() == [NOW + at for count in (1, 10, 100) for at in range(count)]


@pytest.mark.parametrize(
    "bad",
    [
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1},{"bn":"demo/m2/","n":"energy","v":2}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1},{"bt":1780000000,"n":"energy","v":2}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1},{"\\u0062t":1780000000,"n":"energy","v":2}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1,"bu":"Wh"}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1,"must_":1}]',
        b'[{"bn":"demo/m1/","n":"energy","v":1}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"colour","v":1}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","u":"furlong","v":1}]',
        b"[" + b" " * MAX_PAYLOAD + b"]",
    ],
)
def test_what_is_unusual_is_left_to_the_careful_way_and_harms_no_other(bad: bytes) -> None:
    good = senml.encode("demo", [Reading("m1", "energy", NOW, 1.0, "kWh"), Reading("m1", "power", NOW, 2.0, "kW")])
    found = READER.decode([good, bad, good])
    assert found.plain.tolist() == [True, False, True]
    assert found.values.tolist() == [1.0, 2.0, 1.0, 2.0]
    assert found.message.tolist() == [0, 0, 2, 2]


def test_words_are_numbered_apart() -> None:
    assert len(WORDS) == len(NAMES) * (1 + len(UNITS)) == READER.words
    assert set(WORDS) == set(range(READER.words))
    assert READER.word("colour", None) is None
    assert READER.word("energy", "furlong") is None
