"""Weather station: what drives heating, cooling and daylight."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="weather_station",
    short="weather",
    title=Text("气象站", "Weather station"),
    interval=300,
    points=(
        Point(name="temperature", quantity="temperature", title=Text("气温", "Air temperature"), low=-60, high=60),
        Point(name="humidity", quantity="humidity", title=Text("相对湿度", "Relative humidity"), low=0, high=100),
        Point(name="irradiance", quantity="irradiance", title=Text("太阳辐照度", "Irradiance"), low=-5, high=1500),
        Point(name="wind", quantity="speed", title=Text("风速", "Wind speed"), low=0, high=75),
    ),
)
