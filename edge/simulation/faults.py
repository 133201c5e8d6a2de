"""What can be wrong in the simulated compound, labelled so that what the platform finds can be judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal, NamedTuple

import msgspec

from devices import kinds
from edge.simulation.devices import above, catalogue
from schema.instant import DAY, HOUR, MINUTE, to_datetime
from schema.text import Text

Kind = Literal[
    "left_on",
    "leak",
    "door_open",
    "set_point",
    "tailgating",
    "imbalance",
    "stuck",
    "spike",
    "level_shift",
    "drift",
    "wrong_ct",
    "meter_swap",
    "rollover",
    "clock_skew",
    "silent",
    "noise",
]
QUARTER = 15 * MINUTE
METERS = frozenset({"electricity_meter", "water_meter", "gas_meter", "heat_meter"})
SENSORS = frozenset({"weather_station", "cold_chain", "room_sensor"})


class Meaning(NamedTuple):
    """A kind of fault: whether it is true or only metered, on which kinds of device, and what is usual.

    Sizes are within `sizes`. `sensor` is the usual size on a sensor, where it is in the unit of the point; `unit` is
    that of all others, None where it is always the point's. `point` shows it first; the device's first, or the one it
    books, where not given.
    """

    title: Text
    nature: Literal["physical", "metering"]
    on: frozenset[str]
    size: float
    sizes: tuple[float, float]
    lasts: int
    unit: str | None = ""
    sensor: float = 0.0
    point: str = ""


_SENSOR = 50.0
_ANY = frozenset(kinds())
_ELECTRICITY = frozenset({"electricity_meter"})

MEANINGS: dict[Kind, Meaning] = {
    "left_on": Meaning(
        Text("夜间设备未关", "Left on over night"),
        "physical",
        _ELECTRICITY,
        30,
        (0, 1000),
        11 * HOUR,
        "kW",
        point="power",
    ),
    "leak": Meaning(
        Text("管网漏水", "Water leak"),
        "physical",
        frozenset({"water_meter"}),
        0.7,
        (0, 100),
        3 * DAY,
        "m3/h",
        point="flow",
    ),
    "door_open": Meaning(
        Text("冷柜门未关", "Cabinet door left open"),
        "physical",
        frozenset({"cold_chain"}),
        13,
        (0, 50),
        80 * MINUTE,
        "K",
    ),
    "set_point": Meaning(
        Text("未按规定温度设定", "Set point ignored"),
        "physical",
        frozenset({"room_sensor"}),
        4,
        (0, 10),
        7 * DAY,
        "K",
        point="set_point",
    ),
    "tailgating": Meaning(Text("尾随进入", "Tailgating"), "physical", frozenset({"gate"}), 0.15, (0, 1), 5 * DAY, "/"),
    "imbalance": Meaning(
        Text("三相不平衡", "Phase imbalance"), "physical", _ELECTRICITY, 0.35, (0, 1), 7 * DAY, "/", point="current_a"
    ),
    "stuck": Meaning(Text("表计读数冻结", "Meter stuck"), "metering", METERS | SENSORS, 0, (0, 0), 6 * HOUR),
    "spike": Meaning(Text("读数跳变", "Spike"), "metering", METERS | SENSORS, 400, (-1e5, 1e5), MINUTE, None, 25),
    "level_shift": Meaning(
        Text("读数整体偏移", "Level shift"), "metering", METERS | SENSORS, 0.25, (-1, 10), 14 * DAY, "/", 3
    ),
    "drift": Meaning(Text("计量缓慢漂移", "Slow drift"), "metering", METERS | SENSORS, 0.3, (-1, 10), 30 * DAY, "/", 4),
    "wrong_ct": Meaning(
        Text("互感器变比错误", "Wrong CT ratio"), "metering", _ELECTRICITY, 0.25, (0, 1000), 30 * DAY, "/"
    ),
    "meter_swap": Meaning(Text("换表未登记", "Meter swapped, unsaid"), "metering", METERS, 12, (0, 1e5), QUARTER, None),
    "rollover": Meaning(
        Text("表底翻转", "Register rolls over"),
        "metering",
        _ELECTRICITY | {"water_meter"},
        1e6,
        (1e6, 1e6),
        QUARTER,
        None,
    ),
    "clock_skew": Meaning(Text("设备时钟偏差", "Clock ahead"), "metering", _ANY, 1800, (-1e7, 1e7), 3 * DAY, "s"),
    "silent": Meaning(Text("设备失联", "Device silent"), "metering", _ANY, 0, (0, 0), 8 * HOUR),
    "noise": Meaning(
        Text("读数噪声过大", "Noisy gauge"), "metering", METERS | SENSORS, 0.25, (0, 10), 2 * DAY, "/", 1.5
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of `device` in [begin, end); its `size` is in the unit of its kind."""

    kind: Kind
    device: str
    begin: int
    end: int
    size: float = 0.0

    def active(self, time: int) -> bool:
        """Whether it lasts at an instant."""
        return self.begin <= time < self.end

    @property
    def meaning(self) -> Meaning:
        """What its kind means."""
        return MEANINGS[self.kind]

    def gain(self, time: int) -> float:
        """What a meter's flow is multiplied with before it is counted."""
        if not self.active(time) or not on_meter(self.device):
            return 1.0
        match self.kind:
            case "wrong_ct":
                return self.size
            case "level_shift" | "drift":
                return 1 + self.shift(time)
            case _:
                return 1.0

    def shift(self, time: int) -> float:
        """How far a level shift or a drift has come."""
        return self.size if self.kind == "level_shift" else self.size * (time - self.begin) / (self.end - self.begin)


@dataclass(frozen=True, slots=True)
class Retrofit:
    """From `begin` on the electricity meter `device` counts less than it would have, by `share` of that."""

    device: str
    begin: int
    share: float

    def left(self, device: str, time: int) -> float:
        """The part of a meter's load that is left at an instant."""
        return 1 - self.share if device == self.device and time >= self.begin else 1.0


def added(faults: Iterable[Fault], kind: Kind, device: str, time: int) -> float:
    """What the faults of a kind add to a device at an instant."""
    total = 0.0
    for fault in faults:
        if fault.kind == kind and fault.device == device and fault.active(time):
            total += fault.size
    return total


def on_meter(device: str) -> bool:
    """Whether a device counts what flows through it."""
    return catalogue()[device].kind in METERS


def fitting(kind: Kind) -> tuple[str, ...]:
    """The devices that can have a kind of fault."""
    names = [device.id for device in catalogue().values() if device.kind in MEANINGS[kind].on]
    match kind:
        case "left_on":
            return tuple(name for name in names if name != "main-elec")
        case "imbalance":
            return ("main-elec",)
        case "noise":
            return tuple(name for name in names if name != "kitchen-gas")  # which shows what it counts alone
        case _:
            return tuple(names)


def first_point(device: str) -> str:
    """The point of a device that matters most: what it books, else its first."""
    kind = kinds()[catalogue()[device].kind]
    return kind.consumption or kind.points[0].name


def shown_first(fault: Fault) -> str:
    """The point that shows a fault first; noise is in what a meter measures, not in what it counts."""
    demand = kinds()[catalogue()[fault.device].kind].demand
    if fault.kind == "noise" and demand:
        return demand
    return fault.meaning.point or first_point(fault.device)


def usual_size(kind: Kind, device: str) -> float:
    """How large a fault is when nothing is said."""
    meaning = MEANINGS[kind]
    return meaning.size if not meaning.sensor or on_meter(device) else meaning.sensor


def sizes_of(kind: Kind, device: str) -> tuple[float, float]:
    """From which to which size a fault can be; a sensor is wrong by so many units of its point."""
    meaning = MEANINGS[kind]
    return meaning.sizes if not meaning.sensor or on_meter(device) else (-_SENSOR, _SENSOR)


def unit_of(kind: Kind, device: str) -> str:
    """The unit of a fault's size."""
    meaning = MEANINGS[kind]
    if meaning.unit is not None and (not meaning.sensor or on_meter(device)):
        return meaning.unit
    point = kinds()[catalogue()[device].kind].point(first_point(device))
    return point.unit if point else ""


def seen_at(fault: Fault) -> tuple[str, ...]:
    """The further devices that see a fault: the meters above, if it is true."""
    if fault.meaning.nature == "metering":
        return ()
    if fault.kind == "set_point":
        house = catalogue()[fault.device].building
        return (f"{house}-elec", "main-elec", f"{house}-heat", "main-heat")
    return above(fault.device)


def label(built_in: Fault | Retrofit, zone: tzinfo) -> bytes:
    """One JSON line that says what it is, where, how large, and since when; a retrofit has no end.

    What lasts less than a quarter hour is labelled for that long: it shows in the interval it lies in.
    """
    match built_in:
        case Fault():
            said = {
                "fault": built_in.kind,
                "device": built_in.device,
                "point": shown_first(built_in),
                "begin": _local(built_in.begin, zone),
                "end": _local(max(built_in.end, built_in.begin + QUARTER), zone),
                "size": built_in.size,
                "unit": unit_of(built_in.kind, built_in.device),
                "nature": built_in.meaning.nature,
                "seen_at": seen_at(built_in),
                "title": built_in.meaning.title._asdict(),
            }
        case Retrofit():
            said = {
                "fault": "retrofit",
                "device": built_in.device,
                "point": first_point(built_in.device),
                "begin": _local(built_in.begin, zone),
                "end": None,
                "size": built_in.share,
                "unit": "/",
                "nature": "physical",
                "seen_at": above(built_in.device),
                "title": Text("节能改造", "Retrofit")._asdict(),
            }
    return msgspec.json.encode(said)


def _local(time: int, zone: tzinfo) -> datetime:
    return to_datetime(time).astimezone(zone)
