"""Trouble: why an agent cannot read a device, or does not believe it."""

from schema.text import Text

TROUBLES = {
    "silent": Text("设备无应答", "The device does not answer"),
    "strange": Text("应答异常：干扰或其他设备应答", "What answers is noise, or another device"),
    "refused": Text("设备拒绝请求", "The device refuses"),
    "unsteady": Text("读数跳变，不可信", "Its register jumps"),
    "implausible": Text("读数超出合理范围", "Its values are beyond what is plausible"),
    "unauthorised": Text("访问凭证错误", "The token or password is wrong"),
    "clock": Text("设备时钟错误", "Its clock is wrong"),
    "own_clock": Text("采集代理时钟错误", "The clock of its agent is wrong"),
    "unborn": Text("网关未应答重新上线请求，数据暂存", "Its gateway does not say what its values mean; they wait"),
    "not_understood": Text("数据无法识别", "What it sends is not understood"),
}
"""What is said of each code; agents of later versions may send others."""


def saying(reason: str) -> Text:
    """What is said of a code."""
    return TROUBLES.get(reason, Text(f"设备异常（{reason}）", f"Trouble: {reason}"))
