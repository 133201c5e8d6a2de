"""Mappings: what foreign topics, paths and metrics are here, checked before anything runs."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path as File
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from bus.mapping import EVERY, Path, Pattern, check_form
from bus.messages import Birth
from bus.topics import Topic, is_segment
from devices import kinds
from ingest.mapping_file import (
    DeviceSection,
    JsonSection,
    MappingFile,
    PointSection,
    SparkplugSection,
    TimeSection,
    read,
)
from schema.errors import Reject, Stop
from schema.quantity import conversion
from schema.text import Text


class Rule(NamedTuple):
    """One point: `path` is None for a Sparkplug metric."""

    source: str
    path: Path | None
    point: str
    unit: str | None
    scale: float
    offset: float
    values: Mapping[str, float]


class Place(NamedTuple):
    """A foreign device here: its topic, its birth, and the rules of its points."""

    topic: Topic
    birth: Birth
    rules: tuple[Rule, ...]


class Timing(NamedTuple):
    """A time stamp's place and form."""

    path: Path
    form: str
    zone: ZoneInfo | None


class Source(NamedTuple):
    """A topic pattern of JSON and the devices that speak on it, by their names; `names` are all of the file."""

    pattern: Pattern
    device: str | Path
    each: Path | None
    time: Timing | None
    bare: bool
    places: Mapping[str, Place]
    names: frozenset[str]


class SparkplugRule(NamedTuple):
    """A Sparkplug section of a file, with the site of the file."""

    site: str | None
    section: SparkplugSection
    rules: tuple[Rule, ...]


class Mappings(NamedTuple):
    """Everything that the mapping files declare."""

    json: tuple[Source, ...] = ()
    sparkplug: tuple[SparkplugRule, ...] = ()


def load(files: Iterable[File], org: str) -> Mappings:
    """The mappings of all files; Stop with the file, the key and the way out for the first that is wrong."""
    sources: list[Source] = []
    sparkplug: list[SparkplugRule] = []
    taken: set[tuple[str, str]] = set()
    for file in files:
        told = read(file)
        try:
            devices = {device.name: device for device in _devices(told, taken)}
            for at, section in enumerate(told.json):
                sources.append(_source(section, f"json[{at}]", told.site or "", org, devices))
            for at, rule in enumerate(told.sparkplug):
                sparkplug.append(_sparkplug(rule, f"sparkplug[{at}]", told.site))
        except _Wrong as error:
            raise Stop(f"mapping {file}: {error}") from error
    return Mappings(tuple(sources), tuple(sparkplug))


class _Wrong(ValueError):
    """What is wrong with a file, and where."""


def _devices(told: MappingFile, taken: set[tuple[str, str]]) -> Iterator[DeviceSection]:
    """The devices of a file, each of which some section reads."""
    if told.json:
        _segment(told.site or "", "site", 'give the file one, such as site = "demo"')
    names: set[str] = set()
    for at, device in enumerate(told.devices):
        key = f"devices[{at}]"
        _segment(device.id, f"{key}.id")
        _segment(device.building, f"{key}.building")
        _segment(device.parent or device.id, f"{key}.parent")
        if device.name in names:
            raise _Wrong(f"{key}.name: {device.name!r} is there twice")
        if (told.site or "", device.id) in taken:
            raise _Wrong(f"{key}.id: {device.id!r} is declared elsewhere too: one id, one device")
        if not any(section.kind == device.kind for section in told.json):
            raise _Wrong(f"{key}.kind: no [[json]] section is of kind {device.kind!r}")
        names.add(device.name)
        taken.add((told.site or "", device.id))
        yield device


def _source(section: JsonSection, key: str, site: str, org: str, devices: Mapping[str, DeviceSection]) -> Source:
    try:
        pattern = Pattern(section.topic)
        each = None if section.each is None else _each(section.each)
        device: str | Path = section.device if "{" in section.device else Path(section.device)
        time = None if section.time is None else _timing(section.time)
    except ValueError as error:
        raise _Wrong(f"{key}: {error}") from error
    if pattern.filter.startswith((f"{org}/", "+/")):
        raise _Wrong(f"{key}.topic: {section.topic!r} covers native topics; begin it with a segment other than {org}")
    if isinstance(device, str):
        try:
            device.format_map(dict.fromkeys(pattern.captures, ""))
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            raise _Wrong(f"{key}.device: {section.device!r} names {error}, which the topic does not capture") from error
    rules = tuple(_rules(section.points, section.kind, key, bare=section.bare))
    places = {
        name: Place(Topic(org, site, told.building, told.kind, told.id, "readings"), _birth(told, name), rules)
        for name, told in devices.items()
        if told.kind == section.kind
    }
    return Source(pattern, device, each, time, section.bare, places, frozenset(devices))


def _each(text: str) -> Path:
    path = Path(text)
    if path.steps[-1:] != (EVERY,):
        raise ValueError(f"each = {text!r} has to end in [*]")
    return path


def _timing(section: TimeSection) -> Timing:
    check_form(section.format)
    try:
        zone = None if section.zone is None else ZoneInfo(section.zone)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {section.zone!r}; give one like Asia/Shanghai") from error
    return Timing(Path(section.path), section.format, zone)


def _sparkplug(section: SparkplugSection, key: str, site: str | None) -> SparkplugRule:
    for name, value in (("id", section.id), ("building", section.building), ("parent", section.parent)):
        if value is not None:
            _segment(value, f"{key}.{name}")
    if site is not None:
        _segment(site, "site")
    if section.id is not None and "+" in {section.edge, section.device, section.group}:
        raise _Wrong(f"{key}.id: one id cannot stand for all that + stands for")
    return SparkplugRule(site, section, tuple(_rules(section.points, section.kind, key, metrics=True)))


def _rules(
    points: list[PointSection], kind: str, key: str, *, bare: bool = False, metrics: bool = False
) -> Iterator[Rule]:
    declared = kinds().get(kind)
    if declared is None:
        raise _Wrong(f"{key}.kind: there is no kind {kind!r}{_like(kind, kinds())}")
    for at, told in enumerate(points):
        where = f"{key}.points[{at}]"
        point = declared.point(told.point)
        if point is None:
            names = [one.name for one in declared.points]
            raise _Wrong(f"{where}.point: a {kind} has no {told.point!r}{_like(told.point, names)}")
        source = told.metric if metrics else "" if bare and told.path is None else told.path
        if source is None:
            raise _Wrong(f"{where}: give it a {'metric' if metrics else 'path'}")
        try:
            conversion(told.unit or point.unit, point.quantity)
            scale = float(Fraction(told.scale)) if isinstance(told.scale, str) else told.scale
            path = None if metrics else Path(source)
        except (Reject, ValueError, ZeroDivisionError, OverflowError) as error:
            raise _Wrong(f"{where}: {error}") from error
        yield Rule(source, path, told.point, told.unit, scale, told.offset, told.values)


def _birth(told: DeviceSection | SparkplugSection, name: str) -> Birth:
    title = Text(*told.title) if told.title else Text(name, name)
    interval = kinds()[told.kind].interval if told.interval is None else told.interval
    return Birth(title=title, interval=interval, parent=told.parent, width=told.width)


def place_of(rule: SparkplugRule, org: str, group: str, edge: str, device: str) -> Place:
    """The place of a Sparkplug device after a rule; Reject("unmapped") where its names make no id."""
    section = rule.section
    names = {
        "site": rule.site or slug(group),
        "building": section.building or slug(edge),
        "id": section.id or slug(device or edge),
    }
    for key, name in names.items():
        if not is_segment(name):
            raise Reject("unmapped", f"{group}/{edge}/{device}: no {key} comes of its name, declare one")
    topic = Topic(org, names["site"], names["building"], section.kind, names["id"], "readings")
    return Place(topic, _birth(section, device or edge), rule.rules)


def slug(name: str) -> str:
    """A name as a segment of a topic, if anything is left of it."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in kept.split("-") if part)[:64]


def _segment(text: str, key: str, remedy: str = "a-z, 0-9, _ and - only, at most 64") -> str:
    if not is_segment(text):
        raise _Wrong(f"{key}: {text!r} cannot be part of a topic: {remedy}")
    return text


def _like(name: str, known: Iterable[Any]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known))}"
