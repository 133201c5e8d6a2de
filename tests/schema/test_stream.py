"""The rank of a message is told by its place in its stream alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.instant import HOUR
from schema.stream import Position, born, new_epoch

NOW = 1_790_000_000_000_000
instants = st.integers(0, 2**52 - 1)


@given(instants, st.binary(min_size=1, max_size=8))
def test_an_epoch_tells_its_birth(now: int, entropy: bytes) -> None:
    assert born(new_epoch(now, entropy)) == now


@pytest.mark.parametrize("epoch", ["", "466fb5a76a48b5c9", "e", "dead-beef", "660d0dac5ca40", "660D0DAC5CA40-1"])
def test_one_that_was_named_otherwise_was_born_at_the_beginning(epoch: str) -> None:
    assert born(epoch) == 0
    assert Position("a", epoch, 7).rank == 7


def test_within_an_epoch_the_later_message_has_the_higher_rank() -> None:
    epoch = new_epoch(NOW, b"x")
    assert Position("a", epoch, 1).rank < Position("a", epoch, 2).rank


def test_an_hour_at_full_speed_does_not_reach_the_epoch_that_was_born_after_it() -> None:
    last = Position("a", new_epoch(NOW, b"x"), 3600 * 100_000)
    assert last.rank < Position("a", new_epoch(NOW + HOUR, b"y"), 1).rank


@given(instants, st.integers(1, 2**63 - 1))
def test_a_rank_is_positive_and_fits_in_64_bits(now: int, seq: int) -> None:
    assert 0 < Position("a", new_epoch(now, b"x"), seq).rank < 2**63
