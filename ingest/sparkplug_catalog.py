"""What Sparkplug devices and metrics are here: as a mapping declares them, else by their names and `engUnit`."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from bus.sparkplug import Metric
from bus.topics import Topic
from devices import kinds
from ingest.mappings import Place, Rule, SparkplugRule, place_of
from schema.errors import Reject
from schema.quantity import UNITS, conversion

_OWN = re.compile(r"bdSeq|(Node|Device) (Control|Info)/.*|Properties/.*")
_SPELLINGS = {
    "°c": "Cel", "℃": "Cel", "degc": "Cel", "celsius": "Cel", "kwh": "kWh", "wh": "Wh", "mwh": "MWh", "kw": "kW",
    "w": "W", "watt": "W", "watts": "W", "v": "V", "volt": "V", "volts": "V", "a": "A", "amp": "A", "amps": "A",
    "hz": "Hz", "m³": "m3", "m^3": "m3", "m³/h": "m3/h", "m^3/h": "m3/h", "%rh": "%RH", "rh%": "%RH", "pct": "%",
    "kpa": "kPa", "pa": "Pa", "lux": "lx", "kvar": "kvar", "kvarh": "kvarh", "l/s": "l/s", "l/min": "l/min",
}  # fmt: skip
"""How gateways write units; what two units share but for their case (mW and MW) is not guessed."""


_MOST = 200_000


class Found(NamedTuple):
    """Where a metric goes: value * scale + offset is in `unit`."""

    metric: str
    topic: Topic
    point: str
    unit: str | None
    scale: float
    offset: float


class Catalog:
    """The places of devices and the points of metrics, worked out once each."""

    def __init__(self, rules: Sequence[SparkplugRule], org: str) -> None:
        # What is named goes before what + stands for.
        self._rules = sorted(rules, key=_wildness)
        self._org = org
        self._places: dict[tuple[str, str, str], Place | Reject] = {}
        self._owners: dict[tuple[str, str], tuple[str, str, str]] = {}
        self._found: dict[tuple[str, str, str, str, str | None], Found | None] = {}

    def place(self, group: str, edge: str, device: str) -> Place | None:
        """Where a device is, or None for one that no mapping has a place for."""
        held = self._place(group, edge, device)
        return held if isinstance(held, Place) else None

    def find(self, group: str, edge: str, device: str, metric: str, unit: str | None) -> Found | None:
        """Where a metric goes, or None for one that has no point; its birth has said why."""
        key = (group, edge, device, metric, unit)
        if key not in self._found:
            if len(self._found) > _MOST:
                self._found.clear()
            place = self.place(group, edge, device)
            held = None if place is None else _point(place, metric, unit)
            self._found[key] = held if isinstance(held, Found) else None
        return self._found[key]

    def born(self, group: str, edge: str, device: str, metrics: Sequence[Metric]) -> tuple[Place | None, str | None]:
        """The place of a newborn, and what of it has none, with what to add to a mapping."""
        told = [one for one in metrics if one.name and not _OWN.fullmatch(one.name)]
        held = self._place(group, edge, device)
        if isinstance(held, Reject):
            # A node that only speaks for its devices needs no place.
            return None, held.detail if told else None
        wrong = [
            f"{one.name} ({why})" for one in told if isinstance(why := _point(held, one.name or "", one.unit), str)
        ]
        if not wrong:
            return held, None
        remedy = "declare them as points of its [[sparkplug]] section"
        return held, f"{len(wrong)} of {len(told)} metrics: {', '.join(wrong)[:400]}; {remedy}"

    def _place(self, group: str, edge: str, device: str) -> Place | Reject:
        key = (group, edge, device)
        if key not in self._places:
            self._places[key] = self._work_out(key)
        return self._places[key]

    def _work_out(self, key: tuple[str, str, str]) -> Place | Reject:
        group, edge, device = key
        rule = next((rule for rule in self._rules if _fits(rule, *key)), None)
        if rule is None:
            what = f'group = "{group}", edge = "{edge}"' + (f', device = "{device}"' if device else "")
            return Reject("unmapped", f"no mapping has a place for it: add [[sparkplug]] {what}, kind = ...")
        try:
            place = place_of(rule, self._org, group, edge, device)
        except Reject as error:
            return error
        owner = self._owners.setdefault((place.topic.site, place.topic.device), key)
        if owner != key:
            return Reject("unmapped", f"{place.topic.device} is already {'/'.join(owner)}: declare an id of its own")
        return place


def _wildness(rule: SparkplugRule) -> int:
    return (rule.section.group, rule.section.edge, rule.section.device).count("+")


def _fits(rule: SparkplugRule, group: str, edge: str, device: str) -> bool:
    section = rule.section
    alike = section.device == device or (section.device == "+" and device) or (section.device is None and not device)
    return section.group in {group, "+"} and section.edge in {edge, "+"} and bool(alike)


def _point(place: Place, metric: str, unit: str | None) -> Found | str:
    """The point of a metric, or why there is none."""
    declared = kinds()[place.topic.kind]
    told = _SPELLINGS.get((unit or "").strip().lower(), unit if unit in UNITS else None)
    rule = next((rule for rule in place.rules if rule.source == metric), None)
    if rule is None:
        point = declared.point(_word(metric)) or declared.point(_word(metric.rpartition("/")[2]))
        if point is None:
            return "no such point"
        if told is None:
            return f"engUnit {unit!r}"
        rule = Rule(metric, None, point.name, told, 1.0, 0.0, {})
    elif rule.unit is None and unit:
        if told is None:
            return f"engUnit {unit!r}"
        rule = rule._replace(unit=told)
    point = declared.point(rule.point)
    if point is None:
        return "no such point"
    try:
        conversion(rule.unit or point.unit, point.quantity)
    except Reject as error:
        return str(error)
    return Found(metric, place.topic, rule.point, rule.unit, rule.scale, rule.offset)


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
