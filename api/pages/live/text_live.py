"""What the live page says, in both languages."""

from schema.text import Text

POWER_NOW = Text("此刻功率", "Power now")
METERS_FRESH = Text("{fresh}/{expected} 块总表在报数", "{fresh} of {expected} main meters reporting")
POWER_MISSING = Text("没有总表在报数，最近读数已过期", "No main meter is reporting; the last readings are out of date")
NO_MAIN_METER = Text("此院区还没有总电表", "This compound has no main electricity meter yet")
SETTLED_POWER = Text("{time} 起 15 分钟的平均功率", "Mean of the 15 minutes from {time}")
PARTIAL_POWER = Text("未报数：{devices}", "Not reporting: {devices}")
AGAINST_TYPICAL = Text("比典型{day}此时", "vs. a typical {day} at this time")
NO_TYPICAL = Text("历史不足，尚无典型曲线", "Not enough history for a typical curve yet")
CURVE_TITLE = Text("24 小时负荷", "Load over 24 hours")
TODAY_LINE = Text("今日", "Today")
TYPICAL_LINE = Text("典型{day}（近 4 周中位数）", "Typical {day} (median of 4 weeks)")
CURVE_TEXT = Text(
    "今日最高 {peak} kW（{peak_time}），最低 {base} kW（{base_time}）",
    "Today's highest {peak} kW at {peak_time}, lowest {base} kW at {base_time}",
)
CURVE_EMPTY = Text("今天还没有负荷数据", "No load data yet today")

TODAY = Text("今日", "Today")
THIS_MONTH = Text("本月", "This month")
YESTERDAY = Text("昨日同时 {value}", "{value} by this time yesterday")
NO_YESTERDAY = Text("昨日无可比数据", "No figure for yesterday")
USED = Text("已用", "Used")
ALLOWED = Text("至今允许", "Allowed to date")
FORECAST = Text("月末预计", "Forecast")
LIMIT = Text("目标", "Target")
NO_TARGET = Text("未设目标", "No target set")
COVERAGE = Text("数据覆盖 {share}", "{share} covered by data")
RULER = Text(
    "已用 {used}，至今允许 {allowed}，预计 {forecast}，目标 {limit} {unit}",
    "used {used}, allowed to date {allowed}, forecast {forecast}, target {limit} {unit}",
)
TARGETS = Text("能源双控目标", "Energy targets")
TOTAL_BASIS = Text("总量", "Total")
AREA_BASIS = Text("单位面积", "Per area")
PEOPLE_BASIS = Text("人均", "Per person")

PEOPLE = Text("在院人数", "People inside")
PEOPLE_FLOW = Text("今日进 {entries} · 出 {exits}", "{entries} in · {exits} out today")
NO_GATE = Text("还没有出入口数据", "No gate has reported yet")

CANTEEN = Text("食堂", "Canteen")
MEALS_TODAY = Text("今日就餐", "Meals today")
WASTE_PER_MEAL = Text("每盘餐余", "Waste per plate")
CLEAN_PLATES = Text("光盘率", "Clean plates")
LUNCH_TOMORROW = Text("明日午餐预计", "Lunches tomorrow")
COLD_CHAIN = Text("冷链", "Cold chain")
NO_CABINET = Text("还没有冷链传感器", "No cold-chain sensor yet")
NO_MEALS = Text("今日尚无就餐", "No meal yet today")
NO_PLATES = Text("尚无称重", "no plate weighed")

SAVINGS = Text("合同节能量", "Contract savings")
PRELIMINARY = Text("初步结果", "Preliminary")
SAVED = Text("节约", "Saved")
BASELINE = Text("调整后基准", "Baseline")
MEASURED = Text("实测", "Measured")
UNCERTAINTY = Text("±{fsu}（{confidence} 置信）", "±{fsu} at {confidence} confidence")
VALUE = Text("折合", "Worth")
ESCO_SHARE = Text("服务方分享 {share}", "service company {share}")

DEVICE_HEALTH = Text("设备健康", "Device health")
ALL_HEALTHY = Text("全部设备按时报数", "Every device reports on time")
LAST_READING = Text("最近读数 {when}", "last reading {when}")
NEVER = Text("从未报数", "never reported")
MORE_DEVICES = Text("另有 {count} 台未按时报数", "and {count} more")
ALL_DEVICES = Text("全部设备", "All devices")

AS_OF = Text("截至 {when}", "as of {when}")
UPDATED = Text("实时 · {when}", "Live · {when}")
HISTORY_SHOWN = Text(
    "此院区是历史回放：各项按最后一笔数据的时刻 {when} 展示。",
    "This compound is replayed history: everything is shown as of its last reading, {when}.",
)
EMPTY_TITLE = Text("平台已就绪，等待第一笔读数", "The platform is ready and waits for its first reading")
EMPTY_HINT = Text("在另一个终端中任选其一：", "In another terminal, do one of these:")
EMPTY_SIMULATE = Text("启动一个模拟院区", "Start a simulated compound")
EMPTY_REPLAY = Text("回放一个真实电表文件", "Replay a file of real meters")
EMPTY_CONNECT = Text("或让自己的设备按 SenML 发布到 MQTT", "Or let your own devices publish SenML over MQTT")
EMPTY_WAITS = Text("收到读数后本页会自动出现内容。", "This page fills by itself as soon as readings arrive.")
