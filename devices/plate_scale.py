"""Plate scale: leftovers weighed; each plate is an event."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="plate_scale",
    short="plate",
    title=Text("餐盘秤", "Plate scale"),
    interval=60,
    points=(
        Point(
            name="plates", quantity="count", kind="counter", title=Text("回收餐盘", "Plates weighed"), low=0, high=1e9
        ),
        Point(name="waste", quantity="mass", kind="counter", title=Text("餐余总重", "Leftovers"), low=0, high=1e9),
    ),
)
