"""PV inverter: what the roof yields; it books no consumption."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="pv_inverter",
    short="pv",
    title=Text("光伏逆变器", "PV inverter"),
    interval=60,
    points=(
        Point(
            name="yield", quantity="energy", kind="counter", title=Text("累计发电量", "Energy yield"), low=0, high=1e9
        ),
        Point(name="power", quantity="power", title=Text("发电功率", "Power"), low=-100, high=20_000),
        Point(name="voltage", quantity="voltage", title=Text("直流电压", "DC voltage"), low=0, high=2_000),
        Point(name="temperature", quantity="temperature", title=Text("机内温度", "Temperature"), low=-40, high=120),
    ),
)
