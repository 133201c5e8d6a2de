"""Electricity meter, single or three phase: energy registers, power, and the quality of the supply it sees.

`voltage` and `current` are the mean of the phases, or the only one; so are the distortions. `voltage_unbalance` is
negative over positive sequence (GB/T 15543).
"""

from devices.kind import DeviceKind, Point
from schema.text import Text

_HIGHEST = 42_000
"""V: meters behind voltage transformers tell those of the supply, 35 kV at the most, and a fifth above it."""

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
        Point(name="voltage", quantity="voltage", title=Text("电压", "Voltage"), low=0, high=_HIGHEST),
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
        Point(name="voltage_a", quantity="voltage", title=Text("A相电压", "Voltage of phase A"), low=0, high=_HIGHEST),
        Point(name="voltage_b", quantity="voltage", title=Text("B相电压", "Voltage of phase B"), low=0, high=_HIGHEST),
        Point(name="voltage_c", quantity="voltage", title=Text("C相电压", "Voltage of phase C"), low=0, high=_HIGHEST),
        Point(name="current_a", quantity="current", title=Text("A相电流", "Current of phase A"), low=0, high=10_000),
        Point(name="current_b", quantity="current", title=Text("B相电流", "Current of phase B"), low=0, high=10_000),
        Point(name="current_c", quantity="current", title=Text("C相电流", "Current of phase C"), low=0, high=10_000),
        Point(
            name="apparent_power", quantity="apparent_power", title=Text("视在功率", "Apparent power"), low=0, high=2e4
        ),
        Point(name="power_a", quantity="power", title=Text("A相有功功率", "Power of phase A"), low=-7_000, high=7_000),
        Point(name="power_b", quantity="power", title=Text("B相有功功率", "Power of phase B"), low=-7_000, high=7_000),
        Point(name="power_c", quantity="power", title=Text("C相有功功率", "Power of phase C"), low=-7_000, high=7_000),
        Point(name="current_n", quantity="current", title=Text("中性线电流", "Neutral current"), low=0, high=10_000),
        Point(
            name="voltage_unbalance",
            quantity="ratio",
            title=Text("电压不平衡度", "Voltage unbalance"),
            low=0,
            high=1,
        ),
        Point(
            name="voltage_thd",
            quantity="ratio",
            title=Text("电压总谐波畸变率", "Harmonic distortion of the voltage"),
            low=0,
            high=1,
        ),
        Point(
            name="current_thd",
            quantity="ratio",
            title=Text("电流总谐波畸变率", "Harmonic distortion of the current"),
            low=0,
            high=5,
        ),
    ),
)
