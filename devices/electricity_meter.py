"""Electricity meter: active energy register, power and the supply it sees."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="electricity_meter",
    short="elec",
    title=Text("电表", "Electricity meter"),
    carrier="electricity",
    consumption="energy",
    demand="power",
    interval=15,
    points=(
        Point(
            name="energy",
            quantity="energy",
            kind="counter",
            title=Text("正向有功电能", "Active energy imported"),
            low=0,
            high=1e9,
            width=1e6,
        ),
        Point(name="power", quantity="power", title=Text("有功功率", "Active power"), low=-20_000, high=20_000),
        Point(name="voltage", quantity="voltage", title=Text("电压", "Voltage"), low=0, high=500),
        Point(name="current", quantity="current", title=Text("电流", "Current"), low=0, high=10_000),
        Point(name="power_factor", quantity="ratio", title=Text("功率因数", "Power factor"), low=-1, high=1),
    ),
)
