"""The journal of a device's books: what was changed later, from what to what, and why."""

from analytics.books.rules import RULES
from api.context import Context
from api.pages.books import text_books
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.number import figure, moment
from api.pages.elements.unit import unit
from api.pages.frame.visit import Visit
from api.routes.sites import QUALITIES
from devices.kind import Point
from schema.text import Text
from store.registry.journal import BookChange, changes
from store.registry.places import Device

SHOWN = 20


def journal(context: Context, device: Device, register: Point) -> list[BookChange]:
    """The newest entries of a register; blocks on the registry."""
    with context.registry.reading() as session:
        now = context.clock()
        return changes(session, device.site, 0, now + 1, device=device.id, point=register.name, limit=SHOWN)


def draw_journal(visit: Visit, register: Point, entries: list[BookChange]) -> None:
    """The entries, or that there is none."""
    say("h2", visit.say(text_books.JOURNAL), "panel-title")
    if not entries:
        say("p", visit.say(text_books.NO_CHANGES), "hint")
        return
    say("p", visit.say(text_books.JOURNAL_HINT), "hint")
    with box("table", "rows wide"):
        with box("thead"), box("tr"):
            for title in (text_books.SPAN, text_books.FROM_TO, text_books.WHY, text_books.CHANGED):
                say("th", visit.say(title), scope="col")
        with box("tbody"):
            for entry in entries:
                _row(visit, entry, unit(register.unit))
    if len(entries) == SHOWN:
        say("p", visit.say(text_books.MORE_CHANGES, count=SHOWN), "hint")


def _row(visit: Visit, entry: BookChange, shown: str) -> None:
    with box("tr"):
        with box("th", scope="row"):
            say("span", f"{moment(entry.begin, visit.zone)} – {moment(entry.end, visit.zone)}")
            say("small", visit.say(text_books.SPAN_COUNT, count=entry.intervals))
        with box("td"):
            with box("span", "change"):
                say("span", figure(entry.old_value))
                say("span", "→")
                say("strong", f"{figure(entry.new_value)} {shown}")
            before, after = (_quality(visit, quality) for quality in (entry.old_quality, entry.new_quality))
            say("small", before if before == after else f"{before} → {after}")
        with box("td"):
            say("span", _cause(visit, entry))
            if entry.new_rule in RULES:
                say("small", visit.say(RULES[entry.new_rule].text))
            elif entry.old_rule in RULES:
                say("small", visit.say(text_books.BEFORE, rule=visit.say(RULES[entry.old_rule].text)))
        say("td", moment(entry.time, visit.zone))


def _quality(visit: Visit, quality: int) -> str:
    return visit.say(tone.QUALITY[QUALITIES[quality]].words)


def _cause(visit: Visit, entry: BookChange) -> str:
    words = text_books.CAUSES.get(entry.cause, Text(entry.cause, entry.cause))
    return visit.say(words, low=moment(entry.low, visit.zone), high=moment(entry.high, visit.zone))
