"""The edge agent itself: what waits in its outbox, what it had to give up, and how its box does."""

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
        Point(name="oldest", quantity="duration", title=Text("最久待确认", "Oldest message's age"), low=0, high=1e6),
        Point(name="troubled", quantity="count", title=Text("异常设备", "Devices in trouble"), low=0, high=1e6),
        Point(
            name="failures",
            quantity="count",
            kind="counter",
            title=Text("读取失败次数", "Readings that failed"),
            low=0,
            high=1e12,
        ),
        Point(name="disk_free", quantity="storage", title=Text("剩余磁盘", "Free disk"), low=0, high=1e9),
        Point(name="memory", quantity="storage", title=Text("占用内存", "Memory in use"), low=0, high=1e6),
        Point(name="cpu", quantity="ratio", title=Text("处理器占用", "Share of a core"), low=0, high=64),
        Point(
            name="clock_error", quantity="duration", title=Text("时钟误差上限", "Clock off by at most"), low=0, high=1
        ),
    ),
)
