"""Why letters are parked: what each reason means and what to do about it, in both languages."""

from typing import NamedTuple

from api.pages.letters import text_remedies
from schema.text import Text


class Meaning(NamedTuple):
    """A reason in a word, what it means, and what to do before the letter is taken in again."""

    name: Text
    meaning: Text
    remedy: Text


UNKNOWN_REASON = Meaning(
    Text("其他", "Other"),
    Text("见说明一栏。", "See the detail."),
    text_remedies.DEVICE,
)
REASONS: dict[str, Meaning] = {
    "alias_changed": Meaning(
        Text("别名已变", "Alias changed"),
        Text(
            "消息引用的别名在后来的报到中改了含义，不能确定指哪个测点。",
            "Its alias has come to mean something else, so its point cannot be told.",
        ),
        Text(
            "无法可靠恢复，可丢弃；网关重新报到后的消息正常。",
            "It cannot be read reliably: discard it. Messages since the new birth are fine.",
        ),
    ),
    "bad_base": Meaning(
        Text("基准字段有误", "Bad base field"),
        Text(
            "SenML 的基准字段（bn、bt、bu…）不符合 RFC 8428。",
            "A SenML base field (bn, bt, bu, ...) is not as RFC 8428 has it.",
        ),
        text_remedies.DEVICE,
    ),
    "bad_event": Meaning(
        Text("事件内容有误", "Bad event"),
        Text("事件缺字段，或字段的值不合规。", "The event lacks a field, or one has a value it may not have."),
        text_remedies.DEVICE,
    ),
    "bad_metric": Meaning(
        Text("指标有误", "Bad metric"),
        Text("Sparkplug 指标无法解读。", "The Sparkplug metric cannot be read."),
        text_remedies.DEVICE,
    ),
    "bad_record": Meaning(
        Text("记录有误", "Bad record"),
        Text("SenML 记录的字段类型不对。", "A field of the SenML record is of the wrong type."),
        text_remedies.DEVICE,
    ),
    "bad_time": Meaning(
        Text("时间有误", "Bad time"),
        Text("时间戳无法解读，或超出可表示的范围。", "The time stamp cannot be read, or is beyond what a time can be."),
        text_remedies.CLOCK,
    ),
    "time_ahead": Meaning(
        Text("时间超前", "Time ahead"),
        Text(
            "读数的时间比平台时钟超前 10 分钟以上。",
            "The reading is more than 10 minutes ahead of the platform's clock.",
        ),
        text_remedies.CLOCK,
    ),
    "time_past": Meaning(
        Text("时间过旧", "Time long past"),
        Text(
            "读数早于 92 天前，而该设备不是历史回放。",
            "The reading is older than 92 days, and the device is no replay.",
        ),
        text_remedies.CLOCK,
    ),
    "bad_topic": Meaning(
        Text("主题不合规", "Bad topic"),
        Text("主题的段数或字符不合规。", "The topic has the wrong number of parts, or characters it may not have."),
        text_remedies.TOPIC,
    ),
    "wrong_topic": Meaning(
        Text("主题与登记不符", "Topic and register differ"),
        Text(
            "主题中的楼宇或类型与该设备登记的不同。",
            "The topic names another building or kind than the device is registered with.",
        ),
        text_remedies.TOPIC,
    ),
    "bad_value": Meaning(
        Text("数值无效", "Bad value"),
        Text("数值无法解读。", "The value cannot be read."),
        text_remedies.DEVICE,
    ),
    "not_finite": Meaning(
        Text("非有限数", "Not finite"),
        Text("数值是 NaN 或无穷大。", "The value is NaN or infinite."),
        text_remedies.DEVICE,
    ),
    "not_a_number": Meaning(
        Text("不是数字", "Not a number"),
        Text("该测点应为数字。", "The point should be a number."),
        text_remedies.DEVICE,
    ),
    "no_value": Meaning(
        Text("没有数值", "No value"),
        Text("记录里没有值。", "The record has no value."),
        text_remedies.DEVICE,
    ),
    "implausible": Meaning(
        Text("超出合理范围", "Implausible"),
        Text(
            "数值超出该类测点可能的范围，因此未记账。",
            "The value is beyond what such a point can measure, so it was not booked.",
        ),
        Text(
            "现场核对仪表、变比与小数位；属实的，请调整设备类型的范围后重新接收。",
            "Check the meter, its ratio and its decimals on site; if it is right, widen the range of the device kind, "
            "then take it in again.",
        ),
    ),
    "expired": Meaning(
        Text("已过期", "Expired"),
        Text("消息超过了其有效期。", "The message outlived its expiry."),
        text_remedies.DEVICE,
    ),
    "refused": Meaning(
        Text("被拒绝", "Refused"),
        Text("对方拒绝了消息。", "The other side refused the message."),
        text_remedies.STORE,
    ),
    "store_refused": Meaning(
        Text("存储拒绝", "Refused by the store"),
        Text("时序存储拒绝了这些行，其余已写入。", "The store refused these rows; all others were written."),
        text_remedies.STORE,
    ),
    "too_large": Meaning(
        Text("消息过大", "Too large"),
        Text("消息超过允许的大小。", "The message is larger than allowed."),
        Text("让设备把读数分成多条消息发布。", "Let the device publish its readings in more messages."),
    ),
    "internal": Meaning(
        Text("平台内部错误", "Fault of the platform"),
        Text(
            "处理这条消息时平台出错，日志中有详情；其余消息不受影响。",
            "The platform failed at this message, its log says how; no other message was affected.",
        ),
        Text(
            "请报告此问题；修复并升级后在此重放。", "Report it; after an update that mends it, replay the letter here."
        ),
    ),
    "undecodable": Meaning(
        Text("无法解码", "Undecodable"),
        Text(
            "内容不是 SenML（JSON 或 CBOR）、Sparkplug，也不符合任何映射。",
            "It is neither SenML (JSON or CBOR) nor Sparkplug, nor what a mapping expects.",
        ),
        text_remedies.MAPPING,
    ),
    "unmapped": Meaning(
        Text("没有映射", "Not mapped"),
        Text("没有映射说明这个主题或设备对应什么。", "No mapping says what this topic or device stands for."),
        text_remedies.MAPPING,
    ),
    "undeclared_device": Meaning(
        Text("未声明的设备", "Undeclared device"),
        Text("映射中没有声明这台设备。", "The mapping does not declare this device."),
        text_remedies.MAPPING,
    ),
    "no_device": Meaning(
        Text("没有设备名", "No device name"),
        Text("在映射所说的位置找不到设备名。", "There is no device name where the mapping looks for it."),
        text_remedies.MAPPING,
    ),
    "no_time": Meaning(
        Text("没有时间", "No time"),
        Text("在映射所说的位置找不到时间。", "There is no time where the mapping looks for it."),
        text_remedies.MAPPING,
    ),
    "no_timezone": Meaning(
        Text("没有时区", "No time zone"),
        Text("时间没有偏移，映射也没有声明时区。", "The time has no offset, and the mapping declares no zone."),
        text_remedies.MAPPING,
    ),
    "no_birth": Meaning(
        Text("尚未报到", "No birth yet"),
        Text("数据先于报到消息到达。", "The data came before the birth that says what it means."),
        text_remedies.BIRTH,
    ),
    "unknown_device": Meaning(
        Text("未知设备", "Unknown device"),
        Text(
            "该设备从未报到，平台不知道它的类型与测点。",
            "The device has sent no birth, so its kind and points are not known.",
        ),
        text_remedies.BIRTH,
    ),
    "seq_gap": Meaning(
        Text("序号缺口", "Gap in the sequence"),
        Text("之前有消息缺失，需等待补发。", "A message before it is missing and waited for."),
        text_remedies.BIRTH,
    ),
    "no_seq": Meaning(
        Text("没有序号", "No sequence number"),
        Text("Sparkplug 消息必须有序号。", "A Sparkplug message has to have a sequence number."),
        text_remedies.DEVICE,
    ),
    "unknown_alias": Meaning(
        Text("未知别名", "Unknown alias"),
        Text("引用的别名在报到中没有声明。", "The birth declared no such alias."),
        text_remedies.BIRTH,
    ),
    "wrong_alias": Meaning(
        Text("别名不符", "Wrong alias"),
        Text("别名属于另一台设备。", "The alias is of another device."),
        text_remedies.DEVICE,
    ),
    "wrong_type": Meaning(
        Text("数据类型不符", "Wrong type"),
        Text("声明的数据类型与内容不符。", "The declared data type is not that of the content."),
        text_remedies.DEVICE,
    ),
    "taken": Meaning(
        Text("编号已被占用", "Id taken"),
        Text("这个设备编号已属于另一个代理的设备。", "The id is already that of a device of another agent."),
        Text(
            "给其中一台换一个编号；换址的，先在平台停用旧设备。",
            "Give one of them another id; if it moved, retire the old device first.",
        ),
    ),
    "unknown_kind": Meaning(
        Text("未知设备类型", "Unknown device kind"),
        Text("主题中的设备类型没有声明。", "No device kind of that name is declared."),
        Text(
            "声明该类型（docs/howto-devices.md）或改用已有类型，然后重新接收。",
            "Declare the kind (docs/howto-devices.md) or use another, then take it in again.",
        ),
    ),
    "unknown_point": Meaning(
        Text("未知测点", "Unknown point"),
        Text("该设备类型没有这个测点。", "The kind of the device has no such point."),
        Text("在设备类型中声明该测点，或不再发布它。", "Declare the point in the device kind, or stop publishing it."),
    ),
    "unknown_unit": Meaning(
        Text("未知单位", "Unknown unit"),
        Text("单位不在 RFC 8798 之列。", "The unit is none of RFC 8798."),
        text_remedies.UNIT,
    ),
    "wrong_unit": Meaning(
        Text("单位不符", "Wrong unit"),
        Text("单位与该测点的物理量不同。", "The unit measures something else than the point does."),
        text_remedies.UNIT,
    ),
    "unsupported_version": Meaning(
        Text("版本不支持", "Unsupported version"),
        Text("SenML 版本高于平台所支持的。", "A SenML version that is newer than supported."),
        text_remedies.DEVICE,
    ),
    "must_understand": Meaning(
        Text("必须理解的字段", "Must-understand field"),
        Text(
            "记录带有以 _ 结尾的字段，不理解就不得使用（RFC 8428 第 4.4 节）。",
            "A field ending in _ has to be understood to use the record (RFC 8428, 4.4).",
        ),
        text_remedies.DEVICE,
    ),
    "foreign_name": Meaning(
        Text("名称属于别的设备", "Foreign name"),
        Text("记录的名称不属于主题中的设备。", "The record's name is not of the device in the topic."),
        text_remedies.TOPIC,
    ),
    "no_name": Meaning(
        Text("没有名称", "No name"),
        Text("记录没有测点名称。", "The record names no point."),
        text_remedies.DEVICE,
    ),
    "not_a_record": Meaning(
        Text("不是记录", "Not a record"),
        Text("SenML 数组里混有不是记录的元素。", "The SenML pack holds something that is no record."),
        text_remedies.DEVICE,
    ),
}
