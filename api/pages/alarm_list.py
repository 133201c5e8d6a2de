"""Open alarms as the live page lists them: what, where, since when, why, and a button to say it was seen."""

from collections.abc import Mapping

from analytics.board import AlarmLine, Alarms
from api.pages import text, tone
from api.pages.alarm_action import acknowledge
from api.pages.element import box, say
from api.pages.icon import icon
from api.pages.number import when
from api.pages.visit import Visit
from schema.text import Text

WAITING = ("unacknowledged", "returned")


def draw_open(visit: Visit, alarms: Alarms, reasons: Mapping[int, Text], today: str) -> None:
    """The newest open alarms, or that there is none."""
    with box("div", "panel-head"):
        with box("h2", "panel-title"):
            icon("alarms")
            say("span", visit.say(text.OPEN_ALARMS))
        with box("div", "chips"):
            for priority, look in tone.PRIORITY.items():
                if alarms.open.get(priority):
                    with box("span", f"chip {look.css}"):
                        icon(look.sign)
                        say("span", f"{visit.say(look.words)} {alarms.open[priority]}")
        say("a", visit.say(text.ALL_ALARMS), "more", href=visit.link("/alarms"))
    if not alarms.newest:
        with box("div", "quiet-state"):
            icon("good")
            with box("p"):
                say("span", visit.say(text.NO_ALARMS))
                say("small", visit.say(text.NO_ALARMS_HINT))
    with box("ul"):
        for line in alarms.newest:
            _line(visit, line, reasons.get(line.id), today)


def _line(visit: Visit, line: AlarmLine, reason: Text | None, today: str) -> None:
    with box("li", "alarm"):
        tone.chip(visit, tone.PRIORITY[line.priority])
        with box("div", "body"):
            with box("p", "what"):
                say("a", visit.say(line.text), href=f"/alarms/{line.id}")
            if reason:
                say("p", visit.say(reason), "why-line")
            say("p", f"{line.device} · {visit.say(text.SINCE_WHEN, when=when(line.since, today))}", "meta")
        with box("div", "act"):
            if line.state not in WAITING:
                say("span", visit.say(tone.PHASE[line.state]), "hint")
            elif visit.may("operator"):
                button = say("button", visit.say(text.ACKNOWLEDGE), "button", type="button")
                button.on("click", lambda: acknowledge(visit, line.id))
