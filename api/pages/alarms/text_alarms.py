"""What pages of alarms say, in both languages."""

from schema.text import Text

OPEN_ALARMS = Text("未关闭的告警", "Open alarms")
NO_ALARMS = Text("没有未关闭的告警", "No open alarms")
NO_ALARMS_HINT = Text("一切在预期之内。", "Everything is as expected.")
ALL_ALARMS = Text("全部告警", "All alarms")
ACKNOWLEDGE = Text("确认", "Acknowledge")
SINCE_WHEN = Text("{when}起", "since {when}")
STATE_OPEN = Text("未关闭", "Open")
ACKNOWLEDGE_RETURNED = Text("确认全部已恢复的告警", "Acknowledge all that returned")
FLAPPING = Text("反复出现", "flapping")
EXPLAINED_BY = Text("根因", "Explained by")
ALARM_NUMBER = Text("告警 {number}", "Alarm {number}")
EXPLAINS = Text("由此解释的告警", "Explained by this")
EXPLAINS_HINT = Text(
    "同一原因引起：随本告警处理，不另行通知。", "One cause: they go with this alarm, and nobody is called for them."
)
UNSHELVE = Text("取消搁置", "Take back from the shelf")
REASON_NEEDED = Text(
    "搁置和停用须在备注中写明原因。", "Shelving and taking out of service need a reason in the comment."
)
BETWEEN = Text("{low} 至 {high}", "{low} to {high}")
READINGS = Text("读数", "Readings")
EXTREMES = Text("最低到最高", "Lowest to highest")
OPENED_AT = Text("开始", "Began")
ENDED_AT = Text("恢复", "Over")
STILL_AT = Text("最新证据", "Latest evidence")
FRAME = Text("纵轴范围", "Vertical range")
FRAME_ALL = Text("全部读数", "All readings")
FRAME_BAND = Text("预期区间附近", "Around the band")
OUTSIDE_FRAME = Text("此范围外还有更高或更低的读数。", "Readings above or below this range are cut off.")
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
    "链接无效：可能没有复制完整。请登录平台处理。", "This link is not valid; perhaps it was cut off. Sign in instead."
)
ACK_OLD_LINK = Text(
    "链接已过期（有效期 7 天）。请登录平台处理。", "This link is over: it was good for 7 days. Sign in instead."
)
ACK_SIGN_IN = Text("登录并查看告警", "Sign in and see the alarms")
ACK_OPEN = Text("登录平台，查看详情与证据", "Sign in for details and evidence")
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
    "实测 {observed} {unit}，预期 {expected}（{band}）；所示读数 {lowest} 至 {highest} {unit}",
    "observed {observed} {unit}, expected {expected} ({band}); the readings shown go from {lowest} to {highest} {unit}",
)
PART_OF = Text("最新 {shown} 条，共 {total} 条", "the newest {shown} of {total}")
SEARCH_ALARMS = Text("搜索名称、设备、原因或备注", "Search by name, device, reason or comment")
ANY_PRIORITY = Text("全部级别", "Any priority")
PERIOD = Text("时段", "Period")
LAST_WEEK = Text("近 7 天", "Last 7 days")
LAST_MONTH = Text("近 30 天", "Last 30 days")
LAST_YEAR = Text("近一年", "Last year")
EVER = Text("全部历史", "All history")
EXPLAINS_SO_MANY = Text("另有 {count} 条由此引起", "explains {count} more")
BECAUSE_OF = Text("根因：告警 {number}", "explained by alarm {number}")
UNTIL = Text("至 {when}", "until {when}")
PAGE_OF = Text("{shown} 条", "{shown} shown")

PRIORITY = Text("级别", "Priority")
ALARM = Text("告警", "Alarm")
BEGAN = Text("开始", "Began")
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
