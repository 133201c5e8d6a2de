"""What a configuration says about a DL/T 645 meter, and the points such meters have."""

import re
from typing import Annotated

import msgspec

from devices.kind import DeviceKind
from edge.drivers import dlt645_frame as wire
from edge.drivers.byte_line import place
from edge.tomlfile import Wrong, about
from schema.errors import Reject, Stop
from schema.quantity import UNITS

POINTS = {
    "energy": "00010000",
    "energy_export": "00020000",
    "reactive_energy": "00030000",
    "power": "02030000",
    "reactive_power": "02040000",
    "power_factor": "02060000",
    "frequency": "02800002",
    "voltage": "02010100",
    "voltage_a": "02010100",
    "voltage_b": "02010200",
    "voltage_c": "02010300",
    "current": "02020100",
    "current_a": "02020100",
    "current_b": "02020200",
    "current_c": "02020300",
}
"""Points of the device kinds and their data identifiers."""

USUAL = ("energy", "power", "voltage", "current", "power_factor")
"""What is read unless told otherwise; each is a frame, about a third of a second at 2400 baud."""

Positive = Annotated[float, msgspec.Meta(gt=0)]


class MeterSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter: its line, its address of up to 12 digits, and the ratios of its transformers.

    The meter shows secondary values; each is multiplied by `ct`, `pt` or both here and nowhere else. Leave both at 1
    for a meter that is connected directly, or that has been told its ratios and shows primary values.
    """

    url: str
    address: str
    ct: Positive = 1.0
    pt: Positive = 1.0
    points: tuple[str, ...] | dict[str, str] = USUAL
    timeout: Positive = 1.0

    def __post_init__(self) -> None:
        if not self.url.startswith("dlt645+"):
            raise Wrong("url", f"url {self.url!r} must begin with dlt645+tcp: or dlt645+serial:")
        with about("url"):
            place(self.url)
        if not self.address.isdecimal() or len(self.address) > 12:
            raise Wrong("address", f"address {self.address!r} must be the up to 12 digits on the meter's face")
        with about("points"):
            for point, di in self.wanted().items():
                _item(point, di)

    def wanted(self) -> dict[str, str]:
        """The data identifier of each point; ValueError for a point whose identifier is neither known nor told."""
        if isinstance(self.points, dict):
            return self.points
        if unknown := [point for point in self.points if point not in POINTS]:
            known = ", ".join(POINTS)
            raise ValueError(f"point {unknown[0]!r} needs its data identifier in a table; without are {known}")
        return {point: POINTS[point] for point in self.points}


def _item(point: str, di: str) -> wire.Item:
    if not re.fullmatch("[0-9A-Fa-f]{8}", di):
        raise ValueError(f"point {point!r}: data identifier {di!r} must be 8 hex digits, like 00010000")
    try:
        return wire.item(int(di, 16))
    except Reject as error:
        raise ValueError(f"point {point!r}: {error.detail}") from None


def fits(device: str, kind: DeviceKind, point: str, di: str) -> None:
    """Stop unless a kind has the point, in the quantity of the data identifier."""
    about, unit = kind.point(point), _item(point, di).unit
    if about is None:
        known = ", ".join(each.name for each in kind.points)
        raise Stop(f"device {device!r}: a {kind.name} has no point {point!r}; its points are {known}")
    if unit not in UNITS or UNITS[unit].quantity != about.quantity:
        raise Stop(f"device {device!r}: {di} is in {unit}, but {point!r} measures {about.quantity}")
