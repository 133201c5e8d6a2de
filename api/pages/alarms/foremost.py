"""Open alarms as the live page lists them: what, where, since when, why, and a button to say it was seen."""

from collections.abc import Iterable
from typing import NamedTuple

from analytics.alarms.lifecycle import RANK
from analytics.live.board import Alarms
from api.pages.alarms import text_alarms
from api.pages.alarms.action import acknowledge
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import moment
from api.pages.frame.visit import Visit
from schema.text import Text
from store.registry.alarms import Alarm

WAITING = ("unacknowledged", "returned")
SHOWN = 5
_ORDER = ("unacknowledged", "acknowledged", "returned")


class Line(NamedTuple):
    """One open alarm, as a value that can be compared with what is shown."""

    id: int
    phase: str
    priority: str
    device: str
    begin: int
    title: Text
    reason: Text


def foremost(alarms: Iterable[Alarm], now: int) -> list[Line]:
    """Those that most want somebody: not yet seen before seen before past, then the gravest, then the newest."""
    open_ = [alarm for alarm in alarms if not alarm.quiet(now)]
    open_.sort(key=lambda alarm: (_ORDER.index(alarm.phase), -RANK[alarm.priority], -alarm.begin))
    return [
        Line(alarm.id, alarm.phase, alarm.priority, alarm.device, alarm.begin, alarm.title, alarm.reason)
        for alarm in open_[:SHOWN]
    ]


def draw_open(visit: Visit, alarms: Alarms, lines: list[Line]) -> None:
    """How many are open, and the foremost; or that there is none."""
    with box("div", "panel-head"):
        with box("h2", "panel-title"):
            icon("alarms")
            say("span", visit.say(text_alarms.OPEN_ALARMS))
        with box("div", "chips"):
            for priority, look in tone.PRIORITY.items():
                if alarms.open.get(priority):
                    with box("span", f"chip {look.css}"):
                        icon(look.sign)
                        say("span", f"{visit.say(look.words)} {alarms.open[priority]}")
        say("a", visit.say(text_alarms.ALL_ALARMS), "more", href=visit.link("/alarms"))
    if not lines:
        with box("div", "quiet-state"):
            icon("good")
            with box("p"):
                say("span", visit.say(text_alarms.NO_ALARMS))
                say("small", visit.say(text_alarms.NO_ALARMS_HINT))
    with box("ul"):
        for line in lines:
            _line(visit, line)


def _line(visit: Visit, line: Line) -> None:
    with box("li", "alarm"):
        tone.chip(visit, tone.PRIORITY[line.priority])
        with box("div", "body"):
            with box("p", "what"):
                say("a", visit.say(line.title), href=f"/alarms/{line.id}")
            say("p", visit.say(line.reason), "why-line")
            say(
                "p", f"{line.device} · {visit.say(text_alarms.SINCE_WHEN, when=moment(line.begin, visit.zone))}", "meta"
            )
        with box("div", "act"):
            if line.phase not in WAITING:
                say("span", visit.say(tone.PHASE[line.phase]), "hint")
            elif visit.may("operator"):
                button = say("button", visit.say(text_alarms.ACKNOWLEDGE), "button", type="button")
                button.on("click", lambda: acknowledge(visit, line.id))
