"""Coefficients: dated rows with unit and source, of factors and of limits."""

from datetime import date
from typing import NamedTuple


class Coefficient(NamedTuple):
    """A number that holds from `valid_from` until before `valid_to` (None: open)."""

    name: str
    value: float
    unit: str
    source: str
    region: str
    basis: str
    valid_from: date
    valid_to: date | None
