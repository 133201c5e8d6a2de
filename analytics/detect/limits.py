"""Limits: what the rules go by, as dated rows with unit and source; a site or a device may have rows of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analytics import carriers
from schema.coefficient import Coefficient
from schema.instant import to_datetime
from schema.series import SeriesKey

GB12325 = "GB/T 12325-2008"
GB15543 = "GB/T 15543-2008"
GB31654 = "GB 31654-2021"
STATE_COUNCIL = "国办发〔2007〕42号"
PRACTICE = "practice in energy management; tune for each meter"


Floats = NDArray[np.float64]


def _row(name: str, value: float, unit: str, source: str, since: date) -> Coefficient:
    return Coefficient(name, value, unit, source, "CN", "limit", since, None)


_POWER, _FOOD, _AIR, _USUAL = date(2009, 5, 1), date(2022, 2, 22), date(2007, 6, 1), date(2000, 1, 1)

SEED: tuple[Coefficient, ...] = (
    _row("voltage.220.low", 198.0, "V", f"{GB12325}, 220 V -10 %", _POWER),
    _row("voltage.220.high", 235.4, "V", f"{GB12325}, 220 V +7 %", _POWER),
    _row("voltage.380.low", 353.4, "V", f"{GB12325}, 380 V -7 %", _POWER),
    _row("voltage.380.high", 406.6, "V", f"{GB12325}, 380 V +7 %", _POWER),
    _row("voltage.imbalance", 0.02, "/", GB15543, _POWER),
    _row("current.imbalance", 0.15, "/", PRACTICE, _USUAL),
    _row("current.imbalance.load", 0.30, "/", PRACTICE, _USUAL),
    _row("power_factor.low", 0.90, "/", PRACTICE, _USUAL),
    _row("power_factor.load", 0.20, "/", PRACTICE, _USUAL),
    _row("balance.low", -0.02, "/", PRACTICE, _USUAL),
    _row("balance.high", 0.05, "/", PRACTICE, _USUAL),
    _row("night.rise", 0.30, "/", PRACTICE, _USUAL),
    _row("night.ratio", 0.40, "/", PRACTICE, _USUAL),
    _row("holiday.ratio", 0.50, "/", PRACTICE, _USUAL),
    _row("vacant.rise", 0.30, "/", PRACTICE, _USUAL),
    _row("water.running", 48.0, "h", PRACTICE, _USUAL),
    _row("cold.chilled.low", 0.0, "Cel", GB31654, _FOOD),
    _row("cold.chilled.high", 8.0, "Cel", GB31654, _FOOD),
    _row("cold.frozen.high", -12.0, "Cel", GB31654, _FOOD),
    _row("cold.patience", 30.0, "min", "practice: a door or a defrost explains less", _USUAL),
    _row("cold.spoils", 120.0, "min", f"{GB31654}: judged by a person after 2 h", _FOOD),
    _row("set_point.cooling", 26.0, "Cel", STATE_COUNCIL, _AIR),
    _row("set_point.heating", 20.0, "Cel", STATE_COUNCIL, _AIR),
)
"""What the project ships with. A row whose region is `site` or `site/device` goes before the nation's.

`demand.limit` (kW) has no row of the nation: it is what the site agreed with its supplier.
"""

ROWS = (*carriers.SEED, *SEED)
"""With what an hour costs, and emits."""


@dataclass(frozen=True)
class Limits:
    """The rows of the registry, or the project's own."""

    rows: Sequence[Coefficient] = ROWS
    _known: dict[tuple[str, str, str, int], float | None] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _own(self) -> frozenset[str]:
        """The names that some site or device has rows of its own for."""
        return frozenset(row.name for row in self.rows if row.region != "CN")

    def on(self, name: str, time: int, site: str = "", device: str = "") -> float | None:
        """The value that holds at an instant: of the device, or else the site, or else the nation.

        Before its first row there is no limit but in the nation's practice: then the oldest one goes.
        """
        if name not in self._own:
            site = device = ""
        cell = (name, site, device, time // 86_400_000_000)
        if cell not in self._known:
            self._known[cell] = self._find(name, to_datetime(time).date(), (f"{site}/{device}", site, "CN"))
        return self._known[cell]

    def of(self, name: str, keys: Sequence[SeriesKey], row: NDArray[np.intp], time: NDArray[np.int64]) -> Floats:
        """The value for each of some series; NaN where there is none."""
        if not len(row):
            return np.zeros(0)
        at = int(time[0])
        if name not in self._own:
            value = self.on(name, at)
            return np.full(len(row), np.nan if value is None else value)
        found = (self.on(name, at, keys[i].site, keys[i].device) for i in row)
        return np.array([np.nan if value is None else value for value in found])

    def _find(self, name: str, day: date, regions: Iterable[str]) -> float | None:
        for region in regions:
            rows = [row for row in self.rows if row.name == name and row.region == region]
            valid = [row for row in rows if row.valid_from <= day and (row.valid_to is None or day < row.valid_to)]
            if valid:
                return max(valid, key=lambda row: row.valid_from).value
            if rows and region == "CN" and day < min(row.valid_from for row in rows):
                return min(rows, key=lambda row: row.valid_from).value
        return None
