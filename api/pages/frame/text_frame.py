"""What the frame of pages and the way in say, in both languages."""

from schema.text import Text

PRODUCT = Text("大院", "Dayuan")
TAGLINE = Text("院区运行平台", "Compound operations")
SKIP = Text("跳到正文", "Skip to content")
NAVIGATION = Text("主导航", "Main navigation")

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

NOT_ALLOWED = Text("此页需要值班员权限。", "This page needs the operator role.")

REFUSED = {
    "not_allowed": Text("没有权限，或登录已过期。", "You may not do this, or your sign-in has ended."),
    "already_acknowledged": Text("已有人确认。", "Somebody has acknowledged it already."),
    "no_reason": Text("请先写明原因。", "Say why first."),
    "no_comment": Text("请先写备注。", "Write a comment first."),
    "unknown_channel": Text("值班表中有未配置的渠道。", "The roster names a channel that is not set up."),
    "alarm_closed": Text("此告警已关闭。", "This alarm is closed."),
}
REFUSED_OTHERWISE = Text("操作未被接受。", "This was not accepted.")
NO_SUCH_PAGE = Text("没有这个页面", "There is no such page")
TO_LIVE = Text("回到实况", "Back to the live page")
