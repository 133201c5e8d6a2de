"""The alarms of a site: by state, priority and words; those that are closed also by when they were."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from api.pages import text
from api.pages.alarms import text_alarms, text_care
from api.pages.alarms.action import acknowledge, acknowledge_returned
from api.pages.alarms.foremost import WAITING
from api.pages.alarms.text_performance import PERFORMANCE
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.field import choice
from api.pages.elements.number import moment
from api.pages.elements.pane import Pane
from api.pages.elements.segments import segments
from api.pages.frame.following import Rows, follow
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit
from schema.instant import DAY
from schema.text import Text
from store.registry.alarms import Alarm, open_alarms, past_alarms

SHOWN = 200
_STATES: dict[str, Text] = {
    "open": text_alarms.STATE_OPEN,
    "unacknowledged": text.STATE_UNACKNOWLEDGED,
    "acknowledged": text.STATE_ACKNOWLEDGED,
    "returned": text.STATE_RETURNED,
    "shelved": text.STATE_SHELVED,
    "suppressed": text.STATE_SUPPRESSED,
    "out_of_service": text.STATE_REMOVED,
    "closed": text.STATE_CLOSED,
}
_PERIODS = {
    "7": text_alarms.LAST_WEEK,
    "30": text_alarms.LAST_MONTH,
    "365": text_alarms.LAST_YEAR,
    "0": text_alarms.EVER,
}


@dataclass
class _Asked:
    """What the list shall hold; `days` back from now, of closed ones only, 0 for all."""

    state: str = "open"
    priority: str = ""
    words: str = ""
    days: str = "30"


class _Found(NamedTuple):
    """The newest alarms asked for, how many there are, how many others each explains; and whether any has returned."""

    rows: list[Alarm]
    total: int
    explains: Counter[int]
    returned: bool

    def values(self) -> object:
        """All that the list shows."""
        return [alarm.values() for alarm in self.rows], self.explains


async def show(visit: Visit) -> None:
    """The list, following what happens to alarms."""
    asked = _Asked()
    with frame(visit, text.ALARMS):
        with box("div", "page-head"):
            say("h1", visit.say(text.ALARMS))
            found = say("span", "", "aside")
            with box("div", "right acts"):
                with box("a", "button", href=visit.link("/alarms/performance")):
                    say("span", visit.say(PERFORMANCE))
                if visit.may("operator"):
                    with box("a", "button", href=visit.link("/alarms/care")):
                        say("span", visit.say(text_care.CARE))
        with box("div", "filters"):
            segments(visit, text.STATE, _STATES, "open", lambda name: choose(state=name))
            all_returned = say("button", visit.say(text_alarms.ACKNOWLEDGE_RETURNED), "button", type="button")
            all_returned.on("click", lambda: acknowledge_returned(visit))
        with box("div", "filters narrow"):
            words = visit.say(text_alarms.SEARCH_ALARMS)
            search = box("input", type="search", placeholder=words, aria_label=words, maxlength="100")
            search.on(
                "input", lambda e: choose(words=str(e.args)), throttle=0.3, js_handler="e => emit(e.target.value)"
            )
            levels = {name: visit.say(shown.words) for name, shown in tone.PRIORITY.items()}
            levels = {"": visit.say(text_alarms.ANY_PRIORITY), **levels}
            choice(visit.say(text_alarms.PRIORITY), levels, "", lambda name: choose(priority=name))
            with box("div") as period:
                spans = {days: visit.say(words) for days, words in _PERIODS.items()}
                choice(visit.say(text_alarms.PERIOD), spans, asked.days, lambda days: choose(days=days))
        # A row that is drawn again under the pointer would swallow a click.
        sheet = Pane[_Found](box("div", "sheet"), lambda found: _table(visit, found), _Found.values)

    async def draw() -> None:
        period.set_visibility(asked.state == "closed")
        answer = await asyncio.to_thread(_alarms, visit, asked)
        all_returned.set_visibility(answer.returned and visit.may("operator"))
        shown = len(answer.rows)
        words = text_alarms.PAGE_OF if shown == answer.total else text_alarms.PART_OF
        found.set_text(visit.say(words, shown=shown, total=answer.total))
        sheet.show(answer)

    async def choose(**chosen: str) -> None:
        for name, value in chosen.items():
            setattr(asked, name, value)
        await draw()

    async def take(rows: Rows) -> None:
        if any(row["kind"] != "latest" for row in rows):
            await draw()

    await draw()
    if visit.site:
        follow(visit.context, visit.site.id, take)


def _alarms(visit: Visit, asked: _Asked) -> _Found:
    """The newest alarms asked for; blocks on the registry."""
    if visit.site is None:
        return _Found([], 0, Counter(), returned=False)
    now = visit.context.clock()
    with visit.context.registry.reading() as session:
        current = open_alarms(session, visit.site.id)
        if asked.state == "closed":
            begin = now - int(asked.days) * DAY if int(asked.days) else 0
            past = past_alarms(session, visit.site.id, begin, now + 1)
            found = [alarm for alarm in past if alarm.phase == "closed"]
        else:
            found = [alarm for alarm in current if _in_state(alarm, asked.state, now)]
    if asked.priority:
        found = [alarm for alarm in found if alarm.priority == asked.priority]
    for word in asked.words.lower().split():
        found = [alarm for alarm in found if word in _searched(alarm)]
    explains = Counter(alarm.root for alarm in current if alarm.root is not None)
    return _Found(found[:SHOWN], len(found), explains, any(alarm.phase == "returned" for alarm in current))


def _in_state(alarm: Alarm, state: str, now: int) -> bool:
    match state:
        case "shelved":
            return alarm.shelved(now)
        case "suppressed":
            return alarm.suppressed
        case "out_of_service":
            return alarm.removed
        case "open":
            # What is explained by another alarm, or out of service on purpose, is in lists of its own.
            return not (alarm.suppressed or alarm.removed)
    return alarm.phase == state


def _searched(alarm: Alarm) -> str:
    """All of an alarm that words are looked for in."""
    parts = (*alarm.title, *alarm.reason, alarm.device, alarm.building, alarm.rule, alarm.comment or "", f"#{alarm.id}")
    return " ".join(parts).lower()


def _table(visit: Visit, found: _Found) -> None:
    if not found.rows:
        say("p", visit.say(text_alarms.NO_ALARMS_HERE), "nothing").style("padding:16px 12px")
        return
    with box("table", "rows wide"):
        with box("thead"), box("tr"):
            for title in (text_alarms.PRIORITY, text_alarms.ALARM, text_alarms.BEGAN, text.STATE, text.ACTION):
                say("th", visit.say(title), scope="col")
        with box("tbody"):
            for alarm in found.rows:
                _row(visit, alarm, found.explains[alarm.id])


def _row(visit: Visit, alarm: Alarm, explains: int) -> None:
    with box("tr"):
        with box("td"):
            tone.chip(visit, tone.PRIORITY[alarm.priority])
        with box("th", scope="row"):
            say("a", visit.say(alarm.title), "name", href=f"/alarms/{alarm.id}")
            say("small", visit.say(alarm.reason))
            marks = [visit.say(text_alarms.EXPLAINS_SO_MANY, count=explains)] if explains else []
            if alarm.flapping:
                marks.append(visit.say(text_alarms.FLAPPING))
            if alarm.root is not None:
                marks.append(visit.say(text_alarms.BECAUSE_OF, number=alarm.root))
            if marks:
                say("small", " · ".join(marks), "marks")
        say("td", moment(alarm.begin, visit.zone), "brief moment")
        with box("td", "brief"):
            now = visit.context.clock()
            say("span", visit.say(tone.phase(alarm, now)))
            if alarm.shelved_until is not None and alarm.shelved(now):
                say("small", visit.say(text_alarms.UNTIL, when=moment(alarm.shelved_until, visit.zone)))
        with box("td"):
            if alarm.phase in WAITING and visit.may("operator"):
                button = say("button", visit.say(text_alarms.ACKNOWLEDGE), "button", type="button")
                button.on("click", lambda: acknowledge(visit, alarm.id))
