"""Heat or cooling meter: energy and volume registers, and the water it measures them in."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="heat_meter",
    short="heat",
    title=Text("冷热量表", "Heat meter"),
    carrier="heat",
    consumption="energy",
    demand="power",
    interval=300,
    points=(
        Point(name="energy", quantity="energy", kind="counter", title=Text("累计热量", "Heat"), low=0, high=1e9),
        Point(name="volume", quantity="volume", kind="counter", title=Text("累计流量", "Volume"), low=0, high=1e8),
        Point(name="power", quantity="power", title=Text("热功率", "Thermal power"), low=-50_000, high=50_000),
        Point(name="flow", quantity="flow", title=Text("瞬时流量", "Flow"), low=-10_000, high=10_000),
        Point(name="supply", quantity="temperature", title=Text("供水温度", "Supply temperature"), low=-20, high=180),
        Point(name="return", quantity="temperature", title=Text("回水温度", "Return temperature"), low=-20, high=180),
    ),
)
