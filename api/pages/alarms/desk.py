"""What can be done about an alarm: what was typed or chosen stays while others, or the platform, change the alarm."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, get_args

from nicegui import ui

from analytics.alarms.acts import Cause, Verdict
from api.pages import text
from api.pages.alarms import text_alarms, text_care
from api.pages.alarms.action import acknowledge, comment, judge, shelve, take_out_of_service, unshelve
from api.pages.alarms.duration import DURATIONS, duration_of
from api.pages.alarms.foremost import WAITING
from api.pages.elements.element import box, say
from api.pages.elements.field import choice
from api.pages.elements.number import moment
from api.pages.elements.pane import Pane
from api.pages.frame.visit import Visit
from schema.instant import HOUR
from schema.text import Text
from store.registry.alarms import Alarm
from store.registry.treatments import ANY

_VERDICTS: dict[Verdict, Text] = {"true": text_alarms.REAL_ALARM, "false": text_alarms.FALSE_ALARM}


class _Standing(NamedTuple):
    """What of an alarm decides which acts there are."""

    waits: bool
    closed: bool
    shelved_until: int | None
    removed: bool


class Desk:
    """The comment, and the acts that take it with them."""

    def __init__(self, visit: Visit, alarm: Alarm) -> None:
        self._visit, self._alarm = visit, alarm.id
        self._place = alarm.site, alarm.device
        self._said = {"comment": "", "duration": str(HOUR), "cause": alarm.cause or ""}

    def lay(self) -> None:
        """Draw what does not change with the alarm; `show` draws the rest."""
        visit = self._visit
        say("h2", visit.say(text.ACTION), "panel-title")
        if not visit.may("operator"):
            say("p", visit.say(text_alarms.OPERATORS_ONLY), "hint")
            return
        with box("label", "field"):
            say("span", visit.say(text_alarms.COMMENT))
            self._field = box("textarea", rows="2", maxlength="500", name="comment")
        take = self._said.update
        self._field.on("input", lambda e: take(comment=str(e.args)[:500]), js_handler="e => emit(e.target.value)")
        self._acts = Pane[_Standing](box("div", "desk"), self._draw)
        with box("div", "acts"):
            choice(
                visit.say(text_alarms.CAUSE_FOUND),
                {cause: visit.say(words) for cause, words in text_alarms.CAUSES.items()},
                self._said["cause"],
                lambda value: take(cause=value),
                name="cause",
            )
            for verdict, words in _VERDICTS.items():
                self._button(words, self._judging(verdict))
        with box("p", "hint"):
            say("span", visit.say(text_alarms.FALSE_HINT))
            say("a", visit.say(text_care.CARE), "more", href=visit.link("/alarms/care"))

    def show(self, alarm: Alarm) -> None:
        """The acts that the alarm is open to now."""
        if self._visit.may("operator"):
            until = alarm.shelved_until if alarm.shelved(self._visit.context.clock()) else None
            self._acts.show(_Standing(alarm.phase in WAITING, alarm.phase == "closed", until, alarm.removed))

    def _draw(self, now: _Standing) -> None:
        visit, said = self._visit, self._said
        with box("div", "acts"):
            if now.waits:
                see = lambda: acknowledge(visit, self._alarm, said["comment"])  # noqa: E731 - an act like the others
                self._button(text_alarms.ACKNOWLEDGE, see, "button primary")
            self._button(text_alarms.ADD_COMMENT, lambda: comment(visit, self._alarm, said["comment"]))
        if now.closed:
            return
        if now.shelved_until is not None:
            with box("div", "acts"):
                words = visit.say(text_alarms.SHELVED_UNTIL, when=moment(now.shelved_until, visit.zone))
                say("p", words, "hint watch")
                self._button(text_alarms.UNSHELVE, lambda: unshelve(visit, self._alarm, said["comment"]))
        with box("div", "acts"):
            choice(
                visit.say(text_alarms.SHELVE_FOR),
                {str(span): visit.say(words) for span, words in DURATIONS.items()},
                said["duration"],
                lambda value: said.update(duration=value),
                name="duration",
            )
            self._button(text_alarms.SHELVE, self._shelve)
            if not now.removed:
                self._button(text_alarms.OUT_OF_SERVICE, self._take_out)
        say("p", visit.say(text_alarms.REASON_NEEDED), "hint")

    async def _shelve(self) -> bool:
        return await shelve(self._visit, self._alarm, duration_of(self._said["duration"]), self._said["comment"])

    async def _take_out(self) -> bool:
        span = duration_of(self._said["duration"])
        return await take_out_of_service(self._visit, *self._place, ANY, span, self._said["comment"])

    def _judging(self, verdict: Verdict) -> Callable[[], Awaitable[bool]]:
        async def say_so() -> bool:
            cause = next((cause for cause in get_args(Cause) if cause == self._said["cause"]), None)
            return await judge(self._visit, self._alarm, verdict, cause, self._said["comment"])

        return say_so

    def _button(self, words: Text, act: Callable[[], Awaitable[bool]], css: str = "button") -> None:
        async def press() -> None:
            if await act():
                self._said["comment"] = ""
                ui.run_javascript(f"const field = document.getElementById('{self._field.html_id}'); field.value = ''")

        say("button", self._visit.say(words), css, type="button").on("click", press)
