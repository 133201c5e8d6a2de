"""Alarms on the pages: what is typed stays, the evidence is whole, lists are found in, one site is one site."""

import re
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed
from playwright.sync_api import Browser, Page, expect

from analytics.alarms import acts, lifecycle
from schema.finding import Finding
from schema.instant import HOUR, MINUTE
from schema.text import Text
from store.registry.alarms import Alarm
from store.registry.deadletters import Parked, park
from store.registry.people import User
from store.registry.places import Device, Site
from store.registry.roster import Duty
from tests.pages import compound
from tests.pages.conftest import ENGLISH, PASSWORD, Served, View, visiting

pytestmark = pytest.mark.browser
PHONE = View("zh-CN", 390, 844)
_CHART = "element => getElement(Number(element.closest('[id^=c]').id.slice(1))).chart"


def number(served: Served, device: str) -> int:
    """The id of the alarm of a device."""
    with served.compound.context.registry.reading() as session:
        return next(alarm.id for alarm in session.query(Alarm) if alarm.device == device)


def seen(device: str, rule: str, point: str, value: float) -> Finding:
    """Newer evidence than the compound's own."""
    return Finding(
        series=compound.key(device, point) if rule == "cold_chain" else compound.key(device, point).intervals(),
        rule=rule,
        begin=compound.NOW - 3 * HOUR,
        end=compound.NOW - 30 * MINUTE,
        observed=value,
        expected=6.1,
        low=5.2,
        high=7.4,
        unit="kWh",
        severity="warning",
        confidence=0.9,
        reason=Text(f"新证据 {value}", f"newer evidence {value}"),
    )


def drawn(page: Page) -> dict[str, Any]:
    """What the chart really draws: the range of its axis, and the marks in time."""
    chart = page.locator(".chart").first
    expect(chart).to_be_visible()
    said: dict[str, Any] = chart.evaluate(
        f"""element => {{
            const chart = ({_CHART})(element), axis = chart.getModel().getComponent('yAxis').axis.scale.getExtent();
            const lines = chart.getOption().series.flatMap(each => each.markLine?.data ?? []);
            const marks = lines.map(line => line.label.formatter);
            return {{low: axis[0], high: axis[1], marks, width: chart.getWidth()}};
        }}"""
    )
    return said


def test_a_half_typed_comment_outlives_news(chromium: Browser, served: Served) -> None:
    """Newer evidence, and an acknowledgement from elsewhere, are drawn around what is being typed."""
    context, alarm = served.compound.context, number(served, "chill-2")
    with visiting(chromium, served) as visitor:
        page = visitor.page
        page.goto(f"/alarms/{alarm}")
        field = page.locator("textarea[name=comment]")
        field.press_sequentially("已通知厨")
        page.select_option("select[name=cause]", label="设备故障")
        with context.registry.writing() as session:
            lifecycle.apply(session, [seen("chill-2", "cold_chain", "temperature", 9.7)], context.clock())
        context.hub.announce("alarm", {"site": "court", "id": alarm, "effect": "updated"})
        expect(page.locator(".reason").first).to_contain_text("新证据 9.7")
        with context.registry.writing() as session:
            acts.acknowledge(session, alarm, "chief", "", context.clock())
        context.hub.announce("alarm", {"site": "court", "id": alarm, "effect": "acknowledged"})
        expect(page.get_by_role("button", name="确认", exact=True)).to_have_count(0)
        expect(field).to_be_focused()
        field.press_sequentially("师长")
        expect(field).to_have_value("已通知厨师长")
        expect(page.locator("select[name=cause]")).to_have_value("equipment")
        page.get_by_role("button", name="添加备注").click()
        expect(page.locator(".history")).to_contain_text("已通知厨师长")
        expect(field).to_have_value("")


def test_shelving_needs_a_reason_and_can_be_taken_back(chromium: Browser, served: Served) -> None:
    with visiting(chromium, served, ENGLISH) as visitor:
        page = visitor.page
        page.goto(f"/alarms/{number(served, 'gate-south')}")
        page.get_by_role("button", name="Shelve", exact=True).click()
        expect(page.get_by_text("Say why first.")).to_be_visible()
        page.fill("textarea[name=comment]", "gate is being painted")
        page.get_by_role("button", name="Shelve", exact=True).click()
        expect(page.locator(".page")).to_contain_text("Shelved until")
        page.get_by_role("button", name="Take back from the shelf").click()
        expect(page.locator(".page")).not_to_contain_text("Shelved until")
        expect(page.locator(".history")).to_contain_text("gate is being painted")


def test_evidence_is_whole_with_band_and_both_moments(chromium: Browser, served: Served) -> None:
    """Every reading in the frame, as the rate the sentence speaks of; a thin band can be looked at closely."""
    with visiting(chromium, served, PHONE) as visitor:
        page = visitor.page
        page.goto(f"/alarms/{number(served, 'server-room')}")
        chart = page.get_by_role("img", name=re.compile("实测 38.4 kW，预期 24.4（20.8 至 29.6）"))
        expect(chart).to_be_visible()
        words = re.search(r"所示读数 ([\d.]+) 至 ([\d.]+) kW", chart.get_attribute("aria-label") or "")
        assert words is not None
        lowest, highest = (float(value) for value in words.groups())
        shown = drawn(page)
        assert shown["low"] <= min(lowest, 20.8)
        assert shown["high"] >= max(highest, 38.4)
        assert [mark.split(" ")[0] for mark in shown["marks"]] == ["开始", "最新证据"]
        assert shown["width"] > 300
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        visitor.shot("alarm-evidence.phone.zh")


def test_a_thin_band_is_looked_at_closely_on_demand(chromium: Browser, served: Served) -> None:
    context = served.compound.context
    with context.registry.writing() as session:
        (change,) = lifecycle.apply(session, [_leak()], context.clock())
        alarm = change.alarm.id
    with visiting(chromium, served, ENGLISH) as visitor:
        page = visitor.page
        page.goto(f"/alarms/{alarm}")
        whole = drawn(page)
        page.get_by_role("button", name="Around the band").click()
        expect(page.get_by_text("Readings above or below this range are cut off.")).to_be_visible()
        close = drawn(page)
        assert close["high"] < 2 < whole["high"]
        page.get_by_role("button", name="All readings").click()
        expect(page.get_by_text("are cut off")).to_have_count(0)


def _leak() -> Finding:
    return changed(
        seen("water-1", "night_flow", "volume", 0.175),
        expected=0.0,
        low=0.0,
        high=0.01,
        unit="m3",
        reason=Text("夜间流量过高", "the night flow is too high"),
    )


def test_what_an_alarm_explains_is_listed_under_it(chromium: Browser, served: Served) -> None:
    """The list says how many, the page which; the other one leads back."""
    context = served.compound.context
    with context.registry.writing() as session:
        for rule in ("vacancy", "base_load"):
            lifecycle.apply(session, [seen("main-2", rule, "energy", 9.0)], context.clock())
    with visiting(chromium, served, ENGLISH) as visitor:
        page = visitor.page
        page.goto("/alarms")
        row = page.locator("tbody tr", has_text="High base load")
        expect(row).to_contain_text("explains 1 more")
        expect(page.locator("tbody tr", has_text="Load while nobody is in")).to_have_count(0)
        row.get_by_role("link").click()
        expect(page.get_by_role("heading", name="Explained by this")).to_be_visible()
        page.get_by_role("link", name=re.compile("Load while nobody is in")).click()
        expect(page.locator(".page-head")).to_contain_text("Suppressed by design")
        expect(page.locator(".figures").first).to_contain_text("Explained by")


def test_alarms_are_found_by_priority_words_and_time(chromium: Browser, served: Served) -> None:
    with visiting(chromium, served, ENGLISH) as visitor:
        page = visitor.page
        page.goto("/alarms")
        rows = page.locator("tbody tr")
        page.get_by_label("Priority").select_option(label="High")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("Chilled cabinet 2")
        page.get_by_label("Priority").select_option(label="Any priority")
        page.get_by_role("searchbox").fill("silent south")
        expect(rows).to_have_count(1)
        expect(page.locator(".page-head")).to_contain_text("1 shown")
        expect(page.get_by_label("Period")).to_be_hidden()
        page.get_by_role("button", name="Closed").click()
        expect(page.get_by_label("Period")).to_be_visible()
        expect(page.get_by_text("No alarms in this state")).to_be_visible()


@pytest.mark.parametrize("view", [PHONE, ENGLISH])
def test_performance_reads_well_in_both_languages(chromium: Browser, served: Served, view: View) -> None:
    with visiting(chromium, served, view) as visitor:
        page = visitor.page
        page.goto("/alarms")
        chinese = view.locale == "zh-CN"
        page.get_by_role("link", name="告警绩效" if chinese else "Alarm performance").click()
        expect(page.locator(".key-figure")).to_have_count(4)
        expect(page.locator(".performance")).to_contain_text("目标" if chinese else "Target")
        page.get_by_role("button", name="30 天" if chinese else "30 d").click()
        expect(page.locator(".worst")).to_contain_text("没有重复触发的原因" if chinese else "No cause was raised twice")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        visitor.shot(f"alarm-performance.{view.locale}.{view.width}")


def test_a_roster_with_a_channel_nobody_set_up_is_refused_and_told(chromium: Browser, served: Served) -> None:
    context = served.compound.context
    object.__setattr__(context, "channels", frozenset({"duty", "night", "weekend"}))
    try:
        with visiting(chromium, served) as visitor:
            page = visitor.page
            page.goto("/alarms/care")
            expect(page.get_by_role("alert")).to_contain_text("chief 未在配置 alarms.channels 中")
            last = page.locator(".shift").last
            last.get_by_label("渠道").fill("chef")
            page.get_by_role("button", name="保存值班表").click()
            expect(page.get_by_role("status")).to_contain_text(
                "渠道未在配置 alarms.channels 中，已配置：duty、night、weekend"
            )
            last.get_by_label("渠道").fill("night")
            page.get_by_role("button", name="保存值班表").click()
            expect(page.get_by_role("status")).to_contain_text("值班表已保存")
            expect(page.get_by_role("alert")).to_have_count(0)
    finally:
        object.__setattr__(context, "channels", None)
    with context.registry.reading() as session:
        assert {duty.channel for duty in session.query(Duty)} == {"duty", "night", "weekend"}


def test_one_site_is_all_that_a_person_of_one_site_meets(chromium: Browser, served: Served) -> None:
    """No page, list or click leads to another compound; to an administrator all are there."""
    context = served.compound.context
    foreign = _elsewhere(served)
    compound.add_user(served.compound, "local", PASSWORD, "operator", site="court")
    with visiting(chromium, replace(served, signed_in=None), ENGLISH) as visitor:
        page = visitor.page
        visitor.sign_in("local", PASSWORD)
        for path in ("/?site=far", "/devices?site=far", "/alarms?site=far", "/alarms/care?site=far"):
            page.goto(path)
            expect(page.locator(".brand")).to_contain_text("Municipal compound")
            expect(page.locator("details.sites")).to_have_count(0)
            expect(page.locator("body")).not_to_contain_text("Far meter")
        page.goto(f"/alarms/{foreign}")
        expect(page.locator(".page")).to_contain_text("There is no such alarm")
        visitor.page.goto("/devices/far/far-1")
        expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
        visitor.faults.clear()  # the browser tells of the 404
        page.goto("/dead-letters?within=far")
        expect(page.locator("tbody tr").first).to_be_visible()
        expect(page.locator(".page")).not_to_contain_text("far-1")
        page.goto("/alarms")
        row = page.locator("tbody tr", has_text="South gate")
        with context.registry.writing() as session:
            session.get_one(User, "local").site = "far"
        row.get_by_role("button", name="Acknowledge").click()
        expect(page.get_by_text("You may not do this")).to_be_visible()
    with visiting(chromium, served, ENGLISH) as visitor:
        visitor.page.goto(f"/alarms/{foreign}")
        expect(visitor.page.locator(".brand")).to_contain_text("Far compound")
        expect(visitor.page.locator("details.sites")).to_have_count(1)


def _elsewhere(served: Served) -> int:
    """Another site with a device, a dead letter and an alarm; the id of that."""
    context = served.compound.context
    with context.registry.writing() as session:
        session.add(Site(id="far", title_zh="远处院区", title_en="Far compound", timezone="Europe/London"))
        session.flush()
        session.add(
            Device(
                site="far",
                id="far-1",
                building="b1",
                kind="electricity_meter",
                title_zh="远处电表",
                title_en="Far meter",
                interval=60.0,
                state="online",
                state_since=compound.NOW,
            )
        )
        session.flush()
        topic = "dayuan/far/b1/electricity_meter/far-1/readings"
        park(session, [Parked(topic, "far", "far-1", "undecodable", "far-1 is garbled", b"?")], compound.NOW)
        series = compound.key("main-1", "energy")._replace(site="far", device="far-1").intervals()
        (change,) = lifecycle.apply(
            session, [changed(seen("main-1", "seasonal", "energy", 9.0), series=series)], compound.NOW
        )
        return change.alarm.id
