"""Numbers and languages as people read them."""

from decimal import Decimal

import pytest
from starlette.requests import Request

from api.pages.elements.number import change, figure, percent, when
from api.pages.frame.visit import language


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "—"),
        (float("nan"), "—"),
        (0.0, "0"),
        (0.456, "0.46"),
        (12.34, "12.3"),
        (-18.06, "−18.1"),
        (1234.5678, "1,235"),
        (Decimal("2681.4"), "2,681"),
    ],
)
def test_figures_are_short_and_missing_is_a_dash(value: float | Decimal | None, shown: str) -> None:
    assert figure(value) == shown


def test_shares_and_changes() -> None:
    assert percent(0.147, 1) == "14.7%"
    assert percent(None) == "—"
    assert change(105.0, 100.0) == "+5%"
    assert change(80.0, 100.0) == "−20%"
    assert change(None, 100.0) is None
    assert change(5.0, 0.0) is None


def test_times_of_today_need_no_date() -> None:
    assert when("2026-05-20T09:30:00+08:00", "2026-05-20") == "09:30"
    assert when("2026-05-19T09:30:00+08:00", "2026-05-20") == "2026-05-19 09:30"


@pytest.mark.parametrize(
    ("headers", "spoken"),
    [
        ({}, "zh"),
        ({"accept-language": "en-GB,en;q=0.9"}, "en"),
        ({"accept-language": "fr,en;q=0.5,zh-CN;q=0.8"}, "zh"),
        ({"accept-language": "en;q=nonsense"}, "zh"),
        ({"accept-language": "en", "cookie": "dayuan_language=zh"}, "zh"),
        ({"accept-language": "zh", "cookie": "dayuan_language=xx"}, "zh"),
    ],
)
def test_language_is_chosen_then_preferred_then_chinese(headers: dict[str, str], spoken: str) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert language(Request({"type": "http", "headers": raw})) == spoken
