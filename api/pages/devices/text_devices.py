"""What pages of devices say, in both languages."""

from schema.text import Text

SEARCH = Text("搜索名称、编号或楼宇", "Search by name, id or building")
ALL_KINDS = Text("全部类型", "All kinds")
ALL_STATES = Text("全部状态", "All states")
KIND = Text("类型", "Kind")
BUILDING = Text("楼宇", "Building")
NAME = Text("名称", "Name")
LATEST = Text("最近读数", "Latest")
FOUND = Text("{shown} / {total} 台", "{shown} of {total}")
NOTHING_FOUND = Text("没有符合条件的设备", "No device matches")
NO_DEVICES = Text("还没有设备报到", "No device has reported yet")
POINTS = Text("测点", "Points")
TREND = Text("历史曲线", "Trend")
RANGE = Text("时间范围", "Time range")
RANGE_DAY = Text("24 小时", "24 h")
RANGE_WEEK = Text("7 天", "7 d")
RANGE_MONTH = Text("30 天", "30 d")
RANGE_ALL = Text("全部", "All")
BY_HOUR = Text("按小时", "By hour")
BY_DAY = Text("按日", "By day")
BY_MONTH = Text("按月", "By month")
PERIOD = Text("结算周期", "Period")
SERIES_TEXT = Text(
    "{from_} 至 {to}：最低 {low}，平均 {mean}，最高 {high} {unit}",
    "{from_} to {to}: lowest {low}, mean {mean}, highest {high} {unit}",
)
RANGE_BAND = Text("最低到最高", "Lowest to highest")
SUBMETER_OF = Text("{parent} 的分表", "sub-meter of {parent}")
EVERY = Text("每 {seconds} 秒", "every {seconds} s")
BACK_DEVICES = Text("返回设备列表", "Back to devices")
NO_SUCH_DEVICE = Text("没有这台设备", "There is no such device")
