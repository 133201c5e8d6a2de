"""A carrier's books as a card: today, the month, and the month against its target on a ruler."""

from nicegui.element import Element

from analytics.live.board import CarrierBooks, TargetTrack
from api.pages import text
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import figure, percent
from api.pages.elements.unit import unit
from api.pages.frame.visit import Visit
from api.pages.live import text_live

_CARRIERS = ("electricity", "water", "gas", "heat")


def draw(visit: Visit, books: CarrierBooks) -> None:
    """The card of one carrier."""
    sign = books.carrier if books.carrier in _CARRIERS else "target"
    with box("article", f"panel carrier {sign}", aria_label=visit.say(books.title)):
        with box("div", "panel-head"):
            with box("h2", "panel-title"):
                icon(sign)
                say("span", visit.say(books.title))
            if books.target:
                tone.chip(visit, tone.TARGET[books.target.status])
        with box("div", "pair"):
            _reading(visit.say(text_live.TODAY), books.today, unit(books.unit), "large")
            _reading(visit.say(text_live.THIS_MONTH), books.month, unit(books.unit), "")
        yesterday = f"{figure(books.yesterday)} {unit(books.unit)}"
        words = text_live.YESTERDAY if books.yesterday is not None else text_live.NO_YESTERDAY
        say("p", visit.say(words, value=yesterday), "hint")
        if books.target:
            ruler(visit, books.target)
            say("p", visit.say(books.target.why), "hint why")
        else:
            say("p", visit.say(text_live.NO_TARGET), "hint")
        _doubt(visit, books)


def ruler(visit: Visit, target: TargetTrack) -> None:
    """Used, allowed to date, forecast and limit on one scale, and the same in a row of figures."""
    known = [value for value in (target.used, target.limit, target.forecast, target.allowed_to_date) if value]
    full = max(known, default=1.0) * 1.06
    shown = unit(target.unit)
    words = visit.say(
        text_live.RULER,
        used=figure(target.used),
        allowed=figure(target.allowed_to_date),
        forecast=figure(target.forecast),
        limit=figure(target.limit),
        unit=shown,
    )
    with box("div", f"ruler {tone.TARGET[target.status].css}", role="img", aria_label=words):
        box("span", "ruler-allowed").style(f"width:{_share(target.limit, full)}")
        if target.forecast is not None:
            box("span", "ruler-forecast").style(f"width:{_share(target.forecast, full)}")
        if target.used is not None:
            box("span", "ruler-used").style(f"width:{_share(target.used, full)}")
        if target.allowed_to_date is not None:
            box("span", "ruler-mark").style(f"left:{_share(target.allowed_to_date, full)}")
        box("span", "ruler-limit").style(f"left:{_share(target.limit, full)}")
    with box("dl", "figures"):
        for title, value, key in (
            (text_live.USED, target.used, "used"),
            (text_live.ALLOWED, target.allowed_to_date, "allowed"),
            (text_live.FORECAST, target.forecast, "forecast"),
            (text_live.LIMIT, target.limit, "limit"),
        ):
            with box("div", key):
                say("dt", visit.say(title))
                say("dd", figure(value))


def _reading(title: str, value: float | None, shown: str, size: str) -> Element:
    with box("div", f"reading {size}") as element:
        say("span", title, "reading-title")
        with box("span", "reading-value"):
            say("span", figure(value), "number")
            if value is not None:
                say("span", shown, "unit")
    return element


def _doubt(visit: Visit, books: CarrierBooks) -> None:
    """What share of the month is estimated or unknown, where it matters."""
    words = []
    if books.estimated_share:
        words.append(visit.say(text.ESTIMATED, share=percent(books.estimated_share, 1)))
    if books.month is not None and books.coverage < 0.995:
        words.append(visit.say(text_live.COVERAGE, share=percent(books.coverage)))
    if words:
        say("p", " · ".join(words), "hint watch")


def _share(value: float, full: float) -> str:
    return f"{max(0.0, min(1.0, value / full)) * 100:.2f}%"
