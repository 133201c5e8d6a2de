"""What is built into the simulated compound, labelled so that what the platform finds can be judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

import msgspec

from schema.instant import DAY, HOUR, MINUTE, to_datetime
from schema.text import Text

Kind = Literal["left_on", "leak", "door_open", "stuck"]


class _Meaning(NamedTuple):
    unit: str
    title: Text


_MEANINGS: dict[Kind, _Meaning] = {
    "left_on": _Meaning("kW", Text("夜间设备未关", "Left on over night")),
    "leak": _Meaning("m3/h", Text("管网漏水", "Water leak")),
    "door_open": _Meaning("K", Text("冷柜门未关", "Cabinet door left open")),
    "stuck": _Meaning("", Text("电表读数冻结", "Meter stuck")),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of `device` in [begin, end): what it adds while it lasts is `size`, in the unit of its kind.

    left_on adds kW, leak m3/h, door_open warms the air by up to that many K; a stuck meter repeats its register.
    """

    kind: Kind
    device: str
    begin: int
    end: int
    size: float = 0.0

    def active(self, time: int) -> bool:
        """Whether it lasts at an instant."""
        return self.begin <= time < self.end


@dataclass(frozen=True, slots=True)
class Retrofit:
    """From `begin` on the electricity meter `device` counts less than it would have, by `share` of that."""

    device: str
    begin: int
    share: float

    def left(self, device: str, time: int) -> float:
        """The part of a meter's load that is left at an instant."""
        return 1 - self.share if device == self.device and time >= self.begin else 1.0


BASELINE_DAYS = 28
"""No model of daily use is fitted to fewer."""


def demo_reporting(origin: date, today: date) -> date:
    """The day office A's retrofit works from: three fifths into the demo's history, a whole baseline before it."""
    return origin + timedelta(days=max(BASELINE_DAYS, (today - origin).days * 3 // 5))


def demo_retrofit(begin: int) -> Retrofit:
    """Office A's new lighting and cooling: 12 % less of all the building uses."""
    return Retrofit("office-a-elec", begin, 0.12)


def added(faults: Iterable[Fault], kind: Kind, device: str, time: int) -> float:
    """What the faults of a kind add to a device at an instant."""
    return sum(fault.size for fault in faults if fault.kind == kind and fault.device == device and fault.active(time))


def demo_faults(today: int) -> tuple[Fault, ...]:
    """The demo's stories before `today` (local midnight): three are over, the water still runs."""
    return (
        Fault("left_on", "office-b-elec", today - 2 * DAY - 5 * HOUR, today - 2 * DAY + 6 * HOUR, 38.0),
        Fault("leak", "main-water", today - 3 * DAY + 2 * HOUR, today + 2 * DAY, 0.7),
        Fault("door_open", "cold-kitchen", today - 11 * HOUR, today - 10 * HOUR + 20 * MINUTE, 13.0),
        Fault("stuck", "data-room-elec", today - DAY + 9 * HOUR, today - DAY + 15 * HOUR),
    )


def label(built_in: Fault | Retrofit, zone: tzinfo) -> bytes:
    """One JSON line that says what it is, where, how large, and since when; a retrofit has no end."""
    said: dict[str, object] = {"device": built_in.device, "begin": _local(built_in.begin, zone)}
    match built_in:
        case Fault():
            unit, title = _MEANINGS[built_in.kind]
            said |= {"kind": built_in.kind, "end": _local(built_in.end, zone), "size": built_in.size, "unit": unit}
        case Retrofit():
            title = Text("节能改造", "Retrofit")
            said |= {"kind": "retrofit", "end": None, "size": built_in.share, "unit": "1"}
    return msgspec.json.encode(said | {"title": {"zh": title.zh, "en": title.en}})


def _local(time: int, zone: tzinfo) -> datetime:
    return to_datetime(time).astimezone(zone)
