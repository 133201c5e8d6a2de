"""What pages say of how the books came about, in both languages."""

from schema.text import Text

MEASURED = Text("实测", "Measured")
PARTIAL = Text("部分", "Partial")
ESTIMATED = Text("估算", "Estimated")
EDITED = Text("人工改正", "Edited")
QUALITY = Text("质量", "Quality")
PERIOD = Text("周期", "Period")
COVERED = Text("数据覆盖", "Covered")
GUESSED = Text("其中估算", "Estimated part")
DOUBTFUL = Text("未完全实测的周期（{count}）", "Periods not wholly measured ({count})")
RULES_APPLIED = Text("所用规则", "Rules that applied")
RULE_USE = Text(
    "{count} 个刻钟，{begin} 至 {end}，共 {value} {unit}",
    "{count} quarter hours, {begin} to {end}, {value} {unit} in all",
)
RULE_VERSION = Text("{name} 第 {version} 版", "{name}, version {version}")

JOURNAL = Text("账目变更", "Changes of the books")
JOURNAL_HINT = Text(
    "已入账的用量后来改成了什么、为什么；最新的在前。",
    "What booked consumption was changed to later, and why; the newest first.",
)
NO_CHANGES = Text(
    "没有变更：已入账的用量都与当初一致。迟到、更正的读数或申报换表会在此留下记录。",
    "No changes: all that was booked stands as it was. Late or corrected readings, or a declared exchange, would be "
    "listed here.",
)
CHANGED = Text("变更时间", "Changed")
SPAN = Text("涉及时段", "Intervals")
SPAN_COUNT = Text("{count} 个刻钟", "{count} quarter hours")
FROM_TO = Text("由 → 为", "From → to")
WHY = Text("原因", "Why")
CAUSES = {
    "late": Text("{low} 至 {high} 的读数迟到", "Readings of {low} to {high} came late"),
    "corrected": Text("{low} 至 {high} 的读数被更正", "Readings of {low} to {high} were corrected"),
    "gap_closed": Text(
        "缺失的读数补齐（{low} 至 {high}），由估算改为实测",
        "The missing readings came ({low} to {high}): measured now, no longer estimated",
    ),
    "readings": Text("{low} 至 {high} 的读数迟到或被更正", "Late or corrected readings of {low} to {high}"),
    "declaration": Text("申报了表计变更（{low}，至 {high}）", "A register change was declared ({low}, to {high})"),
    "history": Text(
        "用作估算依据的历史读数（{low} 至 {high}）有变", "Readings of {low} to {high} that a gap is filled by changed"
    ),
    "version": Text("入账规则已更新", "The rules of the books are new"),
}
BEFORE = Text("原先：{rule}", "Before: {rule}")
MORE_CHANGES = Text(
    "只列出最新 {count} 条，更早的见接口 journal。", "The newest {count}; the API's journal has the earlier ones."
)
NO_CONSUMPTION = Text("此时段没有结算用量", "Nothing settled in this range")
BARS_TEXT = Text("{count} 个周期，合计 {total} {unit}", "{count} periods, {total} {unit} in total")
