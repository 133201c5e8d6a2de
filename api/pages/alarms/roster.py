"""The roster on the page of alarm care: who is on duty, the week, and its shifts to edit."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from nicegui import ui
from nicegui.element import Element
from pydantic import ValidationError
from sqlalchemy.orm import Session

from analytics.alarms.roster import ESCALATION, on_duty
from api import alarm_care
from api.alarm_care import MOST_DUTIES, Shift, duty_of, shift_of
from api.auth import Caller
from api.pages.alarms import text_care
from api.pages.alarms.roster_week import draw_week
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.field import choice, entry
from api.pages.frame.visit import Visit
from api.pages.frame.writing import write
from schema.instant import HOUR, MINUTE, to_datetime
from store.registry.places import Site

_FRESH = {"tier": "1", "channel": "", "days": "1111111", "start": "00:00", "end": "00:00"}
_LIST = "known-channels"


class RosterPanel:
    """The shifts as they are kept, and as they are being edited."""

    def __init__(self, visit: Visit, site: Site, shifts: list[Shift], channels: Sequence[str]) -> None:
        self._visit, self._site, self._kept, self._channels = visit, site, shifts, channels
        self._edited = [_written(shift) for shift in shifts]

    def lay(self) -> None:
        """Draw it; for whom it is not to change, without the fields."""
        visit = self._visit
        say("h2", visit.say(text_care.ROSTER), "panel-title")
        say("h3", visit.say(text_care.ON_DUTY), "sub-title")
        self._now = box("dl", "on-duty")
        self._week = box("div")
        if visit.may("admin"):
            with box("datalist", id=_LIST):
                for name in self._channels:
                    box("option", value=name)
            self._list = box("ul", "shifts")
            with box("div", "acts"):
                self._button(text_care.ADD_SHIFT, self._add)
                self._save_button = self._button(text_care.SAVE_ROSTER, self._save, "button primary")
                self._undo_button = self._button(text_care.UNDO_EDITS, self._undo)
                self._state = say("span", "", "hint", role="status")
            say("p", visit.say(text_care.CHANNEL_HINT), "hint")
            if visit.context.channels:
                say("p", visit.say(text_care.KNOWN_CHANNELS, names=self._known()), "hint")
            self._draw_shifts()
        else:
            say("p", visit.say(text_care.ADMINS_ONLY), "hint")
        self._draw_kept()

    def _button(self, words: Any, act: Any, css: str = "button") -> Element:
        button = say("button", self._visit.say(words), css, type="button")
        button.on("click", act)
        return button

    def _draw_kept(self) -> None:
        visit = self._visit
        roster = [duty_of(self._site.id, shift) for shift in self._kept]
        local = to_datetime(visit.context.clock()).astimezone(visit.zone)
        self._now.clear()
        with self._now:
            for tier in sorted({1, *(shift.tier for shift in self._kept)}):
                names = on_duty(roster, tier, local)
                with box("div"):
                    say("dt", f"{visit.say(text_care.TIERS[tier])} · {_reached(visit, tier)}")
                    say("dd", "、".join(names) or visit.say(text_care.NOBODY), "" if names else "watch")
        self._week.clear()
        with self._week:
            strange = alarm_care.strange(self._kept, visit.context.channels)
            if strange:
                words = visit.say(text_care.STRANGE, names=self._listed(strange), known=self._known())
                say("p", words, "fault", role="alert")
            if visit.context.channels is None:
                say("p", visit.say(text_care.NO_CHANNELS), "hint watch")
            if self._kept:
                draw_week(visit, self._kept, local)
            else:
                say("p", visit.say(text_care.NO_ROSTER), "nothing")

    def _listed(self, names: Sequence[str]) -> str:
        return "、".join(names) if self._visit.language == "zh" else ", ".join(names)

    def _known(self) -> str:
        return self._listed(sorted(self._visit.context.channels or ()))

    def _draw_shifts(self) -> None:
        self._list.clear()
        with self._list:
            for number, shift in enumerate(self._edited, 1):
                self._shift(number, shift)
        self._say_unsaved()

    def _shift(self, number: int, shift: dict[str, str]) -> None:
        visit = self._visit

        def take(name: str, value: str) -> None:
            shift[name] = value
            self._say_unsaved()

        with box("li", "shift"):
            tiers = {str(tier): visit.say(words) for tier, words in text_care.TIERS.items()}
            choice(visit.say(text_care.TIER), tiers, shift["tier"], partial(take, "tier"))
            entry(visit.say(text_care.CHANNEL), shift["channel"], partial(take, "channel"), list=_LIST, maxlength="64")
            with box("div", "field"):
                say("span", visit.say(text_care.DAYS))
                with box("div", "days", role="group", aria_label=visit.say(text_care.DAYS)):
                    for day in text_care.WEEKDAYS:
                        self._day(day, shift)
            entry(visit.say(text_care.START), shift["start"], partial(take, "start"), kind="time")
            entry(visit.say(text_care.END), shift["end"], partial(take, "end"), kind="time")
            words = visit.say(text_care.REMOVE_SHIFT, number=number)
            with box("button", "button", type="button", aria_label=words, title=words) as button:
                say("span", "×", aria_hidden="true")
            button.on("click", partial(self._remove, number - 1))

    def _day(self, day: int, shift: dict[str, str]) -> None:
        def press() -> None:
            turned = "0" if shift["days"][day] == "1" else "1"
            shift["days"] = shift["days"][:day] + turned + shift["days"][day + 1 :]
            button.props["aria-pressed"] = "true" if turned == "1" else "false"
            self._say_unsaved()

        pressed = "true" if shift["days"][day] == "1" else "false"
        button = say("button", self._visit.say(text_care.WEEKDAYS[day]), type="button", aria_pressed=pressed)
        button.on("click", press)

    def _say_unsaved(self, words: str = "") -> None:
        changed = self._edited != [_written(shift) for shift in self._kept]
        for button in (self._save_button, self._undo_button):
            button.set_visibility(changed)
        self._state.set_text(words or (self._visit.say(text_care.UNSAVED) if changed else ""))
        self._state.classes(remove="bad")

    def _refuse(self, words: str) -> None:
        self._state.set_text(words)
        self._state.classes(add="bad")

    def _add(self) -> None:
        if len(self._edited) < MOST_DUTIES:
            self._edited.append(dict(_FRESH))
            self._draw_shifts()
            ui.run_javascript("document.querySelector('.shift:last-child input').focus()")

    def _remove(self, place: int) -> None:
        del self._edited[place]
        self._draw_shifts()

    def _undo(self) -> None:
        self._edited = [_written(shift) for shift in self._kept]
        self._draw_shifts()

    async def _save(self) -> None:
        visit, shifts = self._visit, []
        for number, written in enumerate(self._edited, 1):
            wrong = "days" if "1" not in written["days"] else None
            try:
                shifts.append(Shift.model_validate(written))
            except ValidationError as error:
                wrong = str(error.errors()[0]["loc"][0])
            if wrong is not None:
                words = text_care.SHIFT_WRONG.get(wrong, text_care.SHIFT_WRONG["channel"])
                self._refuse(visit.say(words, number=number))
                return
            if alarm_care.strange(shifts, visit.context.channels):
                self._refuse(visit.say(text_care.SHIFT_WRONG["unknown"], number=number, known=self._known()))
                return

        def change(session: Session, caller: Caller, now: int) -> list[Shift]:
            known = visit.context.channels
            return [
                shift_of(row) for row in alarm_care.set_roster(session, self._site.id, shifts, known, caller.name, now)
            ]

        kept = await write(visit, "admin", change)
        if kept is not None:
            self._kept = kept
            self._edited = [_written(shift) for shift in kept]
            self._draw_shifts()
            self._draw_kept()
            self._say_unsaved(visit.say(text_care.SAVED, count=len(kept)))


def _written(shift: Shift) -> dict[str, str]:
    return {name: str(value) for name, value in shift.model_dump().items()}


def _reached(visit: Visit, tier: int) -> str:
    """When a tier hears."""
    if tier == 1:
        return visit.say(text_care.TIER_AT_ONCE)
    delays = [
        visit.say(
            text_care.TIER_DELAY, priority=visit.say(tone.PRIORITY[priority].words), span=_span(visit, spans[tier - 2])
        )
        for priority, spans in ESCALATION.items()
        if len(spans) >= tier - 1
    ]
    return visit.say(text_care.TIER_LATER, delays="、".join(delays) if visit.language == "zh" else ", ".join(delays))


def _span(visit: Visit, span: int) -> str:
    if span % HOUR == 0:
        return visit.say(text_care.HOURS, hours=span // HOUR)
    return visit.say(text_care.MINUTES, minutes=span // MINUTE)
