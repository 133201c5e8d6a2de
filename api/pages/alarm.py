"""One alarm: why, the evidence against what was expected, what was done, and what can be done."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import get_args

from analytics.alarms.acts import Cause, Verdict
from api.pages import text, text_care, tone
from api.pages.alarm_action import acknowledge, comment, judge, shelve, take_out_of_service
from api.pages.alarm_evidence import Evidence, draw_evidence, evidence
from api.pages.alarm_history import draw_history
from api.pages.alarm_list import WAITING
from api.pages.alarm_reason import draw_reason
from api.pages.duration import DURATIONS, duration_of
from api.pages.element import box, say
from api.pages.field import choice
from api.pages.following import Rows, follow
from api.pages.frame import frame
from api.pages.icon import icon
from api.pages.number import moment
from api.pages.pane import Pane
from api.pages.visit import Visit
from schema.instant import HOUR
from schema.text import Text
from store.registry.alarms import Alarm, AlarmStep, history
from store.registry.treatments import ANY

_VERDICTS: dict[Verdict, Text] = {"true": text.REAL_ALARM, "false": text.FALSE_ALARM}


async def show(visit: Visit) -> None:
    """The page of the alarm in the path."""
    found = await asyncio.to_thread(_look, visit)
    with frame(visit, text.ALARMS):
        with box("a", "back", href=visit.link("/alarms")):
            icon("back")
            say("span", visit.say(text.BACK_ALARMS))
        if found is None:
            say("p", visit.say(text.NO_SUCH_ALARM), "nothing")
            return
        alarm, steps = found
        shown = await asyncio.to_thread(evidence, visit.context, alarm)
        head = Pane[Alarm](box("div", "page-head"), lambda alarm: _head(visit, alarm))
        with box("div", "evidence"):
            with box("div", "stack"):
                reason = Pane[Alarm](box("section", "panel"), lambda alarm: draw_reason(visit, alarm))
                with box("section", "panel"):
                    say("h2", visit.say(text.EVIDENCE), "panel-title")
                    _evidence(visit, alarm, shown)
            with box("div", "stack"):
                acts = Pane[Alarm](box("section", "panel"), lambda alarm: _acts(visit, alarm))
                past = Pane[list[AlarmStep]](box("section", "panel"), lambda steps: draw_history(visit, steps))

    def draw(alarm: Alarm, steps: list[AlarmStep]) -> None:
        head.show(alarm)
        reason.show(alarm)
        acts.show(alarm)
        past.show(steps)

    async def take(rows: Rows) -> None:
        if any(row["kind"] != "latest" and row.get("id", alarm.id) == alarm.id for row in rows):
            again = await asyncio.to_thread(_look, visit)
            if again is not None:
                draw(*again)

    draw(alarm, steps)
    follow(visit.context, alarm.site, take)


def _look(visit: Visit) -> tuple[Alarm, list[AlarmStep]] | None:
    number = visit.request.path_params["id"]
    # More digits than a database can count are no alarm's.
    if not number.isdecimal() or len(number) > 18:
        return None
    with visit.context.registry.reading() as session:
        alarm = session.get(Alarm, int(number))
        return (alarm, history(session, alarm.id)) if alarm else None


def _head(visit: Visit, alarm: Alarm) -> None:
    say("h1", visit.say(alarm.title))
    tone.chip(visit, tone.PRIORITY[alarm.priority])
    words = [visit.say(tone.phase(alarm, visit.context.clock()))]
    words.append(visit.say(text.SINCE_WHEN, when=moment(alarm.begin, visit.zone)))
    if alarm.flapping:
        words.append(visit.say(text.FLAPPING))
    say("span", " · ".join(words), "aside")


def _evidence(visit: Visit, alarm: Alarm, shown: Evidence | None) -> None:
    if shown is None:
        say("p", visit.say(text.NO_READINGS), "nothing")
    else:
        draw_evidence(visit, alarm, shown)


def _acts(visit: Visit, alarm: Alarm) -> None:
    say("h2", visit.say(text.ACTION), "panel-title")
    until = alarm.shelved_until
    if until is not None and alarm.shelved(visit.context.clock()):
        say("p", visit.say(text.SHELVED_UNTIL, when=moment(until, visit.zone)), "hint watch")
    if not visit.may("operator"):
        say("p", visit.say(text.OPERATORS_ONLY), "hint")
        return
    said = {"comment": "", "duration": str(HOUR), "cause": alarm.cause or ""}
    with box("label", "field"):
        say("span", visit.say(text.COMMENT))
        field = box("textarea", rows="2", maxlength="500", name="comment")
        field.on("input", lambda e: said.update(comment=str(e.args)[:500]), js_handler="e => emit(e.target.value)")
    with box("div", "acts"):
        if alarm.phase in WAITING:
            _button(visit, text.ACKNOWLEDGE, lambda: acknowledge(visit, alarm.id, said["comment"]), "button primary")
        _button(visit, text.ADD_COMMENT, lambda: comment(visit, alarm.id, said["comment"]))
    if alarm.phase != "closed":
        with box("div", "acts"):
            choice(
                visit.say(text.SHELVE_FOR),
                {str(span): visit.say(words) for span, words in DURATIONS.items()},
                said["duration"],
                lambda value: said.update(duration=value),
                name="duration",
            )
            _button(visit, text.SHELVE, lambda: shelve(visit, alarm.id, duration_of(said["duration"]), said["comment"]))
            _button(
                visit,
                text.OUT_OF_SERVICE,
                lambda: take_out_of_service(
                    visit, alarm.site, alarm.device, ANY, duration_of(said["duration"]), said["comment"]
                ),
            )
    with box("div", "acts"):
        choice(
            visit.say(text.CAUSE_FOUND),
            {cause: visit.say(words) for cause, words in text.CAUSES.items()},
            said["cause"],
            lambda value: said.update(cause=value),
            name="cause",
        )
        for verdict, words in _VERDICTS.items():
            _button(visit, words, partial(_judge, visit, alarm.id, verdict, said))
    with box("p", "hint"):
        say("span", visit.say(text.FALSE_HINT))
        say("a", visit.say(text_care.CARE), "more", href=visit.link("/alarms/care"))


def _button(visit: Visit, words: Text, act: Callable[[], Awaitable[object]], css: str = "button") -> None:
    say("button", visit.say(words), css, type="button").on("click", act)


async def _judge(visit: Visit, alarm: int, verdict: Verdict, said: Mapping[str, str]) -> None:
    cause = next((cause for cause in get_args(Cause) if cause == said["cause"]), None)
    await judge(visit, alarm, verdict, cause, said["comment"])
