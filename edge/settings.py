"""What an agent is told: one TOML file, frozen once read; every fault is named with its place and what to do."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from access.credential import SHORTEST_PEPPER
from access.decision import Zone
from bus.topics import is_segment
from devices import kinds
from edge.drivers import Wired, bus
from schema.errors import Stop
from schema.text import Text

Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(gt=0)]


def check_id(name: str, what: str) -> None:
    """ValueError with a suggestion unless `name` can be a segment of a topic."""
    if is_segment(name):
        return
    fitting = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:64] or "main-1"
    raise ValueError(f"{what} {name!r} must be 1 to 64 of a-z 0-9 _ -, beginning with a-z 0-9; try {fitting!r}")


class Connection:
    """The driver of a device and what its section says; a plain class, so that msgspec asks `load` to make it."""

    def __init__(self, driver: str, section: msgspec.Struct) -> None:
        self.driver = driver
        self.section = section


class Device(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device of the agent; `interval` is its seconds between readings (the kind's own when not given).

    `width` is the value its consumption register rolls over at, where neither its kind nor its driver knows.

    In the file its `connection` is a section named after the driver, such as `[devices.modbus]`.
    """

    id: str
    kind: str
    building: str
    title: Text
    interval: Positive | None = None
    parent: str | None = None
    replay: bool = False
    width: Positive | None = None
    connection: Connection | None = None

    def __post_init__(self) -> None:
        check_id(self.id, "device id")
        check_id(self.building, "building id")
        if self.parent is not None:
            check_id(self.parent, "parent id")
        if self.kind not in kinds():
            raise ValueError(f"device {self.id!r} has kind {self.kind!r}; known are {', '.join(kinds())}")

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
            raise ValueError(f"device {self.device.id!r} is a {self.device.kind}; a gate's device has kind 'gate'")
        if len(self.pepper) < SHORTEST_PEPPER:
            raise ValueError(
                f"the pepper has {len(self.pepper)} bytes; copy the platform's, of {SHORTEST_PEPPER} or more"
            )
        if not self.api.startswith(("http://", "https://")):
            raise ValueError(f"api {self.api!r} must begin with http:// or https://")


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent: who it is, the broker, the outbox and its limits (bytes, days), how it sends.

    `window` bounds the messages sent but not yet acknowledged; after `patience` seconds without progress all those
    are sent again. `acknowledge = "broker"` trusts the broker's PUBACK, for platforms that acknowledge nothing else.
    """

    id: str
    site: str
    outbox: Path
    org: str = "dayuan"
    broker: str = "mqtt://127.0.0.1:1883"
    outbox_size: Count = 2_000_000_000
    outbox_days: Positive = 90.0
    acknowledge: Literal["platform", "broker"] = "platform"
    window: Count = 2000
    patience: Positive = 20.0
    devices: tuple[Device, ...] = ()
    gates: tuple[GateSettings, ...] = ()

    def __post_init__(self) -> None:
        check_id(self.id, "agent id")
        check_id(self.site, "site id")
        check_id(self.org, "org id")
        ids = [device.id for device in (*self.devices, *(gate.device for gate in self.gates))]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"device ids must be unique, given more than once: {', '.join(twice)}")

    @property
    def wired(self) -> list[Wired]:
        """The devices that a driver reads."""
        return [
            Wired(device.id, kinds()[device.kind], device.seconds, device.connection.driver, device.connection.section)
            for device in self.devices
            if device.connection
        ]


def load(path: Path) -> AgentSettings:
    """The settings in a TOML file, its relative paths from its own folder; Stop with the place of the first fault."""

    def made(kind: type, value: object) -> object:
        if kind is Path and isinstance(value, str):
            return path.parent / value
        if kind is Connection:
            return _connection(value, made)
        raise TypeError(f"a path in quotes is wanted, not {value!r}")

    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(_gathered(told), AgentSettings, dec_hook=made)
    except OSError as error:
        raise Stop(f"agent configuration {path}: {error.strerror}; write one, or name another") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Stop(f"{path} is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise Stop(f"{path}: {error}") from error


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


def _connection(told: object, made: Callable[[type, object], object]) -> Connection:
    """The one section of a device, as its driver reads it; ValueError for what is none."""
    if not isinstance(told, dict) or len(told) != 1:
        raise ValueError("a device has one section, named after its driver, such as [devices.modbus]")
    [(name, section)] = told.items()
    try:
        return Connection(name, msgspec.convert(section, bus(name).Section, dec_hook=made))
    except Stop as error:
        raise ValueError(str(error)) from error
    except msgspec.ValidationError as error:
        raise ValueError(f"[devices.{name}]: {error}") from error
