"""The mapping file: its sections as they stand in TOML, see docs/howto-payloads.md."""

import tomllib
from pathlib import Path as File
from typing import Annotated

import msgspec

from schema.errors import Stop

_Words = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
_Width = Annotated[float, msgspec.Meta(gt=0, lt=1e12)]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=1e9)]


class PointSection(msgspec.Struct, forbid_unknown_fields=True):
    """Where a point comes from: a `path` into JSON, or a Sparkplug `metric`; value * scale + offset is in `unit`.

    `unit` is that of the device (by default the point's own); `values` are the numbers that words stand for.
    """

    point: str
    path: str | None = None
    metric: str | None = None
    unit: str | None = None
    scale: float | str = 1.0
    offset: float = 0.0
    values: dict[str, float] = {}


class DeviceSection(msgspec.Struct, forbid_unknown_fields=True):
    """A device as a birth would introduce it; `name` is what it is called on the wire."""

    name: str
    id: str
    building: str
    kind: str
    title: tuple[_Words, _Words] | None = None
    interval: _Seconds | None = None
    parent: str | None = None
    width: _Width | None = None


class TimeSection(msgspec.Struct, forbid_unknown_fields=True):
    """Where the time stamp is and how it is written; without it the arrival counts."""

    path: str
    format: str = "iso8601"
    zone: str | None = None


class JsonSection(msgspec.Struct, forbid_unknown_fields=True):
    """What devices of one kind say on a topic pattern: JSON, or with `bare` single words and numbers.

    `device` is the name of the device, made of what the topic captures, or a path to it.
    """

    topic: str
    device: str
    kind: str
    points: list[PointSection]
    each: str | None = None
    time: TimeSection | None = None
    bare: bool = False


class SparkplugSection(msgspec.Struct, forbid_unknown_fields=True):
    """A device of a Sparkplug edge node (without `device`: the node itself); `+` stands for any.

    What is not said comes from the names: site of the group, building of the edge node, id of the device.
    """

    group: str
    edge: str
    kind: str
    device: str | None = None
    id: str | None = None
    building: str | None = None
    title: tuple[_Words, _Words] | None = None
    interval: _Seconds | None = None
    parent: str | None = None
    width: _Width | None = None
    points: list[PointSection] = []


class MappingFile(msgspec.Struct, forbid_unknown_fields=True):
    """One file; `site` is that of all its devices."""

    site: str | None = None
    devices: list[DeviceSection] = []
    json: list[JsonSection] = []
    sparkplug: list[SparkplugSection] = []


def read(file: File) -> MappingFile:
    """A file's sections; Stop with the file and the key for what has no place in one."""
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), MappingFile)
    except OSError as error:
        raise Stop(f"mapping {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Stop(f"mapping {file} is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise Stop(f"mapping {file}: {error}; see docs/howto-payloads.md") from error
