"""Kitchen gas alarm: it closes the valve by itself; the platform records, and calls people."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="gas_alarm",
    short="lel",
    title=Text("燃气报警器", "Gas alarm"),
    interval=60,
    points=(
        Point(name="level", quantity="ratio", title=Text("爆炸下限占比", "Share of the LEL"), low=0, high=1),
        Point(name="alarm", quantity="ratio", title=Text("报警", "Alarm"), low=0, high=1),
        Point(name="valve", quantity="ratio", title=Text("阀门开度", "Valve open"), low=0, high=1),
    ),
)
