"""Units and what they convert to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.errors import Reject
from schema.quantity import CANONICAL, UNITS, conversion

QUANTITIES = {unit.quantity for unit in UNITS.values()}


@pytest.mark.parametrize(
    ("symbol", "quantity", "value", "canonical"),
    [
        ("Wh", "energy", 1500.0, 1.5),
        ("MWh", "energy", 2.0, 2000.0),
        ("J", "energy", 3.6e6, 1.0),
        ("MJ", "energy", 3.6, 1.0),
        ("GJ", "energy", 3.6, 1000.0),
        ("W", "power", 250.0, 0.25),
        ("K", "temperature", 273.15, 0.0),
        ("Cel", "temperature", -20.0, -20.0),
        ("l/s", "flow", 1.0, 3.6),
        ("m3/s", "flow", 1.0, 3600.0),
        ("l/min", "flow", 1000.0, 60.0),
        ("%", "ratio", 50.0, 0.5),
        ("g", "mass", 350.0, 0.35),
        ("l", "volume", 1.0, 0.001),
    ],
)
def test_known_conversions(symbol: str, quantity: str, value: float, canonical: float) -> None:
    factor, offset = conversion(symbol, quantity)
    assert value * factor + offset == pytest.approx(canonical, abs=1e-12)


def test_every_quantity_has_one_canonical_unit_that_converts_to_itself() -> None:
    assert CANONICAL.keys() == QUANTITIES
    assert all(conversion(symbol, quantity) == (1.0, 0.0) for quantity, symbol in CANONICAL.items())
    plain = [unit.quantity for unit in UNITS.values() if (unit.factor, unit.offset) == (1.0, 0.0)]
    assert len(plain) == len(set(plain)), "two units claim to be canonical"


@given(st.sampled_from(sorted(UNITS)), st.floats(-1e9, 1e9), st.floats(0.001, 1e6))
def test_conversions_keep_the_order_of_values(symbol: str, value: float, more: float) -> None:
    factor, offset = conversion(symbol, UNITS[symbol].quantity)
    assert factor > 0
    assert value * factor + offset <= (value + more) * factor + offset


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(QUANTITIES)))
def test_a_unit_of_another_quantity_is_refused(symbol: str, quantity: str) -> None:
    if UNITS[symbol].quantity != quantity:
        with pytest.raises(Reject) as refused:
            conversion(symbol, quantity)
        assert refused.value.reason == "wrong_unit"


@given(st.text().filter(lambda text: text not in UNITS))
def test_an_unknown_unit_is_refused(symbol: str) -> None:
    with pytest.raises(Reject) as refused:
        conversion(symbol, "energy")
    assert refused.value.reason == "unknown_unit"
