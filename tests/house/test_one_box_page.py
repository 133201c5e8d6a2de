"""`make run` seen by its user: it starts, shows a living compound, stops, and goes on where it was."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.house.one_box import PASSWORD, OneBox, one_box
from tests.pages.conftest import CHINESE, Served, Visitor, chromium

__all__ = ["chromium"]
pytestmark = [pytest.mark.broker, pytest.mark.browser]


def test_a_simulated_compound_comes_alive_on_the_page_and_again_after_a_restart(
    tmp_path: Path, chromium: Browser
) -> None:
    with one_box(tmp_path, simulation=True) as (box, _):
        box.environment["DAYUAN_SIMULATION__DAYS"] = "14"
        box.start()
        assert box.address in box.said()
        box.sign_in()
        overview = box.wait(lambda: shows(box.get("/sites/demo/overview")))
        assert overview["power"]["kw"] > 10
        main = box.get("/sites/demo/consumption?device=main-elec&period=day")[0]["rows"]
        assert all(row["value"] > 500 for row in main[1:-1])

        visitor = Visitor(chromium, Served(None, box.address), CHINESE)  # type: ignore[arg-type]
        visitor.sign_in("admin", PASSWORD)
        page = visitor.page
        page.goto("/")
        power = page.locator(".hero-number")
        expect(power).to_have_text(re.compile(r"\d"), timeout=90_000)
        before = power.inner_text()
        expect(power).not_to_have_text(before, timeout=90_000)
        visitor.shot("one-box-zh")
        page.get_by_role("link", name=re.compile("设备")).first.click()
        expect(page.get_by_text("总进线电表")).to_be_visible()
        visitor.close()

        register = latest(box, "main-elec", "energy")
        box.stop()
        box.start()
        assert "admin and your password" in box.said()
        assert box.wait(lambda: (value := latest(box, "main-elec", "energy")) > register and value) < register + 50
        assert box.get("/dead-letters")["counts"] == {}
        box.stop()


def shows(overview: dict[str, Any]) -> dict[str, Any]:
    return overview if overview["power"]["kw"] is not None and overview["power_today"]["typical"] else {}


def latest(box: OneBox, device: str, point: str) -> float:
    points = box.get(f"/sites/demo/devices/{device}")["points"]
    return float(next(row for row in points if row["name"] == point)["value"])
