"""What an agent is told: one TOML file, frozen once read; every fault is named with its line and what to do."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from access.credential import SHORTEST_PEPPER
from access.decision import Zone
from bus.link import Link
from bus.topics import is_segment
from devices import kinds
from edge import tomlfile
from edge.drivers import Wired, bus
from edge.source import Source, Stamp
from edge.suggestion import unknown
from edge.tomlfile import Place, Reader, Wrong, about
from schema.errors import Reject, Stop
from schema.text import Text

Positive = Annotated[float, msgspec.Meta(gt=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.01, le=1e6)]
Count = Annotated[int, msgspec.Meta(gt=0)]


def check_id(name: str, what: str) -> None:
    """ValueError with a suggestion unless `name` can be a segment of a topic."""
    if is_segment(name):
        return
    fitting = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:64] or "main-1"
    raise ValueError(f"{what} {name!r} must be 1 to 64 of a-z 0-9 _ -, beginning with a-z 0-9; try {fitting!r}")


class Connection:
    """The driver of a device and what its section says; a plain class, so that `load` is asked to make it."""

    def __init__(self, driver: str, section: msgspec.Struct) -> None:
        self.driver = driver
        self.section = section

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and (self.driver, self.section) == (other.driver, other.section)

    def __hash__(self) -> int:
        return hash(self.driver)


class Device(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device of the agent; `interval` is its seconds between readings (the kind's own when not given).

    `width` is the value its consumption register rolls over at, where neither its kind nor its driver knows.

    In the file its `connection` is a section named after the driver, such as `[devices.modbus]`.
    """

    id: str
    kind: str
    building: str
    title: Text
    interval: Seconds | None = None
    parent: str | None = None
    replay: bool = False
    width: Positive | None = None
    connection: Connection | None = None

    def __post_init__(self) -> None:
        with about("id"):
            check_id(self.id, "device id")
        with about("building"):
            check_id(self.building, "building id")
        if self.parent is not None:
            with about("parent"):
                check_id(self.parent, "parent id")
        if self.kind not in kinds():
            raise Wrong("kind", unknown("device kind", self.kind, kinds()))

    @property
    def seconds(self) -> float:
        """The seconds between readings."""
        return self.interval or kinds()[self.kind].interval


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gate: where to ask for a decision, and what it needs to decide by itself.

    `budget` is the seconds a person waits for the platform; `sync` the seconds between fetches of the permit list.
    """

    device: Device
    zone: Zone
    api: str
    token: str
    pepper: bytes
    path: Path
    budget: Positive = 0.3
    sync: Positive = 60.0

    def __post_init__(self) -> None:
        if self.device.kind != "gate":
            raise Wrong("device", f"{self.device.id!r} is a {self.device.kind}; a gate's device has kind 'gate'")
        if len(self.pepper) < SHORTEST_PEPPER:
            raise Wrong(
                "pepper", f"the pepper has {len(self.pepper)} bytes; copy the platform's, of {SHORTEST_PEPPER} or more"
            )
        if not self.api.startswith(("http://", "https://")):
            raise Wrong("api", f"{self.api!r} must begin with http:// or https://")


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent: who it is, the broker, the outbox and its limits (bytes, days), how it sends.

    `window` bounds the messages sent but not yet acknowledged; after `patience` seconds without progress all those
    are sent again. With `remote_configuration` whoever may publish to its `cmd` topic may send it another file.
    `acknowledge = "broker"` trusts the broker's PUBACK, for platforms that acknowledge nothing else. `encoding` is that
    of SenML packs: CBOR is shorter by a quarter.
    """

    id: str
    site: str
    outbox: Path
    org: str = "dayuan"
    broker: str = "mqtt://127.0.0.1:1883"
    outbox_size: Count = 2_000_000_000
    outbox_days: Positive = 90.0
    acknowledge: Literal["platform", "broker"] = "platform"
    encoding: Literal["json", "cbor"] = "json"
    remote_configuration: bool = False
    window: Count = 2000
    patience: Positive = 20.0
    devices: tuple[Device, ...] = ()
    gates: tuple[GateSettings, ...] = ()

    def __post_init__(self) -> None:
        for key in ("id", "site", "org"):
            with about(key):
                check_id(getattr(self, key), f"{'agent' if key == 'id' else key} id")
        with about("broker"):
            Link(url=self.broker, client_id=self.id).address()
        ids = [device.id for device in (*self.devices, *(gate.device for gate in self.gates))]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise Wrong("devices", f"device ids must be unique, given more than once: {', '.join(twice)}")
        if self.id in ids:
            raise Wrong("id", f"a device is named {self.id!r} as well; the agent has readings of its own, rename one")

    @property
    def wired(self) -> list[Wired]:
        """The devices that a driver reads."""
        return [
            Wired(device.id, kinds()[device.kind], device.seconds, device.connection.driver, device.connection.section)
            for device in self.devices
            if device.connection
        ]


def load(path: Path, text: str | None = None, looked: dict[Path, Stamp] | None = None) -> AgentSettings:
    """The settings in a TOML file, or in a `text` meant for it, with relative paths from its folder.

    Stop with every fault that can be told, each with its line. What other files they are made of is added to `looked`.
    """

    def made(kind: Any, value: Any, place: Place, reader: Reader) -> Any:
        if kind is Path and isinstance(value, str):
            return path.parent / value
        if kind is Source and isinstance(value, str):
            return reader.source(value)
        if kind is Connection:
            return _connection(value, place[:-1], reader)
        raise ValueError("a path in quotes is wanted")

    reader = Reader(path, tomlfile.text(path) if text is None else text, made)
    settings = reader.struct(AgentSettings, _gathered(reader.told), ())
    if looked is not None:
        looked |= reader.looked
    if settings is not None:
        _check_together(settings, reader)
    reader.finish()
    assert settings is not None  # noqa: S101 - what has no fault is a struct
    return settings


def _gathered(told: dict[str, Any]) -> dict[str, Any]:
    """The file with the sections of each device's drivers gathered where Device expects them."""
    devices = told.get("devices")
    if not isinstance(devices, list):
        return told
    return told | {"devices": [_gathered_device(device) for device in devices]}


def _gathered_device(told: Any) -> Any:
    if not isinstance(told, dict):
        return told
    sections = {name: value for name, value in told.items() if isinstance(value, dict)}
    rest = {name: value for name, value in told.items() if name not in sections}
    return rest | ({"connection": sections} if sections else {})


def _connection(told: dict[str, Any], place: Place, reader: Reader) -> Connection | None:
    """The one section of a device, as its driver reads it."""
    first, *others = told
    for name in others:
        reader.add((*place, name), "a device has one section, named after its driver, such as [devices.modbus]")
    try:
        wanted = bus(first).Section
    except Stop as error:
        reader.add((*place, first), str(error))
        return None
    section = reader.struct(wanted, told[first], (*place, first))
    return None if section is None else Connection(first, section)


def _check_together(settings: AgentSettings, reader: Reader) -> None:
    """What a driver says about its devices beside one another."""
    wired = {each.device: each for each in settings.wired}
    for at, device in enumerate(settings.devices):
        if each := wired.get(device.id):
            try:
                bus(each.bus).check(each, [other for other in wired.values() if other.bus == each.bus])
            except (ValueError, Reject, Stop) as error:
                below = error.place if isinstance(error, Wrong) else ()
                reader.add(("devices", at, each.bus, *below), str(error))
