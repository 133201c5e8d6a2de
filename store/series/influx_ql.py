"""InfluxQL, the one query language of InfluxDB 1.x, 2.x and 3.x: its quoting, and its answers."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schema.series import SeriesKey

TAGS = "site, building, device"


class Series(msgspec.Struct):
    """One table of an answer."""

    name: str = ""
    tags: dict[str, str] = {}
    columns: list[str] = []
    values: list[list[Any]] = []

    def numbers(self) -> NDArray[np.float64]:
        """The table as floats (us since 1970 are exact in them until 2255), NaN where empty."""
        return np.array(self.values, np.float64)

    def key(self, point: str) -> SeriesKey:
        """The series this table of a query grouped by TAGS speaks of."""
        tags = self.tags
        return SeriesKey(tags.get("site", ""), tags.get("building", ""), self.name, tags.get("device", ""), point)


class Result(msgspec.Struct):
    """The answer to one statement."""

    statement_id: int = 0
    series: list[Series] = []
    error: str | None = None


class Answer(msgspec.Struct):
    """The answer to a request of several statements."""

    results: list[Result] = []
    error: str | None = None


def name(text: str) -> str:
    """A quoted identifier."""
    return '"' + text.replace('"', '\\"') + '"'


def text(value: str) -> str:
    """A quoted string."""
    return "'" + value.replace("'", "\\'") + "'"


def select(what: str, kind: str, conditions: Iterable[str], tail: str = "") -> str:
    """A statement over one measurement, with a table for each device; names in it are quoted by `name`."""
    where = " AND ".join(conditions)
    filtered = f" WHERE {where}" if where else ""
    return f"SELECT {what} FROM {name(kind)}{filtered} GROUP BY {tail or TAGS}"  # noqa: S608


def newest(what: str, kind: str, conditions: Iterable[str], limit: int) -> str:
    """A statement for one table of all devices together, time descending; its last three columns are TAGS."""
    where = " AND ".join(conditions)
    return f"SELECT {what}, {TAGS} FROM {name(kind)} WHERE {where} ORDER BY time DESC LIMIT {limit}"  # noqa: S608


def devices(keys: Iterable[SeriesKey]) -> str:
    """A condition that holds for the devices of these keys, and perhaps for namesakes elsewhere."""
    wanted = sorted({(key.site, key.building, key.device) for key in keys})
    if len(wanted) == 1:
        site, building, device = wanted[0]
        return f"site = {text(site)} AND building = {text(building)} AND device = {text(device)}"
    # A thousand OR terms took the real server 0.9 s, the same names in one expression 0.04 s.
    names = "|".join(sorted({re.escape(device).replace("/", r"\/") for _, _, device in wanted}))
    return f"device =~ /^({names})$/"
