"""A credential's number never leaves the edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.credential import keyed_hash
from schema.errors import Stop

PEPPER = b"0123456789abcdef"


def test_the_hash_depends_on_number_and_pepper_and_holds_neither() -> None:
    card = keyed_hash(PEPPER, "04A1B2C3")
    assert card == keyed_hash(PEPPER, "04A1B2C3")
    assert card != keyed_hash(PEPPER, "04A1B2C4")
    assert card != keyed_hash(PEPPER[::-1], "04A1B2C3")
    assert len(card) == 64
    assert "04A1" not in card.upper()


def test_readers_that_differ_in_case_width_or_space_agree() -> None:
    assert keyed_hash(PEPPER, "京A12345") == keyed_hash(PEPPER, " 京a１２３４５\r\n")


def test_a_pepper_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(Stop, match="at least 16"):
        keyed_hash(b"short", "04A1B2C3")


@given(st.text(st.characters()))
def test_whatever_a_reader_sends_has_a_hash(raw: str) -> None:
    assert len(keyed_hash(PEPPER, raw)) == 64


def test_a_broken_read_has_a_hash_too() -> None:
    assert keyed_hash(PEPPER, "04\udcff") != keyed_hash(PEPPER, "04")
