"""Water meter: volume register and flow."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="water_meter",
    short="water",
    title=Text("水表", "Water meter"),
    carrier="water",
    consumption="volume",
    demand="flow",
    interval=60,
    points=(
        Point(
            name="volume",
            quantity="volume",
            kind="counter",
            title=Text("累计用水量", "Volume"),
            low=0,
            high=1e8,
            width=1e6,
        ),
        Point(name="flow", quantity="flow", title=Text("瞬时流量", "Flow"), low=-1000, high=10_000),
    ),
)
