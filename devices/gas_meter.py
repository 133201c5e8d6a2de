"""Gas meter: volume register, and the energy register of one that measures calorific value."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="gas_meter",
    short="gas",
    title=Text("燃气表", "Gas meter"),
    carrier="gas",
    consumption="energy",
    interval=300,
    points=(
        Point(
            name="energy",
            quantity="energy",
            kind="counter",
            title=Text("燃气热量", "Energy of the gas"),
            low=0,
            high=1e9,
        ),
        Point(
            name="volume",
            quantity="volume",
            kind="counter",
            title=Text("燃气体积", "Volume"),
            low=0,
            high=1e8,
            width=1e6,
        ),
    ),
)
