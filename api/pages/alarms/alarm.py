"""One alarm: why, the evidence against what was expected, what it explains, what was done, and what can be done."""

import asyncio
from typing import NamedTuple

from api.pages import text
from api.pages.alarms import text_alarms
from api.pages.alarms.desk import Desk
from api.pages.alarms.evidence import draw_evidence, evidence
from api.pages.alarms.explained import draw_explained
from api.pages.alarms.history import draw_history
from api.pages.alarms.reason import draw_reason
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import moment
from api.pages.elements.pane import Pane
from api.pages.frame.following import Rows, follow
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit
from store.registry.alarms import Alarm, AlarmStep, explained, history


class _Told(NamedTuple):
    """All that is known of an alarm, and the open ones that it explains."""

    alarm: Alarm
    steps: list[AlarmStep]
    explains: list[Alarm]


async def show(visit: Visit) -> None:
    """The page of the alarm in the path."""
    told = await asyncio.to_thread(_look, visit)
    if told is not None:
        visit = visit.at(told.alarm.site)
    with frame(visit, text.ALARMS):
        with box("a", "back", href=visit.link("/alarms")):
            icon("back")
            say("span", visit.say(text_alarms.BACK_ALARMS))
        if told is None:
            say("p", visit.say(text_alarms.NO_SUCH_ALARM), "nothing")
            return
        shown = await asyncio.to_thread(evidence, visit.context, told.alarm)
        head = Pane[Alarm](box("div", "page-head"), lambda alarm: _head(visit, alarm))
        with box("div", "evidence"):
            with box("div", "stack"):
                reason = Pane[Alarm](box("section", "panel"), lambda alarm: draw_reason(visit, alarm))
                with box("section", "panel"):
                    draw_evidence(visit, told.alarm, shown)
                explains = Pane[list[Alarm]](box("section", "panel"), lambda rows: draw_explained(visit, rows))
            with box("div", "stack"):
                desk = Desk(visit, told.alarm)
                with box("section", "panel"):
                    desk.lay()
                past = Pane[list[AlarmStep]](box("section", "panel"), lambda steps: draw_history(visit, steps))

    def draw(told: _Told) -> None:
        head.show(told.alarm)
        reason.show(told.alarm)
        desk.show(told.alarm)
        past.show(told.steps)
        explains.show(told.explains)

    number = told.alarm.id

    async def take(rows: Rows) -> None:
        if any(row["kind"] == "lagged" or (row["kind"] == "alarm" and _concerns(row, number)) for row in rows):
            again = await asyncio.to_thread(_look, visit)
            if again is not None:
                draw(again)

    draw(told)
    follow(visit.context, told.alarm.site, take)


def _concerns(row: dict[str, object], number: int) -> bool:
    """Whether news may change the page of an alarm: of another one it may be that it explains it."""
    return row.get("id", number) == number or row.get("effect") not in ("updated", "commented")


def _look(visit: Visit) -> _Told | None:
    number = visit.request.path_params["id"]
    # More digits than a database can count are no alarm's.
    if not number.isdecimal() or len(number) > 18:
        return None
    with visit.context.registry.reading() as session:
        alarm = session.get(Alarm, int(number))
        if alarm is None or alarm.phase == "pending" or visit.caller is None or not visit.caller.sees(alarm.site):
            return None
        return _Told(alarm, history(session, alarm.id), explained(session, alarm.id))


def _head(visit: Visit, alarm: Alarm) -> None:
    say("h1", visit.say(alarm.title))
    tone.chip(visit, tone.PRIORITY[alarm.priority])
    words = [visit.say(tone.phase(alarm, visit.context.clock()))]
    words.append(visit.say(text_alarms.SINCE_WHEN, when=moment(alarm.begin, visit.zone)))
    if alarm.flapping:
        words.append(visit.say(text_alarms.FLAPPING))
    say("span", " · ".join(words), "aside")
