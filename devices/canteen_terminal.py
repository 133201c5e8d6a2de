"""Canteen terminal: meals served, counted; each meal is an event."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="canteen_terminal",
    short="meals",
    title=Text("就餐终端", "Canteen terminal"),
    interval=60,
    points=(
        Point(name="meals", quantity="count", kind="counter", title=Text("就餐人次", "Meals served"), low=0, high=1e9),
    ),
)
