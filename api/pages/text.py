"""What the pages say, in both languages; a place-holder in braces is in both."""

from schema.text import Text

PRODUCT = Text("大院", "Dayuan")
TAGLINE = Text("院区运行平台", "Compound operations")
SKIP = Text("跳到正文", "Skip to content")
NAVIGATION = Text("主导航", "Main navigation")

LIVE = Text("实况", "Live")
DEVICES = Text("设备", "Devices")
ALARMS = Text("告警", "Alarms")
DEAD_LETTERS = Text("死信", "Dead letters")
OTHER_LANGUAGE = Text("EN", "中文")
SWITCH_LANGUAGE = Text("Switch to English", "切换到中文")
THEME_AUTO = Text("外观：跟随系统", "Appearance: as the system")
THEME_LIGHT = Text("外观：浅色", "Appearance: light")
THEME_DARK = Text("外观：深色", "Appearance: dark")
CHOOSE_SITE = Text("选择院区", "Choose a compound")
SIGN_OUT = Text("退出登录", "Sign out")
VIEWER = Text("查看者", "Viewer")
OPERATOR = Text("值班员", "Operator")
ADMIN = Text("管理员", "Administrator")

SIGN_IN = Text("登录", "Sign in")
SIGN_IN_HINT = Text(
    "首次登录请使用启动时终端打印的一次性密码。", "First time? Use the one-time password printed at start-up."
)
USER = Text("用户名", "User name")
PASSWORD = Text("密码", "Password")
NEW_PASSWORD = Text("新密码", "New password")
REPEAT_PASSWORD = Text("再次输入新密码", "New password again")
CHANGE_PASSWORD = Text("设置新密码", "Choose a new password")
CHANGE_HINT = Text(
    "一次性密码只能用一次。请设置至少 {minimum} 位的新密码。",
    "The one-time password works once. Choose a new one of at least {minimum} characters.",
)
SAVE = Text("保存并进入", "Save and continue")
WRONG_PASSWORD = Text("用户名或密码不正确。", "User name or password is wrong.")
TOO_MANY_TRIES = Text("尝试次数过多，请稍后再试。", "Too many tries; wait a moment and try again.")
PASSWORDS_DIFFER = Text("两次输入的新密码不一致。", "The two new passwords differ.")
PASSWORD_REFUSED = Text(
    "新密码未被接受：至少 {minimum} 位，且不能与一次性密码相同。",
    "The new password was refused: at least {minimum} characters, and not the one-time password.",
)
PROMISE = Text("用电、用水、用气、人员与食堂，", "Energy, water, people and the canteen,")
PROMISE_2 = Text("一屏看清，笔笔有据。", "on one page, every figure traceable.")

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
ON_TRACK = Text("达标", "On track")
AT_RISK = Text("有超标风险", "At risk")
EXCEEDED = Text("已超标", "Exceeded")
UNKNOWN = Text("数据不足", "Not enough data")
NO_TARGET = Text("未设目标", "No target set")
ESTIMATED = Text("其中估算 {share}", "{share} estimated")
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
COLD_OK = Text("正常", "OK")
COLD_WARM = Text("过热", "Too warm")
COLD_COLD = Text("过冷", "Too cold")
COLD_SILENT = Text("无读数", "Silent")
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

OPEN_ALARMS = Text("未关闭的告警", "Open alarms")
NO_ALARMS = Text("没有未关闭的告警", "No open alarms")
NO_ALARMS_HINT = Text("一切在预期之内。", "Everything is as expected.")
ALL_ALARMS = Text("全部告警", "All alarms")
ACKNOWLEDGE = Text("确认", "Acknowledge")
SINCE_WHEN = Text("{when}起", "since {when}")
DEVICE_HEALTH = Text("设备健康", "Device health")
ONLINE = Text("在线", "Online")
TROUBLED = Text("异常", "Troubled")
LATE = Text("迟报", "Late")
OFFLINE = Text("离线", "Offline")
REPLAYED = Text("历史回放", "Replayed")
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
STORE_AWAY = Text("数据暂时无法读取，正在重试……", "The data cannot be read right now; trying again…")

EMPTY_TITLE = Text("平台已就绪，等待第一笔读数", "The platform is ready and waits for its first reading")
EMPTY_HINT = Text("在另一个终端中任选其一：", "In another terminal, do one of these:")
EMPTY_SIMULATE = Text("启动一个模拟院区", "Start a simulated compound")
EMPTY_REPLAY = Text("回放一个真实电表文件", "Replay a file of real meters")
EMPTY_CONNECT = Text("或让自己的设备按 SenML 发布到 MQTT", "Or let your own devices publish SenML over MQTT")
EMPTY_WAITS = Text("收到读数后本页会自动出现内容。", "This page fills by itself as soon as readings arrive.")

SEARCH = Text("搜索名称、编号或楼宇", "Search by name, id or building")
ALL_KINDS = Text("全部类型", "All kinds")
ALL_STATES = Text("全部状态", "All states")
KIND = Text("类型", "Kind")
BUILDING = Text("楼宇", "Building")
STATE = Text("状态", "State")
NAME = Text("名称", "Name")
LATEST = Text("最近读数", "Latest")
FOUND = Text("{shown} / {total} 台", "{shown} of {total}")
NOTHING_FOUND = Text("没有符合条件的设备", "No device matches")
NO_DEVICES = Text("还没有设备报到", "No device has reported yet")
POINTS = Text("测点", "Points")
TREND = Text("历史曲线", "Trend")
CONSUMPTION = Text("用量", "Consumption")
RANGE = Text("时间范围", "Time range")
RANGE_DAY = Text("24 小时", "24 h")
RANGE_WEEK = Text("7 天", "7 d")
RANGE_MONTH = Text("30 天", "30 d")
RANGE_ALL = Text("全部", "All")
BY_HOUR = Text("按小时", "By hour")
BY_DAY = Text("按日", "By day")
BY_MONTH = Text("按月", "By month")
PERIOD = Text("结算周期", "Period")
NO_READINGS = Text("此时段没有读数", "No readings in this range")
NO_CONSUMPTION = Text("此时段没有结算用量", "Nothing settled in this range")
SERIES_TEXT = Text(
    "{from_} 至 {to}：最低 {low}，平均 {mean}，最高 {high} {unit}",
    "{from_} to {to}: lowest {low}, mean {mean}, highest {high} {unit}",
)
BARS_TEXT = Text("{count} 个周期，合计 {total} {unit}", "{count} periods, {total} {unit} in total")
RANGE_BAND = Text("最低到最高", "Lowest to highest")
SUBMETER_OF = Text("{parent} 的分表", "sub-meter of {parent}")
EVERY = Text("每 {seconds} 秒", "every {seconds} s")
BACK_DEVICES = Text("返回设备列表", "Back to devices")
NO_SUCH_DEVICE = Text("没有这台设备", "There is no such device")

STATE_OPEN = Text("未关闭", "Open")
STATE_UNACKNOWLEDGED = Text("待确认", "Unacknowledged")
STATE_ACKNOWLEDGED = Text("已确认", "Acknowledged")
STATE_SHELVED = Text("已搁置", "Shelved")
STATE_RETURNED = Text("已恢复，待确认", "Returned, unacknowledged")
STATE_CLOSED = Text("已关闭", "Closed")
STATE_SUPPRESSED = Text("随根因抑制", "Suppressed by design")
STATE_REMOVED = Text("停用监视", "Out of service")
ACKNOWLEDGE_RETURNED = Text("确认全部已恢复的告警", "Acknowledge all that returned")
FLAPPING = Text("反复出现", "flapping")
EXPLAINED_BY = Text("根因", "Explained by")
ALARM_NUMBER = Text("告警 {number}", "Alarm {number}")
ADD_COMMENT = Text("添加备注", "Add comment")
CAUSE_FOUND = Text("查明的原因", "What was found")
CAUSES: dict[str, Text] = {
    "": Text("未查明", "Not known"),
    "equipment": Text("设备故障", "Equipment"),
    "operation": Text("运行操作", "Operation"),
    "metering": Text("计量故障", "Metering"),
    "communication": Text("通信故障", "Communication"),
    "weather": Text("天气", "Weather"),
    "planned": Text("计划内", "Planned"),
    "other": Text("其他", "Other"),
}
REAL_ALARM = Text("告警属实", "It was right")
FALSE_ALARM = Text("误报", "False alarm")
FALSE_HINT = Text(
    "标为误报后，同样程度的偏离不再告警；可随时撤销：",
    "After a false alarm a deviation as large is not told again; to undo it, see ",
)
OUT_OF_SERVICE = Text("停用此设备的告警", "Take device out of service")
COST_PER_HOUR = Text("每小时代价（超出预期的部分）", "What an hour costs beyond the expected")
PER_HOUR_KWH = Text("kWh/小时", "kWh/h")
PER_HOUR_YUAN = Text("元/小时", "yuan/h")
PER_HOUR_KGCO2 = Text("kgCO₂/小时", "kgCO₂/h")
CAUSE_LIKELY = Text("可能原因", "Likely cause")
SET_BY_VERDICT = {
    "tolerance": Text("容差 ×{value}", "tolerance ×{value}"),
    "on_delay": Text("触发延时 {value}", "on-delay {value}"),
}
READINGS_OF = Text("据以判断的读数", "Readings that say so")
AT_MOST = Text("不高于 {high}", "at most {high}")
AT_LEAST = Text("不低于 {low}", "at least {low}")
ACK_BY_LINK = Text("确认告警", "Acknowledge an alarm")
ACK_DONE = Text("已确认，谢谢。", "Acknowledged, thank you.")
ACK_NOT_NEEDED = Text("此告警已有人确认，或已关闭。", "Somebody has acknowledged it, or it is closed.")
ACK_BAD_LINK = Text(
    "链接无效或已过期，请登录平台处理。", "This link is not valid, or its time is over; sign in instead."
)
PRIORITY_HIGH = Text("紧急", "High")
PRIORITY_MEDIUM = Text("重要", "Medium")
PRIORITY_LOW = Text("一般", "Low")
BACK_ALARMS = Text("返回告警列表", "Back to alarms")
NO_SUCH_ALARM = Text("没有这条告警", "There is no such alarm")
NO_ALARMS_HERE = Text("此状态下没有告警", "No alarms in this state")
WHY = Text("原因", "Why")
EVIDENCE = Text("证据", "Evidence")
OBSERVED = Text("实测值", "Observed")
EXPECTED = Text("预期值", "Expected")
EXPECTED_BAND = Text("预期区间", "Expected band")
HISTORY = Text("处理记录", "History")
COMMENT = Text("备注", "Comment")
SHELVE = Text("搁置", "Shelve")
SHELVE_FOR = Text("搁置时长", "Shelve for")
ONE_HOUR = Text("1 小时", "1 hour")
EIGHT_HOURS = Text("8 小时", "8 hours")
ONE_DAY = Text("1 天", "1 day")
ONE_WEEK = Text("7 天", "7 days")
OPERATORS_ONLY = Text("确认与搁置需要值班员权限。", "Acknowledging and shelving need the operator role.")
EVIDENCE_TEXT = Text(
    "实测 {observed} {unit}，预期 {expected}（{band}）",
    "observed {observed} {unit}, expected {expected} ({band})",
)
PAGE_OF = Text("{shown} 条", "{shown} shown")

REASON = Text("原因", "Reason")
TOPIC = Text("主题", "Topic")
RECEIVED = Text("收到", "Received")
DETAIL = Text("说明", "Detail")
SIZE = Text("大小", "Size")
NO_LETTERS = Text("没有死信：收到的每条消息都被接受了。", "No dead letters: every message received was accepted.")
LETTERS_HINT = Text(
    "未被接受的消息原样存放在此，附原因；其余消息照常处理。",
    "Messages that could not be accepted are kept here with the reason; all others went on.",
)
NOT_ALLOWED = Text("此页需要值班员权限。", "This page needs the operator role.")

REFUSED = {
    "not_allowed": Text("没有权限，或登录已过期。", "You may not do this, or your sign-in has ended."),
    "already_acknowledged": Text("已有人确认。", "Somebody has acknowledged it already."),
    "alarm_closed": Text("此告警已关闭。", "This alarm is closed."),
}
NEVER_SEEN = Text("从未报数", "Never seen")
REFUSED_OTHERWISE = Text("操作未被接受。", "This was not accepted.")
PRIORITY = Text("级别", "Priority")
ALARM = Text("告警", "Alarm")
BEGAN = Text("开始", "Began")
ACTION = Text("处理", "Action")
WHAT_TO_DO = Text("建议", "What to do")
PLATFORM = Text("平台", "Platform")
SIGNALS = {
    "raise": Text("触发", "Raised"),
    "clear": Text("恢复正常", "Returned to normal"),
    "acknowledge": Text("确认", "Acknowledged"),
    "shelve": Text("搁置", "Shelved"),
    "unshelve": Text("取消搁置", "Taken back"),
    "suppress": Text("因根因告警抑制", "Suppressed, explained by"),
    "unsuppress": Text("解除抑制", "No longer suppressed"),
    "flapping": Text("反复出现", "Found to be flapping"),
    "escalate": Text("无人确认，通知上级", "Nobody answered, told the next tier"),
    "remove": Text("停用监视", "Taken out of service"),
    "restore": Text("恢复监视", "Back in service"),
    "comment": Text("备注", "Comment"),
    "judge": Text("判定", "Judged"),
}
SHELVED_UNTIL = Text("搁置至 {when}", "Shelved until {when}")
CONFIDENCE = Text("置信度", "Confidence")
EVIDENCE_SPAN = Text("{begin} 至 {end}", "{begin} to {end}")
DEVICE = Text("设备", "Device")
NO_SUCH_PAGE = Text("没有这个页面", "There is no such page")
TO_LIVE = Text("回到实况", "Back to the live page")
