"""Lift: its trips and hours, what it draws, how warm and how shaky it is, and whether it stands with a fault."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="lift",
    short="lift",
    title=Text("电梯", "Lift"),
    interval=60,
    points=(
        Point(name="trips", quantity="count", kind="counter", title=Text("运行次数", "Trips"), low=0, high=1e9),
        Point(name="hours", quantity="duration", kind="counter", title=Text("运行时间", "Hours run"), low=0, high=1e6),
        Point(name="energy", quantity="energy", kind="counter", title=Text("用电量", "Energy used"), low=0, high=1e9),
        Point(name="power", quantity="power", title=Text("功率", "Power"), low=-100, high=200),
        Point(name="motor", quantity="temperature", title=Text("曳引机温度", "Motor"), low=-30, high=200),
        Point(name="vibration", quantity="speed", title=Text("振动速度", "Vibration"), low=0, high=1),
        Point(name="fault", quantity="ratio", title=Text("故障停梯", "Out of order"), low=0, high=1),
    ),
)
