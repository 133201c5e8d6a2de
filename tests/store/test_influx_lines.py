"""Line protocol, read back by a reader of its own: nothing merged, nothing dropped, every value to the last bit."""

import re
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.batch import Batch
from schema.series import SeriesKey
from store.series.influx_lines import QUALITY_SUFFIX, Vocabulary
from tests.store.test_contract import ENERGY, POWER, T0, WATER, batch

Said = dict[tuple[str, int], dict[str, str]]
"""The fields of each head and instant."""
_LINE = re.compile(r"((?:\\.|[^ \\])+) ((?:\\.|[^ \\])+) (-?\d+)")
_FIELD = re.compile(r"((?:\\.|[^=,\\])+)=([^,]+)")

names = st.text("ab,= é大'\"/", min_size=1, max_size=6)
keys = st.builds(SeriesKey, names, names, names, st.sampled_from(["m", "m 1", "m,1", "m=1"]), names)
floats = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53).map(float)
instants = st.integers(-5, 5) | st.integers(-9_223_372_036_854_775, 9_223_372_036_854_775)


def said(rows: Batch, marked: list[bool] | None = None) -> tuple[Said, int]:
    """What the lines of a batch say, and how many they are."""
    wording = Vocabulary().wording(rows.keys)
    order = wording.in_order(rows, np.flatnonzero(wording.storable(rows)))
    marks = np.zeros(len(order), bool) if marked is None else np.array(marked, bool)[order]
    text, count = wording.lines(rows.take(order), marks)
    found: Said = {}
    lines = text.decode().split("\n") if text else []
    assert len(lines) == count
    for line in lines:
        parsed = _LINE.fullmatch(line)
        assert parsed
        place = parsed[1], int(parsed[3])
        assert place not in found
        fields = _FIELD.findall(parsed[2])
        found[place] = dict(fields)
        assert len(found[place]) == len(fields)
    return found, len(lines)


def escaped(text: str, special: str) -> str:
    return "".join(f"\\{letter}" if letter in special else letter for letter in text)


def place(key: SeriesKey, time: int) -> tuple[str, int]:
    tags = (("building", key.building), ("device", key.device), ("site", key.site))
    return ",".join([escaped(key.kind, ", "), *(f"{tag}={escaped(value, ', =')}" for tag, value in tags)]), time


@given(st.lists(st.tuples(keys, instants, floats, st.integers(0, 3), st.booleans()), max_size=30))
def test_lines_say_the_last_of_every_series_and_instant_and_nothing_else(
    told: list[tuple[SeriesKey, int, float, int, bool]],
) -> None:
    told = [row for row in told if not row[0].kind.startswith("#")]
    series = list(dict.fromkeys(row[0] for row in told))
    code, time, value, quality, marked = zip(*told, strict=True) if told else ((), (), (), (), ())
    rows = Batch.of(series, [series.index(key) for key in code], time, value, quality)
    expected: Said = {}
    for key, at, number, mark, shown in told:
        fields = expected.setdefault(place(key, at), {})
        point = escaped(key.point, ", =")
        fields[point] = struct.pack("<d", number).hex()
        fields.pop(point + QUALITY_SUFFIX, None)
        if shown:
            fields[point + QUALITY_SUFFIX] = str(mark)
    found, _ = said(rows, list(marked))
    for fields in found.values():
        for name, text in fields.items():
            if not name.endswith(QUALITY_SUFFIX):
                fields[name] = struct.pack("<d", float(text)).hex()
    assert found == expected


@pytest.mark.parametrize("value", [-0.0, 5e-324, 2.2250738585072014e-308, 1e308, 0.1 + 0.2, 1e15, 1e16, 1e22, 2.0**53])
def test_a_float_is_written_as_one_that_reads_the_same(value: float) -> None:
    (fields,) = said(batch((ENERGY, 0, value)))[0].values()
    assert struct.pack("<d", float(fields["energy"])) == struct.pack("<d", value)


def test_a_line_holds_the_points_of_one_device_at_one_instant() -> None:
    found, count = said(batch((ENERGY, 0, 1.0), (POWER, 1, 2.0), (WATER, 0, 3.0), (POWER, 0, 4.0), (ENERGY, 1, 5.0)))
    assert count == 3
    assert found[place(ENERGY, T0)] == {"energy": "1.0", "power": "4.0"}
    assert found[place(ENERGY, T0 + 1)] == {"energy": "5.0", "power": "2.0"}
    assert found[place(WATER, T0)] == {"volume": "3.0"}


def test_what_is_learned_later_changes_nothing_that_was_learned() -> None:
    vocabulary = Vocabulary()
    first = vocabulary.wording([ENERGY, POWER])
    bad = ENERGY._replace(device="back\\slash")
    second = vocabulary.wording([WATER, bad, POWER, ENERGY])
    assert first.series.tolist() == [0, 1]
    assert second.series.tolist() == [2, 3, 1, 0]
    assert second.sayable[second.series].tolist() == [True, False, True, True]
    told = batch((ENERGY, 0, 1.0), (POWER, 0, 2.0))
    again = Batch.of([WATER, bad, POWER, ENERGY], [3, 2], told.time, told.value)
    unmarked = np.zeros(2, bool)
    assert first.lines(told, unmarked) == second.lines(again, unmarked)


def test_a_lone_surrogate_cannot_be_said() -> None:
    rows = batch((ENERGY._replace(device="\ud800"), 0, 1.0), (ENERGY, 0, 1.0))
    assert Vocabulary().wording(rows.keys).storable(rows).tolist() == [False, True]


def test_a_process_that_only_reads_does_without_the_compiler() -> None:
    found = "import sys; from store.series.influx import InfluxStore; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", found], check=True, capture_output=True, text=True).stdout == "False\n"
