"""Cold-chain sensor: the air of a cabinet and its door."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="cold_chain",
    short="cold",
    title=Text("冷链传感器", "Cold-chain sensor"),
    interval=60,
    points=(
        Point(name="temperature", quantity="temperature", title=Text("柜内温度", "Cabinet air"), low=-60, high=60),
        Point(name="door", quantity="ratio", title=Text("柜门开启", "Door open"), low=0, high=1),
    ),
)
