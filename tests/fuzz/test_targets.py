"""The fuzzer's targets hold on their seeds, cut off anywhere, with any byte changed; `make fuzz` runs longer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import NAMES
from tests.fuzz.targets import TARGETS


def test_every_target_has_a_name_on_the_command_line() -> None:
    assert set(NAMES) == set(TARGETS)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_whole_and_cut_off(name: str) -> None:
    for seed in TARGETS[name].seeds:
        for end in range(len(seed) + 1):
            TARGETS[name].try_(seed[:end])


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_seeds_with_bytes_changed(name: str, data: st.DataObject) -> None:
    payload = bytearray(data.draw(st.sampled_from(TARGETS[name].seeds)))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    TARGETS[name].try_(bytes(payload))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(payload=st.binary(max_size=60))
def test_rubbish(name: str, payload: bytes) -> None:
    TARGETS[name].try_(payload)
