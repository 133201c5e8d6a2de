"""Alarm performance: the key figures of ISA-18.2 and EEMUA 191 against their targets, and what to mend first."""

import asyncio
from typing import Literal

from analytics.alarms import performance as figures
from analytics.alarms.lifecycle import RANK
from analytics.alarms.performance import Performance
from api.pages import text
from api.pages.alarms import text_alarms, text_performance
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import DASH, figure, moment, percent
from api.pages.elements.pane import Pane
from api.pages.elements.segments import segments
from api.pages.elements.tone import Tone
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit
from schema.instant import DAY, MINUTE
from schema.text import Text
from store.registry.alarms import Alarm

Range = Literal["day", "week", "month"]
_LENGTHS: dict[Range, int] = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
_RANGES: dict[Range, Text] = {
    "day": text_performance.RANGE_DAY,
    "week": text_performance.RANGE_WEEK,
    "month": text_performance.RANGE_MONTH,
}
_GOOD = Tone("good", "good", text_performance.GOOD)
_WATCH = Tone("watch", "watch", text_performance.WATCH)
_BAD = Tone("bad", "bad", text_performance.BAD)
_FEW = Tone("quiet", "unknown", text_performance.FEW)
MOST_LISTED = 10


async def show(visit: Visit) -> None:
    """The page, of the last week until another period is chosen."""
    with frame(visit, text_performance.PERFORMANCE):
        with box("a", "back", href=visit.link("/alarms")):
            icon("back")
            say("span", visit.say(text_alarms.BACK_ALARMS))
        with box("div", "page-head"):
            say("h1", visit.say(text_performance.PERFORMANCE))
            say("span", visit.say(text_performance.HINT), "aside")
        with box("div", "filters"):
            segments(visit, text_performance.RANGE, _RANGES, "week", lambda name: draw(name))  # noqa: PLW0108 - defined below
        body = Pane[Performance](box("div", "performance"), lambda found: _draw(visit, found))

    async def draw(name: Range) -> None:
        if visit.site is not None:
            body.show(await asyncio.to_thread(_read, visit, visit.site.id, _LENGTHS[name]))

    await draw("week")


def _read(visit: Visit, site: str, length: int) -> Performance:
    now = visit.context.clock()
    with visit.context.registry.reading() as session:
        return figures.performance(session, site, now - length, now, now)


def _draw(visit: Visit, found: Performance) -> None:
    with box("section", "panel key-figure"):
        _load(visit, found)
    with box("section", "panel key-figure"):
        _floods(visit, found)
    with box("section", "panel key-figure"):
        _listed(
            visit, text_performance.STANDING, text_performance.STANDING_TARGET, found.standing, figures.MOST_STANDING
        )
    with box("section", "panel key-figure"):
        _listed(visit, text_performance.FLAPPING, text_performance.FLAPPING_TARGET, found.flapping, 0)
    with box("section", "panel worst"):
        _worst(visit, found)
    with box("section", "panel priorities"):
        _priorities(visit, found)


def _load(visit: Visit, found: Performance) -> None:
    per = found.per_interval
    over = per > figures.PER_INTERVAL or found.peak > figures.FLOOD
    _head(visit, text_performance.PER_INTERVAL, _BAD if per > figures.MOST_PER_INTERVAL else _WATCH if over else _GOOD)
    say("p", visit.say(text_performance.BELOW) if 0 < per < 0.01 else figure(per, 2), "big number")
    days = (found.end - found.start) / DAY
    say("p", visit.say(text_performance.PER_DAY, count=figure(found.raised / days), peak=found.peak))
    per_day = round(figures.PER_INTERVAL * DAY / figures.INTERVAL)
    target, most = figure(figures.PER_INTERVAL), figure(figures.MOST_PER_INTERVAL)
    say("p", visit.say(text_performance.PER_INTERVAL_TARGET, target=target, most=most, day=per_day), "hint")


def _floods(visit: Visit, found: Performance) -> None:
    shown = _GOOD if not found.floods else _WATCH if found.flooded < figures.FLOODED else _BAD
    _head(visit, text_performance.FLOODS, shown)
    with box("p", "big number"):
        say("span", figure(len(found.floods)))
        if found.floods:
            say("span", visit.say(text_performance.FLOODED, share=percent(found.flooded, 1)), "unit")
    if not found.floods:
        say("p", visit.say(text_performance.NO_FLOODS))
    with box("ul", "history"):
        for flood in found.floods[-3:]:
            words = visit.say(
                text_performance.FLOOD_LINE,
                begin=moment(flood.begin, visit.zone),
                minutes=(flood.end - flood.begin) // MINUTE,
                raised=flood.raised,
                peak=flood.peak,
            )
            say("li", words)
    target = percent(figures.FLOODED)
    say(
        "p",
        visit.say(text_performance.FLOODS_TARGET, flood=figures.FLOOD, over=figures.FLOOD_OVER, target=target),
        "hint",
    )


def _listed(visit: Visit, title: Text, target: Text, alarms: list[Alarm], most: int) -> None:
    """Open alarms that should be few."""
    _head(visit, title, _BAD if len(alarms) > most else _WATCH if alarms else _GOOD)
    say("p", figure(len(alarms)), "big number")
    if not alarms:
        say("p", visit.say(text_performance.NONE_NOW))
    with box("ul", "history"):
        for alarm in alarms[:MOST_LISTED]:
            with box("li"):
                say("a", visit.say(alarm.title), "name", href=f"/alarms/{alarm.id}")
                say("small", visit.say(text_alarms.SINCE_WHEN, when=moment(alarm.raised, visit.zone)))
    say("p", visit.say(target, target=most), "hint")


def _worst(visit: Visit, found: Performance) -> None:
    share = found.top_share
    _head(visit, text_performance.WORST, _FEW if share is None else _GOOD if share <= figures.TOP_SHARE else _WATCH)
    if not found.worst:
        none = text_performance.NONE_OFTEN if found.raised else text_performance.NOTHING_RAISED
        say("p", visit.say(none), "nothing")
        return
    most = found.worst[0].raised
    with box("table", "rows"):
        with box("thead"), box("tr"):
            say("th", visit.say(text_alarms.ALARM), scope="col")
            say("th", visit.say(text.DEVICE), scope="col")
            say("th", visit.say(text_performance.TIMES), "number", scope="col")
        with box("tbody"):
            for actor in found.worst:
                with box("tr"):
                    with box("th", scope="row"):
                        say("a", visit.say(actor.title), "name", href=f"/alarms/{actor.alarm}")
                        box("div", "bar").style(f"width:{100 * actor.raised / most:.0f}%")
                    say("td", actor.device, "code")
                    say("td", figure(actor.raised), "number")
    few = visit.say(text_performance.TOP_FEW, enough=figures.ENOUGH)
    words = few if share is None else visit.say(text_performance.TOP_SHARE, share=percent(share))
    say("p", f"{words} · {visit.say(text_performance.WORST_TARGET, target=percent(figures.TOP_SHARE))}", "hint")


def _priorities(visit: Visit, found: Performance) -> None:
    say("h2", visit.say(text_performance.PRIORITIES), "panel-title")
    with box("table", "rows"):
        with box("thead"), box("tr"):
            say("th", visit.say(text_alarms.PRIORITY), scope="col")
            for title in (text_performance.COUNT, text_performance.SHARE, text_performance.ANSWER):
                say("th", visit.say(title), "number", scope="col")
        with box("tbody"):
            for priority in sorted(RANK, key=RANK.__getitem__, reverse=True):
                count, wait = found.priorities.get(priority, 0), found.answer.get(priority)
                with box("tr"):
                    with box("th", scope="row"):
                        tone.chip(visit, tone.PRIORITY[priority])
                    say("td", figure(count), "number")
                    say("td", percent(count / found.raised) if found.raised else DASH, "number")
                    minutes = (
                        DASH if wait is None else visit.say(text_performance.MINUTES, minutes=figure(wait / MINUTE))
                    )
                    say("td", minutes, "number")
    about = {priority: percent(share) for priority, share in figures.PRIORITIES.items()}
    say("p", visit.say(text_performance.PRIORITIES_TARGET, **about), "hint")
    say("h3", visit.say(text_performance.QUIET), "sub-title")
    with box("dl", "figures"):
        for title, count in (
            (text_performance.SHELVED, found.shelved),
            (text_performance.SUPPRESSED, found.suppressed),
            (text_performance.REMOVED, found.removed),
        ):
            with box("div"):
                say("dt", visit.say(title))
                say("dd", figure(count))


def _head(visit: Visit, title: Text, shown: Tone) -> None:
    with box("div", "panel-head"):
        say("h2", visit.say(title), "panel-title")
        tone.chip(visit, shown)
