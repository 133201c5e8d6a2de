"""The pages as a person meets them: a real Chromium against the running application."""

import re
import time
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from analytics.alarms.ack_link import VALID, AckLinks
from schema.batch import Batch
from schema.instant import HOUR, SECOND
from store.registry.alarms import Alarm
from tests.pages import compound
from tests.pages.conftest import ENGLISH, PASSWORD, Served, View, visiting

pytestmark = pytest.mark.browser

ROUTES = {
    "live": "/",
    "devices": "/devices",
    "device": "/devices/court/main-1",
    "alarms": "/alarms",
    "alarm": "/alarms/1",
    "alarm-care": "/alarms/care",
    "alarm-performance": "/alarms/performance",
    "dead-letters": "/dead-letters",
    "dead-letter": "/dead-letters/19",
}
VIEWS = [
    View("zh-CN", 390, 844),
    View("zh-CN", 1920, 1080),
    View("en-GB", 390, 844, "dark"),
    View("en-GB", 1920, 1080, "dark"),
]


def test_power_follows_readings_without_a_reload(chromium: Browser, served: Served) -> None:
    """A batch offered to the hub is on the page by itself; the page is the same document."""
    context = served.compound.context
    with visiting(chromium, served) as visitor:
        page = visitor.page
        page.goto("/")
        number = page.locator(".hero-number")
        expect(number).to_have_text(re.compile(r"^\d{3}\.\d$"))
        page.evaluate("window.sameDocument = true")
        other = context.store.latest([compound.POWER._replace(device="main-2", building="b2")]).value[0]
        context.hub.offer(Batch.of((compound.POWER,), [0], [context.clock()], [512.25]))
        expect(number).to_have_text(f"{512.25 + other:.1f}")
        assert page.evaluate("window.sameDocument") is True


def test_a_closed_page_is_no_longer_followed(chromium: Browser, served: Served) -> None:
    hub = served.compound.context.hub
    with visiting(chromium, served) as visitor:
        visitor.page.goto("/")
        expect(visitor.page.locator(".hero-number")).to_be_visible()
        assert hub.clients >= 1
    deadline = time.monotonic() + 60
    while hub.clients and time.monotonic() < deadline:
        time.sleep(0.1)
    assert hub.clients == 0


def test_a_click_acknowledges_an_alarm(chromium: Browser, served: Served) -> None:
    """The registry knows who it was, and the page says so without a reload."""
    with visiting(chromium, served) as visitor:
        visitor.page.goto("/")
        expect(visitor.page.locator(".alarm .what")).to_contain_text(["冷藏柜 2", "信息机房", "南门"])
        line = visitor.page.locator(".alarm", has_text="南门")
        line.get_by_role("button", name="确认").click()
        expect(line).to_contain_text("已确认")
    with served.compound.context.registry.reading() as session:
        found = {alarm.device: alarm for alarm in session.query(Alarm)}
    assert (found["gate-south"].phase, found["gate-south"].acknowledged_by) == ("acknowledged", "admin")


def test_an_alarm_is_shelved_with_a_comment(chromium: Browser, served: Served) -> None:
    with served.compound.context.registry.reading() as session:
        number = next(alarm.id for alarm in session.query(Alarm) if alarm.device == "server-room")
    with visiting(chromium, served, ENGLISH) as visitor:
        page = visitor.page
        page.goto(f"/alarms/{number}")
        page.fill("textarea[name=comment]", "works on the cooling")
        page.select_option("select[name=duration]", label="8 hours")
        page.get_by_role("button", name="Shelve").click()
        expect(page.locator(".history")).to_contain_text("works on the cooling")
        expect(page.locator(".page")).to_contain_text("Shelved until 2026-05-20 22:2")
        page.goto("/alarms")
        page.get_by_role("button", name="Shelved").click()
        expect(page.locator("tbody tr")).to_have_count(1)


def test_a_false_alarm_is_said_to_be_one_with_its_cause(chromium: Browser, served: Served) -> None:
    with served.compound.context.registry.reading() as session:
        number = next(alarm.id for alarm in session.query(Alarm) if alarm.device == "server-room")
    with visiting(chromium, served) as visitor:
        page = visitor.page
        page.goto(f"/alarms/{number}")
        page.select_option("select[name=cause]", label="计划内")
        page.get_by_role("button", name="误报").click()
        expect(page.locator(".history")).to_contain_text("误报 计划内")
        expect(page.locator(".history")).to_contain_text("容差 ×")
        page.get_by_role("button", name="停用此设备的告警").click()
        expect(page.get_by_text("请先写明原因")).to_be_visible()
        page.fill("textarea[name=comment]", "机房扩容")
        page.get_by_role("button", name="停用此设备的告警").click()
        expect(page.locator(".page-head")).to_contain_text("停用监视")
        visitor.shot("alarm-out-of-service.zh")
        page.goto("/alarms")
        page.get_by_role("button", name="停用监视").click()
        expect(page.locator("tbody tr")).to_have_count(1)


def test_a_link_from_a_message_acknowledges_on_a_phone(chromium: Browser, served: Served) -> None:
    """Without signing in, with one press; the second time it says that there is nothing to do."""
    context = served.compound.context
    with context.registry.reading() as session:
        number = next(alarm.id for alarm in session.query(Alarm) if alarm.phase == "unacknowledged")
    link = AckLinks(context.secret, served.address).url(number, "duty", context.clock())
    with visiting(chromium, replace(served, signed_in=None), View("zh-CN", 390, 844)) as visitor:
        page = visitor.page
        page.goto(link)
        visitor.shot("ack.phone.zh")
        page.get_by_role("button", name="确认").click()
        expect(page.get_by_role("status")).to_contain_text("已确认")
        page.goto(link)
        expect(page.get_by_role("status")).to_contain_text("已有人确认")
        page.goto(link[:-3])
        expect(page.get_by_role("alert")).to_contain_text("链接无效")
        page.goto(AckLinks(context.secret, served.address).url(number, "duty", context.clock() - VALID - SECOND))
        expect(page.get_by_role("alert")).to_contain_text("链接已过期")
        page.get_by_role("link", name="切换到").or_(page.get_by_role("link", name="Switch to English")).first.click()
        expect(page.get_by_role("alert")).to_contain_text("This link is over")
        page.get_by_role("link", name="Sign in and see the alarms").click()
        expect(page).to_have_url(re.compile("/sign-in"))


def test_language_is_the_browsers_until_chosen(chromium: Browser, served: Served) -> None:
    with visiting(chromium, served, ENGLISH) as visitor:
        page = visitor.page
        page.goto("/")
        expect(page.get_by_role("heading", name="Power now")).to_be_visible()
        assert page.evaluate("document.documentElement.lang") == "en"
        page.get_by_role("link", name="切换到中文").click()
        expect(page.get_by_role("heading", name="此刻功率")).to_be_visible()
        page.goto("/devices")
        expect(page.get_by_role("heading", level=1)).to_have_text("设备")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_devices_are_found_by_words_kind_and_health(chromium: Browser, served: Served) -> None:
    with visiting(chromium, served) as visitor:
        page = visitor.page
        page.goto("/devices")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(13)
        page.get_by_role("searchbox").fill("总表")
        expect(rows).to_have_count(4)
        page.get_by_label("类型").select_option(label="电表")
        expect(rows).to_have_count(2)
        page.get_by_label("类型").select_option(label="全部类型")
        page.get_by_role("searchbox").fill("")
        page.get_by_label("状态").select_option(label="离线")
        expect(rows).to_have_count(1)
        rows.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("南门")


def test_device_page_charts_every_range_and_period(chromium: Browser, served: Served) -> None:
    with visiting(chromium, served, ENGLISH) as visitor:
        page = visitor.page

        def seen(words: str) -> None:
            expect(page.get_by_role("img", name=re.compile(words))).to_be_visible()
            # One that goes before it is drawn makes NiceGUI's own script say an error.
            expect(page.locator(".chart:not(:has(canvas))")).to_have_count(0)

        page.goto("/devices/court/main-1")
        seen("Active power: 2026-05-19")
        page.get_by_role("button", name=re.compile("Active energy")).click()
        seen("Active energy imported")
        page.get_by_role("button", name="All", exact=True).click()
        seen("Active energy imported: 2026-03-2")
        page.get_by_role("button", name="By month").click()
        seen("Consumption: 3 periods")


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: f"{view.locale}-{view.width}")
def test_pages_fit_their_screen(chromium: Browser, served: Served, view: View) -> None:
    """No horizontal scroll, no console error, nothing fetched from elsewhere."""
    with visiting(chromium, served, view) as visitor:
        page = visitor.page
        for name, path in ROUTES.items():
            page.goto(path)
            expect(page.locator("h1")).to_be_visible()
            for canvas in page.locator(".chart").all():
                expect(canvas.locator("canvas")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= view.width, name
            visitor.shot(f"{name}.{view.locale[:2]}.{view.width}")


def test_a_viewer_sees_no_buttons_and_no_dead_letters(chromium: Browser, served: Served) -> None:
    compound.add_user(served.compound, "guest", PASSWORD, "viewer")
    with visiting(chromium, replace(served, signed_in=None), ENGLISH) as visitor:
        page = visitor.page
        visitor.sign_in("guest", PASSWORD)
        expect(page.locator(".alarm").first).to_be_visible()
        expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
        page.goto("/dead-letters")
        expect(page.locator(".page")).to_contain_text("needs the operator role")


def test_a_path_without_a_page_says_so_in_words(chromium: Browser, served: Served) -> None:
    with visiting(chromium, served) as visitor:
        answer = visitor.page.request.get("/nowhere")
        assert (answer.status, "没有这个页面" in answer.text()) == (404, True)


def test_only_this_servers_addresses_are_gone_back_to(chromium: Browser, served: Served) -> None:
    with visiting(chromium, served) as visitor:
        for back, place in (
            ("/devices?site=court", "/devices?site=court"),
            ("//elsewhere.example", "/"),
            ("\\\\x", "/"),
        ):
            answer = visitor.page.request.get("/language/en", params={"back": back}, max_redirects=0)
            assert answer.headers["location"] == place


def test_stale_power_is_a_dash_with_the_reason(chromium: Browser, served: Served) -> None:
    """Readings older than a meter may be silent are not shown as the present, nor as zero."""
    clock = served.compound.context.clock
    assert isinstance(clock, compound.Ticking)
    clock.ahead = HOUR
    try:
        with visiting(chromium, served, ENGLISH) as visitor:
            visitor.page.goto("/")
            expect(visitor.page.locator(".hero-number")).to_have_text("—")
            expect(visitor.page.locator(".hero-now")).to_contain_text("No main meter is reporting")
            expect(visitor.page.locator(".cabinets .number").first).to_have_text("—")
            visitor.shot("live-stale.en")
    finally:
        clock.ahead = 0
