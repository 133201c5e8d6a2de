"""What the page of alarm care says, in both languages."""

from schema.text import Text

CARE = Text("告警设置", "Alarm care")
CARE_HINT = Text(
    "谁在何时收到告警，哪些告警被放宽或停用。", "Who hears of alarms and when, and which are eased or switched off."
)
NO_SITE = Text(
    "还没有院区。收到第一条设备报到后即可在此设置值班与告警。",
    "There is no compound yet. Once the first device has reported, roster and alarms are set here.",
)

ROSTER = Text("值班表", "Roster")
ON_DUTY = Text("此刻值班", "On duty now")
NOBODY = Text("无人值班，所有渠道都会收到", "Nobody: every channel hears")
TIER = Text("级别", "Tier")
TIERS = {
    1: Text("第一级", "Tier 1"),
    2: Text("第二级", "Tier 2"),
    3: Text("第三级", "Tier 3"),
}
TIER_AT_ONCE = Text("立即收到", "at once")
TIER_LATER = Text("{delays}无人确认后", "unacknowledged for {delays}")
TIER_DELAY = Text("{priority} {span}", "{span} ({priority})")
HOURS = Text("{hours} 小时", "{hours} h")
CHANNEL = Text("渠道", "Channel")
CHANNEL_HINT = Text(
    "渠道名即配置 alarms.channels 中的 name。结束不晚于开始的班次延续到次日；00:00 到 00:00 为全天。",
    "A channel is a name of alarms.channels in the settings. A shift that does not end after it starts goes on into "
    "the next day; 00:00 to 00:00 is all day.",
)
DAYS = Text("星期", "Weekdays")
WEEKDAYS = {
    0: Text("一", "Mon"),
    1: Text("二", "Tue"),
    2: Text("三", "Wed"),
    3: Text("四", "Thu"),
    4: Text("五", "Fri"),
    5: Text("六", "Sat"),
    6: Text("日", "Sun"),
}
START = Text("开始", "From")
END = Text("结束", "To")
ADD_SHIFT = Text("添加班次", "Add a shift")
REMOVE_SHIFT = Text("删除第 {number} 班", "Remove shift {number}")
SAVE_ROSTER = Text("保存值班表", "Save the roster")
UNDO_EDITS = Text("放弃修改", "Discard changes")
UNSAVED = Text("有未保存的修改", "Not saved yet")
SAVED = Text("值班表已保存，共 {count} 班。", "The roster is saved: {count} shifts.")
SHIFT_WRONG = {
    "channel": Text(
        "第 {number} 班的渠道名应为小写字母、数字、- 和 _，不能为空。",
        "Shift {number}: a channel is named by small letters, digits, - and _, and not empty.",
    ),
    "unknown": Text(
        "第 {number} 班的渠道未在配置 alarms.channels 中，已配置：{known}。",
        "Shift {number}: alarms.channels in the settings names no such channel, only {known}.",
    ),
    "start": Text("第 {number} 班的开始时间不完整。", "Shift {number}: the start is no time of day."),
    "end": Text("第 {number} 班的结束时间不完整。", "Shift {number}: the end is no time of day."),
    "days": Text("第 {number} 班没有选星期。", "Shift {number} has no weekday."),
}
STRANGE = Text(
    "值班表中的渠道 {names} 未在配置 alarms.channels 中，值班时收不到告警。已配置：{known}。",
    "The roster names {names}, alarms.channels in the settings does not: who is meant hears nothing. It names {known}.",
)
KNOWN_CHANNELS = Text("已配置的渠道：{names}", "Channels that are set up: {names}")
NO_CHANNELS = Text(
    "此服务的配置 alarms.channels 为空：除消息总线外，告警不会发给任何人。",
    "No channel is set here (alarms.channels): alarms go to the broker only, to no person.",
)
NO_ROSTER = Text(
    "还没有值班表：每个渠道随时都会收到告警。添加班次后，只有当班的渠道收到，无人确认时再通知上一级。",
    "No roster yet: every channel hears of alarms at any time. With shifts, only those on duty do, and the next tier "
    "when nobody acknowledges.",
)
ADMINS_ONLY = Text("修改值班表需要管理员权限。", "Changing the roster needs the administrator role.")
WEEK = Text("本周排班", "The week")
WEEK_TEXT = Text("{lane}：每周 {hours} 小时", "{lane}: {hours} hours a week")
UNCOVERED = Text("无人值班", "Nobody")

TREATMENTS = Text("延时与容差", "Delays and tolerance")
TREATMENTS_HINT = Text(
    "越具体的越优先：先设备，后规则。标为误报时平台会自动放宽，在此撤销。",
    "The most specific one applies, a device before a rule. A false alarm sets one by itself; it is undone here.",
)
NO_TREATMENTS = Text(
    "所有告警都按默认处理：无延时，容差为预期区间。误报太多时，在告警页标为误报，或在下方放宽。",
    "Every alarm is treated by default: no delay, the band as expected. Where too many are false, say so on the "
    "alarm's page, or ease one below.",
)
ALL_DEVICES = Text("全部设备", "All devices")
ALL_RULES = Text("全部规则", "All rules")
RULE = Text("规则", "Rule")
ON_DELAY = Text("触发延时（分钟）", "On-delay (min)")
OFF_DELAY = Text("恢复延时（分钟）", "Off-delay (min)")
TOLERANCE = Text("容差倍数（1 到 {most}）", "Tolerance (1 to {most})")
DELAYS = Text("触发延时 / 恢复延时", "On / off delay")
TOLERANCE_HEAD = Text("容差", "Tolerance")
MINUTES = Text("{minutes} 分钟", "{minutes} min")
SET_BY = Text("设置", "Set by")
BY_FALSE_ALARM = Text("因误报", "false alarm")
SET_TREATMENT = Text("放宽一条规则", "Ease a rule")
SET = Text("设置", "Set")
UNDO = Text("撤销", "Undo")
UNDO_NAMED = Text("撤销：{name}", "Undo: {name}")
TREATMENT_WRONG = Text(
    "延时应为 0 到 43200 分钟，容差应为 1 到 {most}。", "A delay is 0 to 43200 min, a tolerance 1 to {most}."
)
TREATMENT_SET = Text("已设置。", "This is set.")
TREATMENT_GONE = Text("已撤销，恢复默认。", "Undone: back to the default.")

REMOVED = Text("停用监视", "Out of service")
REMOVED_HINT = Text("检修期间不通知；告警仍会记录。", "Nobody is told while it is worked on; alarms are still kept.")
NO_REMOVED = Text(
    "没有停用的设备：所有告警都会通知。检修前可在下方停用。",
    "Nothing is out of service: every alarm is told. Take a device out below before work on it begins.",
)
SINCE = Text("自", "Since")
UNTIL = Text("至", "Until")
UNTIL_PUT_BACK = Text("直到恢复", "until put back")
PUT_BACK = Text("恢复监视", "Put back in service")
PUT_BACK_NAMED = Text("恢复监视：{name}", "Put back in service: {name}")
TAKE_OUT = Text("停用一台设备", "Take a device out of service")
TAKE_OUT_NOW = Text("停用", "Take out")
CHOOSE_DEVICE = Text("请选择设备", "Choose a device")
WHY = Text("原因", "Why")
HOW_LONG = Text("时长", "For")
