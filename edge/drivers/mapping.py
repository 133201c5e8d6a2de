"""From a vendor's records to readings and events: which field of a record is what, declared in the device's section.

```toml
records = "data.list"                                  # where the records are in a JSON document; it is one if not told
id = "serialNo"                                        # or ["serialNo", "openTime"]: what makes an event unique
time = { from = "openTime", form = "%Y-%m-%d %H:%M:%S", timezone = "Asia/Shanghai" }
only = { eventType = ["card", "face"] }                # other records are of no interest
readings.entries = "inTotal"                           # in the unit of the point, or with a unit of its own:
readings.exits = { from = "outTotal", unit = "count" }
event.type = "pass"
event.direction = { from = "inOut", values = { 1 = "in", 2 = "out" } }
event.granted = { from = "result", values = { 0 = true }, other = false }
event.reason = { value = "controller_list" }           # the same for every record
```
"""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from access.credential import SHORTEST_PEPPER
from edge.drivers import Wired
from edge.suggestion import unknown
from edge.tomlfile import Wrong
from schema.errors import Reject
from schema.event import Meal, Pass, PlateWaste
from schema.quantity import conversion

_EVENTS: dict[str, type[Pass | Meal | PlateWaste]] = {"pass": Pass, "meal": Meal, "plate": PlateWaste}
HASHED = ("credential", "diner")
"""Fields of an event that leave the box as keyed hashes only."""
_OWN = {"id", "time"}


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field of the record, its values translated; or one `value` for all records."""

    path: str | None = msgspec.field(name="from", default=None)
    value: str | float | bool | None = None
    values: dict[str, str | float | bool] = {}
    other: str | float | bool | None = None

    def __post_init__(self) -> None:
        if (self.path is None) == (self.value is None):
            raise ValueError('either from = "a field of the record" or value = "the same for all"')


class Number(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field of the record that is a number: value = number * scale in `unit`, the point's own if not told."""

    path: str = msgspec.field(name="from")
    unit: str | None = None
    scale: float = 1.0


class Stamp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field of the record that is a time: ISO 8601, seconds or milliseconds since 1970, or as strptime reads it.

    `timezone` is that of a time which names none.
    """

    path: str = msgspec.field(name="from")
    form: str = "iso"
    timezone: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Wrong("timezone", f"there is no time zone {self.timezone!r}; give one like Asia/Shanghai") from error
        if self.form not in ("iso", "s", "ms") and "%" not in self.form:
            raise Wrong("form", f"{self.form!r} is no form of a time; write iso, s, ms or one like %Y-%m-%d %H:%M:%S")


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the records of a device mean; without a `time` they are of the instant they come in.

    `pepper` is the platform's, for credentials: no number of a card or a person leaves the edge.
    """

    records: str = ""
    id: str | tuple[str, ...] = ()
    time: str | Stamp | None = None
    only: dict[str, tuple[str, ...]] = {}
    readings: dict[str, str | Number] = {}
    event: dict[str, str | bool | float | Source] = {}
    pepper: bytes | None = None

    def __post_init__(self) -> None:
        if not self.readings and not self.event:
            raise ValueError("nothing is mapped; write readings.<point> = or event.type =")
        if self.event:
            self._check_event()

    @property
    def ids(self) -> tuple[str, ...]:
        """The fields that make a record unique."""
        return (self.id,) if isinstance(self.id, str) else self.id

    @property
    def event_type(self) -> type[Pass | Meal | PlateWaste]:
        """The event that a record tells of."""
        return _EVENTS[str(self.event["type"])]

    def _check_event(self) -> None:
        kind = self.event.get("type")
        if kind not in _EVENTS:
            raise Wrong("event", unknown("event type", kind, _EVENTS), "type")
        fields = {field.name: field for field in msgspec.structs.fields(self.event_type) if field.name not in _OWN}
        for name in self.event.keys() - {"type"}:
            if name not in fields:
                raise Wrong("event", unknown(f"field of a {kind}", name, fields), name)
        if missing := [name for name, field in fields.items() if field.required and name not in self.event]:
            raise Wrong("event", f"a {kind} needs {', '.join(missing)} as well")
        if not self.ids:
            raise ValueError("events need an id: the vendor's sequence number, or fields that are unique together")
        if any(name in self.event for name in HASHED) and len(self.pepper or b"") < SHORTEST_PEPPER:
            raise ValueError(
                f"who shows a card is kept as a keyed hash only: set pepper, {SHORTEST_PEPPER} bytes or more"
            )


def fits(wired: Wired) -> None:
    """ValueError for a reading that the device's kind does not have, or in a unit of another quantity."""
    mapping: Mapping = wired.section
    for name, told in mapping.readings.items():
        point = wired.kind.point(name)
        if point is None:
            names = [each.name for each in wired.kind.points]
            raise Wrong("readings", unknown(f"point of a {wired.kind.name}", name, names), name)
        try:
            conversion(as_number(told).unit or point.unit, point.quantity)
        except Reject as error:
            raise Wrong("readings", str(error), name) from error


def as_number(told: str | Number) -> Number:
    """The long form of a field that is a number."""
    return Number(path=told) if isinstance(told, str) else told
