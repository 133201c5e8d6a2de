"""Consumption of a register by period: as bars, with the quality of each and the rules behind what is not measured."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from analytics.books.consumption import Books, Period, consumption
from analytics.books.ledger import INTERVAL
from analytics.books.rules import RULES, Rule, rule_of
from api.context import Context
from api.pages import text
from api.pages.books import text_books
from api.pages.devices.trend import colour
from api.pages.elements import curve, tone
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import figure, moment, percent
from api.pages.elements.unit import unit
from api.pages.frame.visit import Visit
from api.routes.sites import QUALITIES
from devices.kind import Point
from schema.instant import DAY, HOUR, to_datetime
from schema.series import Quality
from store.registry.places import Device

_BARS: dict[Period, int] = {"hour": 48 * HOUR, "day": 31 * DAY, "month": 730 * DAY}
_FORMATS: dict[Period, str] = {"hour": "%m-%d %H:%M", "day": "%m-%d", "month": "%Y-%m"}


class Applied(NamedTuple):
    """A rule and what came about by it: so many intervals, between two instants, that sum up to a value."""

    rule: Rule
    intervals: int
    begin: int
    end: int
    value: float


class Booked(NamedTuple):
    """Consumption by period, and the rules that applied in all of them."""

    books: Books
    applied: list[Applied]


def booked(context: Context, device: Device, register: Point, period: Period, newest: int, zone: ZoneInfo) -> Booked:
    """Consumption of the last periods up to the newest reading; blocks on the store."""
    key, start, end = device.series(register.name), newest - _BARS[period], newest + 1
    books = consumption(context.store, [key], start, end, period, zone)
    if not len(books.start):
        return Booked(books, [])
    rows = context.store.read([key.intervals()], int(books.start[0]), int(books.end[-1]))
    marks = rule_of(rows.quality)
    applied = []
    for code in np.unique(marks).tolist():
        if code in RULES:
            of = marks == code
            begin, last = int(rows.time[of].min()), int(rows.time[of].max())
            applied.append(Applied(RULES[code], int(of.sum()), begin, last + INTERVAL, float(rows.value[of].sum())))
    return Booked(books, applied)


def draw_booked(visit: Visit, device: Device, register: Point, found: Booked, period: Period) -> None:
    """One bar a period, what is estimated of it hatched; then quality and rules in words."""
    books = found.books
    if not len(books.start):
        say("p", visit.say(text_books.NO_CONSUMPTION), "nothing")
        return
    shown = unit(register.unit)
    labels = [to_datetime(time).astimezone(visit.zone).strftime(_FORMATS[period]) for time in books.start.tolist()]
    guessed = books.value * books.estimated
    words = visit.say(text_books.BARS_TEXT, count=len(labels), total=figure(float(books.value.sum())), unit=shown)
    options = curve.axes(labels, shown, zero=True)
    options["xAxis"]["boundaryGap"] = True
    name, hue = visit.say(text.CONSUMPTION), colour(device)
    series = [curve.bars(name, (books.value - guessed).round(3).tolist(), hue, stack="books")]
    if guessed.any():
        estimated = curve.bars(visit.say(text_books.ESTIMATED), guessed.round(3).tolist(), hue, stack="books")
        estimated["itemStyle"] |= {"opacity": 0.75, "decal": _hatching()}
        series.append(estimated)
    curve.chart({**options, "series": series}, f"{name}: {words}", "240px")
    share = float(guessed.sum() / books.value.sum()) if books.value.sum() else 0.0
    doubt = f" · {visit.say(text.ESTIMATED, share=f'{share:.1%}')}" if share > 0.0005 else ""
    say("p", words + doubt, "hint")
    _qualities(visit, books)
    _doubtful(visit, books, labels, shown)
    _rules(visit, found.applied, shown)


def _hatching() -> curve.Options:
    return {
        "symbol": "rect",
        ":color": curve.css("card"),
        "dashArrayX": [1, 0],
        "dashArrayY": [2, 3],
        "rotation": -0.78,
    }


def _qualities(visit: Visit, books: Books) -> None:
    """How many periods are of which quality."""
    with box("div", "chips", role="group", aria_label=visit.say(text_books.QUALITY)):
        for quality in Quality:
            count = int((books.quality == quality).sum())
            if count:
                look = tone.QUALITY[QUALITIES[quality]]
                with box("span", f"chip {look.css}"):
                    icon(look.sign)
                    say("span", f"{visit.say(look.words)} {count}")


def _doubtful(visit: Visit, books: Books, labels: list[str], shown: str) -> None:
    rows = np.flatnonzero(books.quality != Quality.MEASURED)[::-1].tolist()
    if not rows:
        return
    with box("details", "more-form"):
        say("summary", visit.say(text_books.DOUBTFUL, count=len(rows)), "button")
        with box("table", "rows"):
            with box("thead"), box("tr"):
                say("th", visit.say(text_books.PERIOD), scope="col")
                say("th", visit.say(text_books.QUALITY), scope="col")
                for title in (text.CONSUMPTION, text_books.COVERED, text_books.GUESSED):
                    say("th", visit.say(title), "number", scope="col")
            with box("tbody"):
                for row in rows:
                    with box("tr"):
                        say("th", labels[row], scope="row")
                        with box("td"):
                            tone.chip(visit, tone.QUALITY[QUALITIES[books.quality[row]]])
                        say("td", f"{figure(float(books.value[row]))} {shown}", "number")
                        say("td", percent(float(books.covered[row])), "number")
                        say("td", percent(float(books.estimated[row])), "number")


def _rules(visit: Visit, applied: list[Applied], shown: str) -> None:
    if not applied:
        return
    say("h3", visit.say(text_books.RULES_APPLIED), "sub-title")
    with box("ul", "history"):
        for one in applied:
            with box("li"):
                say("span", visit.say(one.rule.text))
                use = visit.say(
                    text_books.RULE_USE,
                    count=one.intervals,
                    begin=moment(one.begin, visit.zone),
                    end=moment(one.end, visit.zone),
                    value=figure(one.value),
                    unit=shown,
                )
                named = visit.say(text_books.RULE_VERSION, name=one.rule.name, version=one.rule.version)
                say("small", f"{use} · {named}")
