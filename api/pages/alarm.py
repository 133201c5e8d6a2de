"""One alarm: why, the evidence against what was expected, what was done, and what can be done."""

import asyncio

from api.pages import text, tone
from api.pages.alarm_action import acknowledge, shelve
from api.pages.alarm_evidence import Evidence, draw_evidence, evidence
from api.pages.alarm_list import WAITING
from api.pages.element import box, say
from api.pages.following import Rows, follow
from api.pages.frame import frame
from api.pages.icon import icon
from api.pages.number import figure, moment, percent
from api.pages.pane import Pane
from api.pages.visit import Visit
from schema.instant import DAY, HOUR
from store.registry.alarms import Alarm, AlarmStep, history

_DURATIONS = {HOUR: text.ONE_HOUR, 8 * HOUR: text.EIGHT_HOURS, DAY: text.ONE_DAY, 7 * DAY: text.ONE_WEEK}


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
                reason = Pane[Alarm](box("section", "panel"), lambda alarm: _reason(visit, alarm))
                with box("section", "panel"):
                    say("h2", visit.say(text.EVIDENCE), "panel-title")
                    _evidence(visit, alarm, shown)
            with box("div", "stack"):
                acts = Pane[Alarm](box("section", "panel"), lambda alarm: _acts(visit, alarm))
                past = Pane[list[AlarmStep]](box("section", "panel"), lambda steps: _history(visit, steps))

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
    state = "shelved" if alarm.shelved(visit.context.clock()) else alarm.phase
    words = [visit.say(tone.PHASE[state]), visit.say(text.SINCE_WHEN, when=moment(alarm.begin, visit.zone))]
    say("span", " · ".join(words), "aside")


def _reason(visit: Visit, alarm: Alarm) -> None:
    say("h2", visit.say(text.WHY), "panel-title")
    say("p", visit.say(alarm.reason), "reason")
    if visit.say(alarm.action):
        say("h3", visit.say(text.WHAT_TO_DO), "sub-title")
        say("p", visit.say(alarm.action))
    with box("dl", "figures"):
        shown = [(text.CONFIDENCE, percent(alarm.confidence))]
        if alarm.cost_kwh_per_hour:
            shown.append((text.WASTE_RATE, f"{figure(alarm.cost_kwh_per_hour)} kWh/h"))
        for title, value in shown:
            with box("div"):
                say("dt", visit.say(title))
                say("dd", value)
        with box("div"):
            say("dt", visit.say(text.DEVICE))
            say("a", alarm.device, "more", href=f"/devices/{alarm.site}/{alarm.device}")


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
    if alarm.phase == "closed":
        say("p", visit.say(text.STATE_CLOSED), "hint")
        return
    if not visit.may("operator"):
        say("p", visit.say(text.OPERATORS_ONLY), "hint")
        return
    said = {"comment": "", "duration": str(HOUR)}
    with box("label", "field"):
        say("span", visit.say(text.COMMENT))
        field = box("textarea", rows="2", maxlength="500", name="comment")
        field.on("input", lambda e: said.update(comment=str(e.args)[:500]), js_handler="e => emit(e.target.value)")
    with box("div", "acts"):
        if alarm.phase in WAITING:
            button = say("button", visit.say(text.ACKNOWLEDGE), "button primary", type="button")
            button.on("click", lambda: acknowledge(visit, alarm.id, said["comment"]))
        with box("label", "field"):
            say("span", visit.say(text.SHELVE_FOR))
            with box("select", name="duration") as choice:
                for duration, words in _DURATIONS.items():
                    say("option", visit.say(words), value=str(duration))
            choice.on("change", lambda e: said.update(duration=str(e.args)), js_handler="e => emit(e.target.value)")
        button = say("button", visit.say(text.SHELVE), "button", type="button")
        button.on("click", lambda: shelve(visit, alarm.id, _duration(said["duration"]), said["comment"]))


def _duration(chosen: str) -> int:
    """The chosen duration; an hour where the browser sent something else."""
    return next((duration for duration in _DURATIONS if str(duration) == chosen), HOUR)


def _history(visit: Visit, steps: list[AlarmStep]) -> None:
    say("h2", visit.say(text.HISTORY), "panel-title")
    with box("ol", "history"):
        for step in reversed(steps):
            with box("li"):
                signal = text.SIGNALS.get(step.signal)
                say("span", f"{visit.say(signal) if signal else step.signal} · {step.who or visit.say(text.PLATFORM)}")
                if step.comment:
                    say("p", f"“{step.comment}”")
                say("small", moment(step.time, visit.zone))
