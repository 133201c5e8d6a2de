"""Room sensor: air, presence, and what the thermostat is set to."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="room_sensor",
    short="room",
    title=Text("室内传感器", "Room sensor"),
    interval=300,
    points=(
        Point(name="temperature", quantity="temperature", title=Text("室温", "Room air"), low=-30, high=60),
        Point(name="set_point", quantity="temperature", title=Text("设定温度", "Set point"), low=5, high=40),
        Point(name="humidity", quantity="humidity", title=Text("相对湿度", "Relative humidity"), low=0, high=100),
        Point(name="co2", quantity="concentration", title=Text("二氧化碳", "CO2"), low=0, high=20_000),
        Point(name="presence", quantity="ratio", title=Text("有人", "Presence"), low=0, high=1),
    ),
)
