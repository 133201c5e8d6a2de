"""EV charger: the energy it gave, its power, and whether a vehicle is connected."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="ev_charger",
    short="ev",
    title=Text("充电桩", "EV charger"),
    interval=60,
    points=(
        Point(
            name="energy", quantity="energy", kind="counter", title=Text("充电电量", "Energy given"), low=0, high=1e9
        ),
        Point(name="power", quantity="power", title=Text("充电功率", "Charging power"), low=0, high=1_000),
        Point(name="connected", quantity="ratio", title=Text("车辆已连接", "Vehicle connected"), low=0, high=1),
        Point(name="sessions", quantity="count", kind="counter", title=Text("充电次数", "Sessions"), low=0, high=1e9),
    ),
)
