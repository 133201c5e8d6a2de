"""The week of a roster on one line a channel, with what no channel covers and where the week is now."""

from collections.abc import Sequence
from datetime import datetime

from api.alarm_care import Shift
from api.pages.alarms import text_care
from api.pages.elements.element import box, say
from api.pages.frame.visit import Visit

DAY = 1440
WEEK = 7 * DAY

Spans = list[tuple[int, int]]
"""Minutes since Monday, [begin, end), in order and apart."""


def covered(shifts: Sequence[Shift]) -> Spans:
    """When any of the shifts covers the week."""
    found = []
    for shift in shifts:
        start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in (shift.start, shift.end))
        length = end - start if end > start else end - start + DAY
        for day in range(7):
            if shift.days[day] == "1":
                begin = day * DAY + start
                found.append((begin, min(begin + length, WEEK)))
                if begin + length > WEEK:
                    found.append((0, begin + length - WEEK))
    merged: Spans = []
    for begin, end in sorted(found):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def uncovered(spans: Spans) -> Spans:
    """The rest of the week."""
    edges = [0, *(edge for span in spans for edge in span), WEEK]
    return [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if begin < end]


def draw_week(visit: Visit, shifts: Sequence[Shift], local: datetime) -> None:
    """A line for each channel of a tier, and one for the gaps of the first tier."""
    say("h3", visit.say(text_care.WEEK), "sub-title")
    with box("div", "week"):
        with box("div", "week-days", aria_hidden="true"):
            for words in text_care.WEEKDAYS.values():
                say("span", visit.say(words))
        for tier, channel in sorted({(shift.tier, shift.channel) for shift in shifts}):
            spans = covered([shift for shift in shifts if (shift.tier, shift.channel) == (tier, channel)])
            _lane(visit, f"{visit.say(text_care.TIERS[tier])} · {channel}", spans, f"tier-{tier}", local)
        gaps = uncovered(covered([shift for shift in shifts if shift.tier == 1]))
        if gaps:
            _lane(visit, f"{visit.say(text_care.TIERS[1])} · {visit.say(text_care.UNCOVERED)}", gaps, "nobody", local)


def _lane(visit: Visit, name: str, spans: Spans, css: str, local: datetime) -> None:
    hours = sum(end - begin for begin, end in spans) / 60
    words = visit.say(text_care.WEEK_TEXT, lane=name, hours=f"{hours:g}")
    say("span", name, "lane-name")
    with box("div", f"lane {css}", role="img", aria_label=words, title=words):
        for begin, end in spans:
            box("span").style(f"left:{begin / WEEK:.4%};width:{(end - begin) / WEEK:.4%}")
        minute = local.weekday() * DAY + local.hour * 60 + local.minute
        box("i").style(f"left:{minute / WEEK:.4%}")
