"""What to do about a dead letter where several reasons ask for the same, in both languages."""

from schema.text import Text

DEVICE = Text(
    "核对设备或网关发布的内容与其配置；改正后的新消息会被接受，旧消息改不了，可丢弃。",
    "Check what the device or gateway publishes against its settings; new messages will be accepted, an old one cannot "
    "be mended and may be discarded.",
)
BIRTH = Text(
    "等设备报到（代理启动时自动发送），平台随即自动接收；久等不到，检查代理或网关是否在运行。",
    "Wait for the device's birth, which its agent sends when it starts: the letter is then taken in by itself. If none "
    "comes, see whether the agent or gateway runs.",
)
CLOCK = Text(
    "校准设备或代理的时钟（NTP）；确属历史数据的，以历史回放方式接入后重新接收。",
    "Set the clock of the device or agent (NTP); if it is history, announce the device as a replay, then take it in "
    "again.",
)
MAPPING = Text(
    "在映射文件中声明后（docs/howto-payloads.md）重新接收。",
    "Declare it in the mapping file (docs/howto-payloads.md), then take it in again.",
)
UNIT = Text(
    "在设备或采集配置中改用该测点的单位，或换算后发布。",
    "Publish the unit of that point, or convert before publishing.",
)
TOPIC = Text(
    "主题格式为 机构/院区/楼宇/类型/设备/通道；核对设备登记的楼宇与类型，改正后重新接收。",
    "A topic is org/site/building/kind/device/channel; check the building and kind the device is registered with, "
    "then take it in again.",
)
STORE = Text(
    "查看存储的日志与剩余空间；恢复后重新接收。",
    "Read the store's log and its free space; once it is well, take the letter in again.",
)
