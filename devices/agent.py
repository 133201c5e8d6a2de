"""The edge agent itself: what waits in its outbox, and what it had to give up."""

from devices.kind import DeviceKind, Point
from schema.text import Text

KIND = DeviceKind(
    name="agent",
    short="agent",
    title=Text("边缘代理", "Edge agent"),
    interval=60,
    points=(
        Point(name="pending", quantity="count", title=Text("待确认消息", "Messages in the outbox"), low=0, high=1e12),
        Point(
            name="dropped",
            quantity="count",
            kind="counter",
            title=Text("丢弃消息", "Messages given up"),
            low=0,
            high=1e12,
        ),
    ),
)
