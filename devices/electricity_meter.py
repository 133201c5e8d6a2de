"""Electricity meter, single or three phase: energy registers, power and the supply it sees.

`voltage` and `current` are the mean of the phases, or the only one.
"""

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
        Point(name="frequency", quantity="frequency", title=Text("频率", "Frequency"), low=0, high=70),
        Point(
            name="reactive_power",
            quantity="reactive_power",
            title=Text("无功功率", "Reactive power"),
            low=-2e4,
            high=2e4,
        ),
        Point(
            name="reactive_energy",
            quantity="reactive_energy",
            kind="counter",
            title=Text("正向无功电能", "Reactive energy imported"),
            low=0,
            high=1e9,
            width=1e6,
        ),
        Point(
            name="energy_export",
            quantity="energy",
            kind="counter",
            title=Text("反向有功电能", "Active energy exported"),
            low=0,
            high=1e9,
            width=1e6,
        ),
        Point(name="voltage_a", quantity="voltage", title=Text("A相电压", "Voltage of phase A"), low=0, high=500),
        Point(name="voltage_b", quantity="voltage", title=Text("B相电压", "Voltage of phase B"), low=0, high=500),
        Point(name="voltage_c", quantity="voltage", title=Text("C相电压", "Voltage of phase C"), low=0, high=500),
        Point(name="current_a", quantity="current", title=Text("A相电流", "Current of phase A"), low=0, high=10_000),
        Point(name="current_b", quantity="current", title=Text("B相电流", "Current of phase B"), low=0, high=10_000),
        Point(name="current_c", quantity="current", title=Text("C相电流", "Current of phase C"), low=0, high=10_000),
    ),
)
