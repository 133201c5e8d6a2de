"""The quick way with packs says what the careful one says, or leaves the message to it."""

import json
import struct
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus import packs, senml
from bus.payload import MAX_PAYLOAD, position
from schema.reading import Reading
from schema.stream import Position

BASES = ["demo/m1/", "bench/m1/"]
AGENTS, EPOCHS = ["a", "A!", "bn"], ["e", "E-1"]
NOW = 1_790_000_000_000_000
NAMES, UNITS = ["energy", "power", "bn", "", "a/b", "b"], ["kWh", "bt", "kW"]
READER = packs.Reader(NAMES, UNITS)
CODES = {word: READER.know(word) for word in (*BASES, *AGENTS, *EPOCHS)}
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
    spoilt = [text[:-1], text + b"x", text.replace(b'"bn"', b'"\\u0062n"'), text.replace(b",", b",,"), b"", b"[", b"{}"]
    tight = json.dumps(records, separators=(",", ":")).encode()
    return draw(
        st.sampled_from([text, tight, json.dumps(records, indent=1).encode(), b" \r\n" + text + b"\t", *spoilt])
    )


def _read(sent: list[bytes], base: str = "demo/m1/") -> packs.Packs:
    return READER.read(sent, np.full(len(sent), CODES[base]))


@given(st.lists(payloads(), max_size=6), st.sampled_from(BASES))
def test_what_is_plain_is_what_the_careful_way_makes_of_it(sent: list[bytes], base: str) -> None:
    found = _read(sent, base)
    rows = list(zip(found.word.tolist(), found.times.tolist(), found.values.tolist(), strict=True))
    site, device, _ = base.split("/")
    for at, payload in enumerate(sent):
        quick = [
            (*WORDS[word], time, value) for row, (word, time, value) in enumerate(rows) if found.message[row] == at
        ]
        if not found.plain[at]:
            assert quick == []
            continue
        if not all(name and "/" not in name for name, *_ in quick):
            continue  # no name that a point of ours could have
        careful = senml.decode(payload, site, device, NOW)
        assert careful.rejects == []
        assert list(zip(careful.points, careful.units, careful.times, careful.values, strict=True)) == quick
        agent, epoch = READER.said(found.agent[at]), READER.said(found.epoch[at])
        assert position(agent, epoch, int(found.seq[at]), int(found.floor[at])) == careful.position


def _one(number: str, label: str = "v") -> bytes:
    """A pack in which a number stands as it is written here."""
    record = {"v": "1", "t": "0", "bt": "1790000000", "seq": "1", "floor": "1"} | {label: number}
    told = ",".join(f'"{name}":{text}' for name, text in record.items())
    return f'[{{"bn":"demo/m1/","agent":"a","epoch":"e","n":"energy",{told}}}]'.encode()


DIGITS = st.text("0123456789", max_size=30)
DECIMAL = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", "", "-", "+", "--"]),
        DIGITS,
        st.sampled_from(["", ".", ".", ".."]),
        DIGITS,
        st.one_of(
            st.just(""), st.builds("{}{}{}".format, st.sampled_from("eEx"), st.sampled_from(["", "+", "-"]), DIGITS)
        ),
    ),
)
DOUBLE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300)
@given(
    st.one_of(
        DOUBLE.map(repr),
        DOUBLE.map("{:.17e}".format),
        DOUBLE.map("{:.16g}".format),
        st.tuples(st.integers(0, 10**18), st.integers(-345, 310)).map(lambda pair: f"{pair[0]}E{pair[1]:+}"),
        st.integers(-(10**25), 10**25).map(str),
        st.integers(-(10**18), 10**18).map(lambda whole: f"{whole}e-9"),
        DECIMAL,
        st.sampled_from(
            ["NaN", "Infinity", "null", "true", '"1"', "01", "-01", "+1", "1.", ".5", "-", "1e", "1e+", "0x1"]
        ),
    )
)
def test_a_number_is_to_the_last_bit_what_json_says_or_not_plain(number: str) -> None:
    found = _read([_one(number)])
    if found.plain[0]:
        assert struct.pack("d", found.values[0]) == struct.pack("d", float(json.loads(number)))


@given(
    DOUBLE.filter(lambda number: number == 0 or abs(number) >= sys.float_info.min) | st.integers(0, 1 << 59).map(float)
)
def test_numbers_as_python_writes_them_are_plain(number: float) -> None:
    found = _read([_one(repr(number))])
    assert found.plain[0]
    assert repr(found.values.tolist()) == repr([number])


@given(DECIMAL | DOUBLE.map(repr), st.sampled_from(["t", "bt", "seq", "floor"]))
def test_so_is_a_number_of_any_other_label(number: str, label: str) -> None:
    payload = _one(number, label)
    found = _read([payload])
    if found.plain[0]:
        careful = senml.decode(payload, "demo", "m1", NOW)
        assert careful.times == found.times.tolist()
        assert careful.position == position("a", "e", int(found.seq[0]), int(found.floor[0]))


@given(st.data())
def test_text_that_is_cut_or_changed_anywhere_is_still_only_plain_where_the_careful_way_agrees(
    data: st.DataObject,
) -> None:
    """And its neighbours in the buffer are what they were."""
    whole = bytearray(senml.encode("demo", [Reading("m1", "energy", NOW, 1.5, "kWh")] * 2, Position("a", "e", 1)))
    if data.draw(st.booleans()):
        spoilt = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(
            st.sampled_from(b'\0 "\\,:[]{}0e.-\x80n') | st.integers(0, 255)
        )
        spoilt = bytes(whole)
    good = senml.encode("demo", [Reading("m1", "power", NOW, 2.0, "kW")])
    found = _read([good, spoilt, good])
    assert found.plain[0]
    assert found.plain[2]
    rows = found.message == 1
    if found.plain[1]:
        careful = senml.decode(spoilt, "demo", "m1", NOW)
        assert (careful.times, careful.values) == (found.times[rows].tolist(), found.values[rows].tolist())
        assert list(zip(careful.points, careful.units, strict=True)) == [
            WORDS[word] for word in found.word[rows].tolist()
        ]
    else:
        assert not rows.any()


def test_packs_of_our_agents_are_plain() -> None:
    readings = [Reading("m1", "energy", NOW + at, at / 7, "kWh") for at in range(100)]
    sent = [senml.encode("demo", readings[:count], Position("a", "e", count)) for count in (1, 10, 100)]
    found = _read(sent)
    assert found.plain.all()
    assert found.seq.tolist() == [1, 10, 100]
    assert np.bincount(found.message).tolist() == [1, 10, 100]
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
        b'[{"bn":"bench/m1/","bt":1790000000,"n":"energy","v":1}]',
        b'[{"bn":"demo/m9/","bt":1790000000,"n":"energy","v":1}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"agent":"stranger","epoch":"e","seq":1,"n":"energy","v":1}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","n":"power","v":1}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1,"v":2}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"e\\u006eergy","v":1}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1},{}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy"}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"v":1}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1}] []',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1}]\0',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1},]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1,}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1,"":2}]',
        b'[{"bn":"demo/m1/","bt":1e30,"n":"energy","v":1}]',
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1e999}]',
        b"\0" * 50,
        b"",
        b"[]",
        b'[{"bn":"demo/m1/","bt":1790000000,"n":"energy","v":1}' + b" " * MAX_PAYLOAD + b"]",
    ],
)
def test_what_is_unusual_is_left_to_the_careful_way_and_harms_no_other(bad: bytes) -> None:
    good = senml.encode("demo", [Reading("m1", "energy", NOW, 1.0, "kWh"), Reading("m1", "power", NOW, 2.0, "kW")])
    found = _read([good, bad, good])
    assert found.plain.tolist() == [True, False, True]
    assert found.values.tolist() == [1.0, 2.0, 1.0, 2.0]
    assert found.message.tolist() == [0, 0, 2, 2]


def test_words_are_numbered_apart() -> None:
    assert len(WORDS) == len(NAMES) * (1 + len(UNITS))
    assert all(word is not None and 0 <= word < READER.words for word in WORDS)
    assert READER.word("colour", None) is None
    assert READER.word("energy", "furlong") is None


def test_many_words_are_told_apart() -> None:
    reader = packs.Reader(["power"], [])
    sent = [
        senml.encode("demo", [Reading(f"m{at}", "power", NOW, 1.0, "kW")]).replace(b'"u":"kW",', b"")
        for at in range(5000)
    ]
    bases = np.array([reader.know(f"demo/m{at}/") for at in range(5000)])
    assert reader.read(sent, bases).plain.all()
    assert not reader.read(sent, np.roll(bases, 1)).plain.any()
