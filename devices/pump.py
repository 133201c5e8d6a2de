"""Pump: whether it runs, how hard, and for how many hours it has."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="pump",
    short="pump",
    title=Text("水泵", "Pump"),
    interval=60,
    points=(
        Point(name="running", quantity="ratio", title=Text("运行", "Running"), low=0, high=1),
        Point(name="frequency", quantity="frequency", title=Text("变频频率", "Drive frequency"), low=0, high=120),
        Point(name="power", quantity="power", title=Text("功率", "Power"), low=0, high=5_000),
        Point(name="pressure", quantity="pressure", title=Text("出口压力", "Outlet pressure"), low=-100, high=10_000),
        Point(name="hours", quantity="duration", kind="counter", title=Text("运行时间", "Hours run"), low=0, high=1e6),
        Point(name="starts", quantity="count", kind="counter", title=Text("启动次数", "Starts"), low=0, high=1e9),
    ),
)
