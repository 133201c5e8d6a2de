"""Carriers turn into standard coal and CO2 by the factor of their own day, and the result says by which."""

from datetime import date
from pathlib import Path

import pytest

from analytics.carriers import SEED, Amount, convert
from schema.coefficient import Coefficient
from store.registry.base import Registry
from store.registry.goals import factors, publish
from store.registry.migrate import tables

DAY = date(2023, 6, 1)


def test_electricity_and_gas_add_up_and_water_never_does() -> None:
    amounts = [
        Amount("electricity", "kWh", 1000.0, DAY),
        Amount("gas", "m3", 100.0, DAY),
        Amount("water", "m3", 500.0, DAY),
    ]
    found = convert(amounts, SEED, "kgce", "equivalent")
    assert found.value == pytest.approx(1000 * 0.1229 + 100 * 1.33)
    assert (found.left_out, found.outdated) == ((), ())
    assert found.basis == "equivalent 0.1229 1.33"


def test_the_basis_moves_the_total_and_is_named() -> None:
    amounts = [Amount("electricity", "kWh", 1000.0, DAY)]
    found = convert(amounts, SEED, "kgce", "equal-value", "Shandong")
    assert found.value == pytest.approx(310.0)
    assert found.basis == "equal-value 0.31"


def test_a_region_goes_before_the_nation() -> None:
    gas = [Amount("gas", "m3", 100.0, DAY)]
    assert convert(gas, SEED, "kgce", "equivalent", "Shandong").value == pytest.approx(121.43)
    assert convert(gas, SEED, "kgce", "equivalent", "Hebei").value == pytest.approx(133.0)


@pytest.mark.parametrize(("year", "factor"), [(2021, 0.5568), (2022, 0.5366), (2023, 0.5306)])
def test_each_year_has_its_own_grid_factor(year: int, factor: float) -> None:
    found = convert([Amount("electricity", "kWh", 1.0, date(year, 12, 31))], SEED, "kgco2", "location")
    assert found.value == pytest.approx(factor)
    assert found.outdated == ()


def test_a_year_without_its_own_factor_uses_the_newest_and_says_so() -> None:
    found = convert([Amount("electricity", "kWh", 1.0, date(2026, 11, 1))], SEED, "kgco2", "location")
    assert found.value == pytest.approx(0.5306)
    assert [factor.value for factor in found.outdated] == [0.5306]


def test_a_new_factor_leaves_closed_years_alone() -> None:
    newer = Coefficient("electricity.kgco2", 0.4, "kgCO2/kWh", "notice", "CN", "location", date(2026, 1, 1), None)
    amounts = [Amount("electricity", "kWh", 1.0, date(2023, 5, 1)), Amount("electricity", "kWh", 1.0, date(2026, 5, 1))]
    assert convert(amounts, (*SEED, newer), "kgco2", "location").value == pytest.approx(0.5306 + 0.4)


def test_a_carrier_without_a_factor_is_left_out_aloud() -> None:
    found = convert([Amount("steam", "t", 3.0, DAY)], SEED, "kgce", "equivalent")
    assert (found.value, found.left_out) == (0.0, ("steam",))


def test_heat_is_34_12_kgce_a_gigajoule() -> None:
    assert convert([Amount("heat", "MJ", 1000.0, DAY)], SEED, "kgce", "equivalent").value == pytest.approx(34.12)


def test_every_factor_tells_its_source() -> None:
    assert all(factor.source and factor.basis and factor.region for factor in SEED)


def test_factors_are_published_once_and_never_rewritten(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    tables().metadata.create_all(registry.engine)
    with registry.writing() as session:
        assert publish(session, SEED) == len(SEED)
    changed = [factor._replace(value=9.9) for factor in SEED]
    with registry.writing() as session:
        assert publish(session, changed) == 0
    with registry.reading() as session:
        assert set(factors(session)) == set(SEED)
    registry.close()
