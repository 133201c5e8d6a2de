"""The interpreter of a device's mapping: what its records come to, with doubt about whatever cannot be believed."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from access.credential import keyed_hash
from devices.kind import DeviceKind
from edge.drivers.mapping import HASHED, Mapping, Number, Source, Stamp, as_number
from schema.errors import Reject
from schema.event import Event, Meal, Pass, PlateWaste
from schema.instant import EARLIEST, MINUTE, Clock, to_datetime, to_micros
from schema.quantity import conversion
from schema.reading import Reading

_AHEAD = 10 * MINUTE
_CODE = re.compile("[a-z][a-z_]{0,31}")
_MISSING = object()
_SECONDS = {"s": 1_000_000, "ms": 1000}


class Heard(NamedTuple):
    """What records came to, and why parts of them were left out; `ids` of all that had one."""

    said: list[Reading | Event]
    doubts: list[Reject]
    ids: list[str]


class Interpreter:
    """Makes readings and events of the records of a device."""

    def __init__(self, device: str, kind: DeviceKind, mapping: Mapping, clock: Clock) -> None:
        self._device = device
        self._kind = kind
        self._mapping = mapping
        self._clock = clock

    def records(self, document: object) -> list[Any]:
        """The records in a document; Reject("not_understood") where they should be and are not."""
        found = field(document, self._mapping.records) if self._mapping.records else document
        return found if isinstance(found, list) else [found]

    def hear(self, records: Iterable[object], known: frozenset[str] = frozenset()) -> Heard:
        """All that can be understood and believed of records, those of `known` ids passed over."""
        heard = Heard([], [], [])
        for record in records:
            try:
                self._hear(record, heard, known)
            except Reject as error:
                heard.doubts.append(error)
        return heard

    def _hear(self, record: object, heard: Heard, known: frozenset[str]) -> None:
        if not isinstance(record, dict):
            raise Reject("not_understood", f"a record is {type(record).__name__}, not an object")
        for path, wanted in self._mapping.only.items():
            if _word(_at(record, path)) not in wanted:
                return
        number = "-".join(_word(field(record, path)) for path in self._mapping.ids)
        if number:
            heard.ids.append(number)
            if number in known:
                return
        time = self._time(record)
        for name, told in self._mapping.readings.items():
            if _at(record, as_number(told).path) is None:
                continue  # the device says itself that it has none
            try:
                heard.said.append(self._reading(name, as_number(told), record, time))
            except Reject as error:
                heard.doubts.append(error)
        if self._mapping.event:
            heard.said.append(self._event(record, number, time))

    def _time(self, record: dict[str, Any]) -> int:
        now = self._clock()
        told = self._mapping.time
        if told is None:
            return now
        stamp = Stamp(path=told) if isinstance(told, str) else told
        time = _instant(field(record, stamp.path), stamp)
        if not EARLIEST <= time <= now + _AHEAD:
            raise Reject(
                "clock", f"a record of {to_datetime(time):%Y-%m-%d %H:%M} came at {to_datetime(now):%Y-%m-%d %H:%M}"
            )
        return time

    def _reading(self, name: str, told: Number, record: dict[str, Any], time: int) -> Reading:
        point = self._kind.point(name)
        found = field(record, told.path)
        try:
            value = math.nan if isinstance(found, bool) else float(found) * told.scale
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if point is None or not math.isfinite(value):
            raise Reject("not_understood", f"{told.path} is no number")
        unit = told.unit or point.unit
        factor, offset = conversion(unit, point.quantity)
        if not point.low <= value * factor + offset <= point.high:
            raise Reject("implausible", f"{name} {value:g} {unit} is not within {point.low:g} to {point.high:g}")
        return Reading(self._device, name, time, value, unit)

    def _event(self, record: dict[str, Any], number: str, time: int) -> Event:
        values: dict[str, object] = {"id": number[:200], "time": time, "type": self._mapping.event["type"]}
        for name, told in self._mapping.event.items():
            if name != "type":
                values[name] = self._told(name, told, record)
        try:
            event: Event = msgspec.convert(values, self._mapping.event_type, strict=False)
        except msgspec.ValidationError as error:
            raise Reject("not_understood", str(error)) from error
        if isinstance(event, Pass) and not _CODE.fullmatch(event.reason):
            raise Reject("not_understood", "a reason is a code of a-z and _; translate the vendor's with values")
        if isinstance(event, Meal):
            _check_price(event.price)
        if isinstance(event, PlateWaste) and not 0 <= event.left_g <= 5000:
            raise Reject("implausible", f"{event.left_g:g} g on a plate")
        return event

    def _told(self, name: str, told: str | bool | float | Source, record: dict[str, Any]) -> object:
        if isinstance(told, str):
            told = Source(path=told)
        if not isinstance(told, Source):
            return told
        if told.path is None:
            return told.value
        word = _word(_at(record, told.path)) if told.other is not None else _word(field(record, told.path))
        if name in HASHED:
            return keyed_hash(self._mapping.pepper or b"", word) if word else ""
        if not told.values:
            return word
        # What is not translated may be anything, a name included: it is not repeated here.
        found = told.values.get(word, told.other)
        if found is None:
            raise Reject("not_understood", f"{told.path} has a value that values does not translate")
        return found


def field(record: object, path: str) -> Any:
    """What is at a dotted path, `list.0.name` for the first of a list; Reject("not_understood") where nothing is."""
    found = _at(record, path)
    if found is None or found is _MISSING:
        raise Reject("not_understood", f"there is no {path} in it")
    return found


def _at(record: Any, path: str) -> Any:
    """What is at a path, null too; _MISSING where nothing is."""
    if isinstance(record, dict) and path in record:
        return record[path]
    for step in path.split("."):
        if isinstance(record, dict):
            record = record.get(step, _MISSING)
        elif isinstance(record, list) and step.isdecimal() and int(step) < len(record):
            record = record[int(step)]
        else:
            return _MISSING
    return record


def _word(value: object) -> str:
    """A value as `values`, `only` and ids write it: whole numbers without a point, true and false in small letters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None or value is _MISSING else str(value).strip()


def _instant(found: object, stamp: Stamp) -> int:
    try:
        if stamp.form in _SECONDS:
            return to_micros(to_datetime(round(float(_word(found)) * _SECONDS[stamp.form])))
        text = _word(found)
        moment = datetime.fromisoformat(text) if stamp.form == "iso" else datetime.strptime(text, stamp.form)  # noqa: DTZ007
        return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(stamp.timezone)).astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise Reject("not_understood", f"{stamp.path} is no time of the form {stamp.form}") from error


def _check_price(price: str) -> None:
    try:
        sound = 0 <= Decimal(price) < 10_000
    except InvalidOperation:
        sound = False
    if not sound:
        raise Reject("implausible", "the price of a meal is no amount of money")
