"""Carriers to standard coal (kgce) and CO2, by dated factors; every result carries its accounting basis (口径)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from schema.coefficient import Coefficient

Measure = Literal["kgce", "kgco2"]
DERIVED = "derived: 2.1622 kgCO2/m3 over an LHV of 38 931 kJ/m3"
MEE_2021 = "MEE/NBS notice 2024 No. 12, national average 2021"
MEE_2022 = "MEE/NBS notice of 20 Dec 2024, national average 2022"
MEE_2023 = "MEE/NBS, national average 2023"
GB2589 = "GB/T 2589-2020"
SINCE = date(2021, 4, 1)

TARIFF = "placeholder of the project: put the site's own tariff in its place"

SEED: tuple[Coefficient, ...] = (
    Coefficient("electricity.kgce", 0.1229, "kgce/kWh", GB2589, "CN", "equivalent", SINCE, None),
    Coefficient("electricity.kgce", 0.31, "kgce/kWh", "DB37 series", "Shandong", "equal-value", SINCE, None),
    Coefficient("heat.kgce", 0.03412, "kgce/MJ", GB2589, "CN", "equivalent", SINCE, None),
    Coefficient("heat.kgce", 0.1228, "kgce/kWh", f"{GB2589}, 3 600/29 307.6", "CN", "equivalent", SINCE, None),
    Coefficient("gas.kgce", 0.1228, "kgce/kWh", f"{GB2589}, 3 600/29 307.6", "CN", "equivalent", SINCE, None),
    Coefficient("gas.kgce", 1.33, "kgce/m3", f"{GB2589}, upper end", "CN", "equivalent", SINCE, None),
    Coefficient("gas.kgce", 1.2143, "kgce/m3", "DB37 series", "Shandong", "equivalent", SINCE, None),
    Coefficient(
        "electricity.kgco2", 0.5568, "kgCO2/kWh", MEE_2021, "CN", "location", date(2021, 1, 1), date(2022, 1, 1)
    ),
    Coefficient(
        "electricity.kgco2", 0.5366, "kgCO2/kWh", MEE_2022, "CN", "location", date(2022, 1, 1), date(2023, 1, 1)
    ),
    Coefficient(
        "electricity.kgco2", 0.5306, "kgCO2/kWh", MEE_2023, "CN", "location", date(2023, 1, 1), date(2024, 1, 1)
    ),
    Coefficient("gas.kgco2", 2.1622, "kgCO2/m3", "LHV*C*OF*44/12", "CN", "location", date(2021, 1, 1), None),
    Coefficient("gas.kgco2", 0.19994, "kgCO2/kWh", DERIVED, "CN", "location", date(2021, 1, 1), None),
    Coefficient("heat.kgco2", 0.0306, "kgCO2/kWh", "0.11 tCO2/GJ", "CN", "location", date(2021, 1, 1), None),
    Coefficient("electricity.yuan", 0.70, "yuan/kWh", TARIFF, "CN", "price", SINCE, None),
    Coefficient("gas.yuan", 3.50, "yuan/m3", TARIFF, "CN", "price", SINCE, None),
    Coefficient("gas.yuan", 0.32, "yuan/kWh", TARIFF, "CN", "price", SINCE, None),
    Coefficient("heat.yuan", 0.29, "yuan/kWh", TARIFF, "CN", "price", SINCE, None),
    Coefficient("water.yuan", 4.20, "yuan/m3", TARIFF, "CN", "price", SINCE, None),
)
"""Factors the project ships with; a bureau adds its own rows, and these stay as they were."""


class Amount(NamedTuple):
    """A quantity of a carrier used on (or from) a day."""

    carrier: str
    unit: str
    value: float
    day: date


@dataclass(frozen=True, slots=True)
class Converted:
    """A sum in kgce or kgCO2, its basis, the factor versions it used, and what it had to leave out.

    `outdated` are factors past their last day, used because nothing newer is published; `left_out` are carriers
    without any factor: the sum is then too small. Water is never in it and never missed.
    """

    measure: Measure
    value: float
    basis: str
    factors: tuple[Coefficient, ...]
    outdated: tuple[Coefficient, ...]
    left_out: tuple[str, ...]


def convert(
    amounts: Iterable[Amount], factors: Sequence[Coefficient], measure: Measure, basis: str, region: str = "CN"
) -> Converted:
    """E = sum(q * k), each amount by the factor of its own day; a new factor never rewrites a closed year."""
    total = 0.0
    used: dict[Coefficient, bool] = {}
    left_out: dict[str, None] = {}
    for amount in amounts:
        if amount.carrier == "water":
            continue
        factor = factor_on(factors, f"{amount.carrier}.{measure}", amount.unit, amount.day, basis, region)
        if factor is None:
            left_out[amount.carrier] = None
            continue
        total += amount.value * factor.value
        used[factor] = used.get(factor, False) or (factor.valid_to is not None and amount.day >= factor.valid_to)
    label = f"{basis} {' '.join(f'{factor.value:g}' for factor in used)}".strip()
    outdated = tuple(factor for factor, late in used.items() if late)
    return Converted(measure, total, label, tuple(used), outdated, tuple(left_out))


def factor_on(
    factors: Sequence[Coefficient], name: str, unit: str, day: date, basis: str, region: str = "CN"
) -> Coefficient | None:
    """The version of a factor that holds on a day: of the region, or else of the nation; None before the first.

    Past the last published version the newest one goes on, as statistics do until the next notice.
    """
    for place in (region, "CN"):
        known = [
            factor
            for factor in factors
            if factor.name == name
            and factor.unit.endswith(f"/{unit}")
            and factor.basis == basis
            and factor.region == place
            and factor.valid_from <= day
        ]
        if known:
            return max(known, key=lambda factor: factor.valid_from)
    return None
