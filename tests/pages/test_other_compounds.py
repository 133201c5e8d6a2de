"""Pages of a compound that nobody has come to yet, and of one that is history: each served by itself.

In a file of their own: of two served in one process, each clears away what NiceGUI keeps of the other's pages.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.pages import compound
from tests.pages.conftest import PASSWORD, serving, visiting

pytestmark = pytest.mark.browser


def test_one_time_password_must_be_changed_before_anything_is_shown(chromium: Browser, tmp_path: Path) -> None:
    """Also the welcome of a fresh platform, and signing out."""
    with serving(compound.empty(tmp_path)) as fresh, visiting(chromium, fresh) as visitor:
        page = visitor.page
        page.goto("/devices")
        expect(page).to_have_url(re.compile("/sign-in"))
        expect(page.get_by_role("button", name="登录")).to_be_visible()
        visitor.shot("sign-in.zh")
        visitor.sign_in("admin", "not the password")
        expect(page.get_by_role("alert")).to_contain_text("用户名或密码不正确")
        visitor.sign_in("admin", fresh.compound.password)
        expect(page).to_have_url(re.compile("/password$"))
        page.goto("/")
        expect(page).to_have_url(re.compile("/password$"))
        visitor.shot("password.zh")
        for again, refused in (("another one 42", True), (PASSWORD, False)):
            page.fill("input[name=old]", fresh.compound.password)
            page.fill("input[name=new]", PASSWORD)
            page.fill("input[name=again]", again)
            page.click("button.primary")
            expect(page).to_have_url(re.compile("fault=differ" if refused else "/$"))
        expect(page.get_by_role("heading", level=1)).to_have_text("平台已就绪，等待第一笔读数")
        expect(page.get_by_text("dayuan simulate")).to_be_visible()
        visitor.shot("welcome.zh")
        for path, words in (("/alarms/care", "还没有院区"), ("/dead-letters", "没有死信：收到的每条消息都被接受了")):
            page.goto(path)
            expect(page.locator(".page")).to_contain_text(words)
        page.get_by_role("button", name="退出登录").click()
        expect(page).to_have_url(re.compile("/sign-in$"))
        page.goto("/")
        expect(page).to_have_url(re.compile("/sign-in"))


def test_replayed_history_is_shown_as_of_its_last_reading(chromium: Browser, tmp_path: Path) -> None:
    """The page says so, and the power is the mean of the last settled quarter of an hour."""
    past = compound.replayed(tmp_path)
    with serving(past) as found, visiting(chromium, found) as visitor:
        compound.choose_password(past, PASSWORD)
        visitor.sign_in("admin", PASSWORD)
        expect(visitor.page.get_by_role("status")).to_contain_text(
            "此院区是历史回放：各项按最后一笔数据的时刻 2026-05-20 14:15 展示"
        )
        expect(visitor.page.locator(".hero-number")).to_have_text(re.compile(r"^\d{3}\.\d$"))
        visitor.shot("live-history.zh")
        visitor.page.goto("/alarms/care")
        for words in ("还没有值班表：每个渠道随时都会收到告警", "所有告警都按默认处理", "没有停用的设备"):
            expect(visitor.page.locator(".page")).to_contain_text(words)
        visitor.shot("alarm-care-empty.zh")
