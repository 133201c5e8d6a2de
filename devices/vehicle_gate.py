"""Vehicle gate: vehicles counted both ways; each passage is an event, without its plate."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="vehicle_gate",
    short="vehicles",
    title=Text("车辆道闸", "Vehicle gate"),
    interval=60,
    points=(
        Point(name="entries", quantity="count", kind="counter", title=Text("驶入车次", "Entries"), low=0, high=1e9),
        Point(name="exits", quantity="count", kind="counter", title=Text("驶出车次", "Exits"), low=0, high=1e9),
        Point(name="barrier", quantity="ratio", title=Text("栏杆开启", "Barrier open"), low=0, high=1),
    ),
)
