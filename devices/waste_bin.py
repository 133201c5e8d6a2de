"""Waste bin scale: kitchen waste collected, and what is in the bin now."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="waste_bin",
    short="waste",
    title=Text("厨余桶秤", "Waste bin scale"),
    interval=300,
    points=(
        Point(name="mass", quantity="mass", title=Text("当前重量", "Mass now"), low=-5, high=2_000),
        Point(name="collected", quantity="mass", kind="counter", title=Text("累计清运", "Collected"), low=0, high=1e9),
    ),
)
