"""Faults built into the simulated compound, each labelled, so that what the platform finds can be judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
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


def label(fault: Fault, zone: tzinfo) -> bytes:
    """One JSON line that says when and where a fault was, and what it is."""
    unit, title = _MEANINGS[fault.kind]
    return msgspec.json.encode(
        {
            "kind": fault.kind,
            "device": fault.device,
            "begin": _local(fault.begin, zone),
            "end": _local(fault.end, zone),
            "size": fault.size,
            "unit": unit,
            "title": {"zh": title.zh, "en": title.en},
        }
    )


def _local(time: int, zone: tzinfo) -> datetime:
    return to_datetime(time).astimezone(zone)
