"""Access gate: passages counted both ways; each single pass is an event."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="gate",
    short="gate",
    title=Text("出入口", "Access gate"),
    interval=60,
    points=(
        Point(name="entries", quantity="count", kind="counter", title=Text("进入人次", "Entries"), low=0, high=1e9),
        Point(name="exits", quantity="count", kind="counter", title=Text("离开人次", "Exits"), low=0, high=1e9),
    ),
)
