"""What the page of alarm performance says, in both languages."""

from schema.text import Text

PERFORMANCE = Text("告警绩效", "Alarm performance")
HINT = Text(
    "按 ISA-18.2（第 16 章）与 EEMUA 191：一名值班员是否应付得过来。不计被抑制的与历史补录的告警。",
    "After ISA-18.2 (clause 16) and EEMUA 191: can one operator keep up? Neither suppressed alarms count, nor those of "
    "the past.",
)
RANGE = Text("统计时段", "Period")
RANGE_DAY = Text("24 小时", "24 h")
RANGE_WEEK = Text("7 天", "7 d")
RANGE_MONTH = Text("30 天", "30 d")
GOOD = Text("达标", "On target")
WATCH = Text("需关注", "Watch")
BAD = Text("未达标", "Off target")
FEW = Text("样本不足", "Too few to tell")
PER_INTERVAL = Text("每人每 10 分钟", "An operator and 10 min")
PER_INTERVAL_TARGET = Text(
    "目标：平均不超过 {target}，最多 {most}（每天约 {day} 条）",
    "Target: {target} on average, {most} at most ({day} a day)",
)
BELOW = Text("不足 0.01", "below 0.01")
PER_DAY = Text("平均每天 {count} 条，10 分钟内最多 {peak} 条", "{count} a day on average, at most {peak} in 10 min")
FLOODS = Text("告警泛滥", "Floods")
FLOODED = Text("{share} 的时间", "{share} of the time")
FLOODS_TARGET = Text(
    "10 分钟超过 {flood} 条为泛滥，少于 {over} 条结束；目标：低于 {target} 的时间",
    "More than {flood} in 10 min, until fewer than {over}; target: below {target} of the time",
)
FLOOD_LINE = Text(
    "{begin} 起 {minutes} 分钟，共 {raised} 条，10 分钟内最多 {peak} 条",
    "{begin}, {minutes} min: {raised} raised, at most {peak} in 10 min",
)
NO_FLOODS = Text("此时段没有告警泛滥。", "No flood in this period.")
STANDING = Text("长期未消除", "Standing")
STANDING_TARGET = Text(
    "持续超过 24 小时的告警；目标：不超过 {target} 条", "Active for more than 24 h; target: at most {target}"
)
FLAPPING = Text("反复出现", "Flapping")
FLAPPING_TARGET = Text("6 小时内触发 5 次以上；目标：0", "Raised five times in six hours; target: none")
NONE_NOW = Text("目前没有。", "None now.")
WORST = Text("反复触发最多的 10 个原因", "The ten worst causes")
WORST_TARGET = Text("合计占比目标：不超过 {target}", "Target for their share of all: at most {target}")
TOP_SHARE = Text("合计占全部的 {share}", "{share} of all")
TOP_FEW = Text("不足 {enough} 条，占比没有意义", "Fewer than {enough} raised: a share would say little")
TIMES = Text("次数", "Raised")
NONE_OFTEN = Text("没有重复触发的原因。", "No cause was raised twice.")
NOTHING_RAISED = Text("此时段没有通知任何告警。", "Nobody was called in this period.")
PRIORITIES = Text("优先级分布", "Priorities")
PRIORITIES_TARGET = Text(
    "目标：一般约 {low}，重要约 {medium}，紧急约 {high}", "Target: about {low} low, {medium} medium, {high} high"
)
COUNT = Text("条数", "Alarms")
SHARE = Text("占比", "Share")
ANSWER = Text("确认用时（中位数）", "Time to acknowledge (median)")
MINUTES = Text("{minutes} 分钟", "{minutes} min")
QUIET = Text("此刻不通知的", "Not told now")
SHELVED = Text("搁置", "Shelved")
SUPPRESSED = Text("随根因抑制", "Suppressed by design")
REMOVED = Text("停用监视", "Out of service")
