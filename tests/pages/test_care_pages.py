"""What people set and put right on the pages: the roster, treatments, what is out of service, dead letters."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from api.alarm_care import shift_of
from ingest.pipeline import Pipeline
from store.registry.alarms import Alarm
from store.registry.deadletters import Search, count
from store.registry.people import Audit, User
from store.registry.roster import duties
from store.registry.treatments import out_of_service, treatments
from tests.pages import compound
from tests.pages.conftest import ENGLISH, PASSWORD, Served, View, visiting

pytestmark = pytest.mark.browser


def audited(served: Served) -> set[tuple[str, str]]:
    """Who did what."""
    with served.compound.context.registry.reading() as session:
        return {(row.actor, row.action) for row in session.scalars(select(Audit))}


def test_a_roster_is_edited_checked_and_saved(chromium: Browser, served: Served) -> None:
    with visiting(chromium, served) as visitor:
        page = visitor.page
        page.goto("/alarms")
        page.get_by_role("link", name="告警设置").click()
        expect(page.locator(".on-duty dd")).to_have_text(["duty", "chief"])
        expect(page.get_by_role("img", name="第一级 · 无人值班：每周 36 小时")).to_be_visible()
        save = page.get_by_role("button", name="保存值班表")
        expect(save).to_be_hidden()
        first = page.locator(".shift").first
        first.get_by_role("button", name="六").click()
        page.get_by_role("button", name="添加班次").click()
        added = page.locator(".shift").last
        expect(added.get_by_label("渠道")).to_be_focused()
        added.get_by_label("渠道").fill("Not A Name")
        save.click()
        expect(page.get_by_role("status")).to_contain_text("第 5 班的渠道名")
        added.get_by_label("渠道").fill("minister")
        added.get_by_label("级别").select_option(label="第三级")
        added.get_by_label("开始").fill("09:30")
        save.click()
        expect(page.get_by_role("status")).to_contain_text("已保存，共 5 班")
        expect(page.locator(".on-duty dd")).to_have_text(["duty", "chief", "minister"])
        visitor.shot("alarm-care-saved.zh")
        page.reload()
        expect(page.locator(".shift").last.get_by_label("开始")).to_have_value("09:30")
    with served.compound.context.registry.reading() as session:
        shifts = [shift_of(row) for row in duties(session, "court")]
    assert (shifts[0].channel, shifts[0].days) == ("duty", "1111110")
    assert (shifts[-1].channel, shifts[-1].tier, shifts[-1].start, shifts[-1].end) == ("minister", 3, "09:30", "00:00")
    assert ("admin", "roster set") in audited(served)


def test_an_operator_eases_and_puts_back_but_does_not_plan(chromium: Browser, served: Served) -> None:
    """On a phone; and once the role is gone, a page that is still open changes nothing."""
    compound.add_user(served.compound, "duty", PASSWORD, "operator")
    registry = served.compound.context.registry
    with visiting(chromium, replace(served, signed_in=None), View("en-GB", 390, 844)) as visitor:
        page = visitor.page
        visitor.sign_in("duty", PASSWORD)
        page.goto("/alarms/care")
        expect(page.locator(".shift")).to_have_count(0)
        expect(page.locator(".roster")).to_contain_text("needs the administrator role")
        page.get_by_role("button", name="Undo: All devices, Meter or sensor stuck").click()
        expect(page.get_by_role("rowheader", name="All devices")).to_have_count(0)
        page.locator("summary", has_text="Ease a rule").click()
        page.get_by_label("Tolerance").fill("99")
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.get_by_text("a tolerance 1 to 5")).to_be_visible()
        page.get_by_label("Tolerance").fill("1.5")
        page.get_by_label("On-delay").fill("30")
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.get_by_text("30 min / 0 min")).to_be_visible()
        page.get_by_role("button", name="Put back in service: Canteen terminal 1").click()
        expect(page.get_by_text("Nothing is out of service")).to_be_visible()
        page.locator("summary", has_text="Take a device out").click()
        form = page.locator(".more-form").last
        form.locator("select").first.select_option(label="Gas main")
        form.get_by_role("button", name="Take out", exact=True).click()
        expect(page.get_by_text("Say why first.")).to_be_visible()
        form.get_by_label("Why").fill("new valve")
        form.get_by_role("button", name="Take out", exact=True).click()
        expect(page.get_by_text("until put back").first).to_be_visible()
        visitor.shot("alarm-care-operator.en.390")
        with registry.writing() as session:
            session.get_one(User, "duty").role = "viewer"
        page.get_by_role("button", name="Put back in service: Gas main").click()
        expect(page.get_by_text("You may not do this")).to_be_visible()
        page.reload()
        expect(page.locator(".page")).to_contain_text("needs the operator role")
    with registry.reading() as session:
        assert [(row.device, row.until) for row in out_of_service(session, "court")] == [("gas-1", None)]
        eased = [(row.device, row.on_delay // 60_000_000, row.tolerance) for row in treatments(session, "court")]
    assert eased == [("", 30, 1.5), ("gas-1", 15, 1.0)]
    told = {"alarm treatment set", "alarm treatment dropped", "out of service", "back in service"}
    assert {("duty", action) for action in told} <= audited(served)


def test_letters_are_found_read_and_taken_in_again(chromium: Browser, served: Served) -> None:
    """The result is that of ingest itself: taken in, refused again, or not possible."""
    context = served.compound.context
    with visiting(chromium, served) as visitor:
        page = visitor.page
        page.goto("/dead-letters")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(23)
        page.get_by_role("link", name="15 未知设备").click()
        expect(rows).to_have_count(15)
        page.get_by_role("link", name="清除条件").click()
        page.get_by_role("textbox", name="设备").fill("main-1")
        page.get_by_role("searchbox").fill("voltage")
        page.get_by_role("button", name="查找").click()
        expect(rows).to_have_count(2)
        rows.get_by_role("link", name="超出合理范围").click()
        expect(page.locator(".reason")).to_contain_text("超出该类测点可能的范围")
        expect(page.get_by_label("内容")).to_contain_text('"v": 2314000000.0')
        page.goto("/dead-letters?device=main-1&from=2026-05-20T12:00&to=2026-05-20T12:30")
        page.get_by_role("button", name="全部重新接收（7）").click()
        expect(page.get_by_role("status")).to_contain_text("6 条等待接入服务处理")
        Pipeline(context.store, context.registry, context.clock).retry(100)
        expect(page.get_by_role("status")).to_have_text(
            "2 条已接收 · 4 条再次被拒，原因已更新 · 1 条无法重试：只保留了开头，或已不在"
        )
        expect(rows).to_have_count(5)
        expect(page.locator(".counts li")).to_have_count(3)
        expect(rows.filter(has_text="已重试 1 次")).to_have_count(4)
        visitor.shot("dead-letters-replayed.zh")
        page.goto("/dead-letters?from=nonsense&reason=expired")
        expect(page.locator(".page")).to_contain_text("时间写法有误")
        expect(page.locator(".page")).to_contain_text("没有符合条件的死信")
    newest = context.store.latest([compound.key("main-1", "voltage")])
    assert 231.4 in context.store.read([compound.key("main-1", "voltage")], 0, compound.NOW).value.tolist()
    assert len(newest) == 1
    assert ("admin", "dead letters replayed") in audited(served)


def test_letters_are_discarded_only_after_a_second_word(chromium: Browser, served: Served) -> None:
    registry = served.compound.context.registry

    def left() -> int:
        with registry.reading() as session:
            return count(session, Search(device="water-9"))

    with visiting(chromium, served, ENGLISH) as visitor:
        page = visitor.page
        page.goto("/dead-letters?device=water-9")
        page.locator("tbody a").first.click()
        page.get_by_role("button", name="Discard", exact=True).click()
        page.get_by_role("button", name="Discard for good").click()
        expect(page.get_by_role("status")).to_have_text("1 discarded.")
        expect(page.locator(".page")).to_contain_text("no longer here")
        assert left() == 14
        page.goto("/dead-letters?device=water-9")
        page.get_by_role("button", name="Discard all (14)").click()
        page.get_by_role("button", name="Keep").click()
        assert left() == 14
        page.get_by_role("button", name="Discard all (14)").click()
        expect(page.get_by_text("cannot be brought back")).to_be_visible()
        page.get_by_role("button", name="Discard for good").click()
        expect(page.get_by_role("status")).to_have_text("14 discarded.")
        expect(page.locator(".page")).to_contain_text("No dead letter matches")
    assert left() == 0


def test_a_device_tells_how_its_books_came_about(chromium: Browser, served: Served) -> None:
    """Estimated and partial periods are told from measured ones, with their rules, and what was changed later."""
    with visiting(chromium, served, View("en-GB", 1280, 900)) as visitor:
        page = visitor.page
        page.goto("/devices/court/main-1")
        expect(page.locator(".booked .chips .chip")).to_have_text(["Measured 41", "Partial 2", "Estimated 5"])
        expect(page.locator(".booked")).to_contain_text("20 quarter hours, 2026-05-19 01:00 to 2026-05-19 06:00")
        page.locator("summary", has_text="Periods not wholly measured (7)").click()
        expect(page.locator(".booked tbody tr")).to_have_count(7)
        changed = page.locator("section", has_text=re.compile("^Changes of the books"))
        expect(changed.locator("tbody tr").first).to_contain_text("80.1→96.4 kWh")
        expect(changed.locator("tbody tr").first).to_contain_text("The missing readings came (2026-05-17 01:00")
        visitor.shot("device-books.en")
        page.goto("/devices/court/gas-1")
        expect(page.locator(".page")).to_contain_text("No changes: all that was booked stands as it was")


def test_an_alarm_tells_its_likely_cause_and_what_it_costs(chromium: Browser, served: Served) -> None:
    with served.compound.context.registry.reading() as session:
        number = session.scalars(select(Alarm.id).where(Alarm.device == "server-room")).one()
    with visiting(chromium, served) as visitor:
        page = visitor.page
        page.goto(f"/alarms/{number}")
        expect(page.locator(".costs li")).to_have_text(["14kWh/小时", "11.5元/小时", "7.97kgCO₂/小时"])
        expect(page.locator(".page")).to_contain_text("可能原因设备未关")
        expect(page.locator(".page")).to_contain_text("20.8 至 29.6 kW")
        expect(page.get_by_role("link", name="main-2 · 有功功率")).to_be_visible()
        page.goto(f"/alarms/{number + 1}")
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator(".costs")).to_have_count(0)
