"""All alarms of a site, by state."""

import asyncio

from api.pages import text, text_care, tone
from api.pages.alarm_action import acknowledge, acknowledge_returned
from api.pages.alarm_list import WAITING
from api.pages.element import box, say
from api.pages.following import Rows, follow
from api.pages.frame import frame
from api.pages.number import moment
from api.pages.pane import Pane
from api.pages.segments import segments
from api.pages.visit import Visit
from schema.text import Text
from store.registry.alarms import Alarm, open_alarms, past_alarms

SHOWN = 200
_STATES: dict[str, Text] = {
    "open": text.STATE_OPEN,
    "unacknowledged": text.STATE_UNACKNOWLEDGED,
    "acknowledged": text.STATE_ACKNOWLEDGED,
    "returned": text.STATE_RETURNED,
    "shelved": text.STATE_SHELVED,
    "suppressed": text.STATE_SUPPRESSED,
    "out_of_service": text.STATE_REMOVED,
    "closed": text.STATE_CLOSED,
}


async def show(visit: Visit) -> None:
    """The list, following what happens to alarms."""
    chosen = {"state": "open"}
    with frame(visit, text.ALARMS):
        with box("div", "page-head"):
            say("h1", visit.say(text.ALARMS))
            found = say("span", "", "aside")
            if visit.may("operator"):
                with box("a", "button right", href=visit.link("/alarms/care")):
                    say("span", visit.say(text_care.CARE))
        with box("div", "filters"):
            segments(visit, text.STATE, _STATES, "open", lambda name: choose(name))  # noqa: PLW0108 - defined below
            if visit.may("operator"):
                button = say("button", visit.say(text.ACKNOWLEDGE_RETURNED), "button", type="button")
                button.on("click", lambda: acknowledge_returned(visit))
        sheet = Pane[list[Alarm]](box("div", "sheet"), lambda rows: _table(visit, rows))

    async def draw() -> None:
        rows = await asyncio.to_thread(_alarms, visit, chosen["state"])
        found.set_text(visit.say(text.PAGE_OF, shown=len(rows)))
        sheet.show(rows)

    async def choose(name: str) -> None:
        chosen["state"] = name
        await draw()

    async def take(rows: Rows) -> None:
        if any(row["kind"] != "latest" for row in rows):
            await draw()

    await draw()
    if visit.site:
        follow(visit.context, visit.site.id, take)


def _alarms(visit: Visit, state: str) -> list[Alarm]:
    """The newest alarms in a state; blocks on the registry."""
    if visit.site is None:
        return []
    now = visit.context.clock()
    with visit.context.registry.reading() as session:
        if state == "closed":
            found = [alarm for alarm in past_alarms(session, visit.site.id, 0, now + 1) if alarm.phase == "closed"]
        else:
            found = open_alarms(session, visit.site.id)
    match state:
        case "shelved":
            found = [alarm for alarm in found if alarm.shelved(now)]
        case "suppressed":
            found = [alarm for alarm in found if alarm.suppressed]
        case "out_of_service":
            found = [alarm for alarm in found if alarm.removed]
        case "open":
            # What is explained by another alarm, or out of service on purpose, is in lists of its own.
            found = [alarm for alarm in found if not (alarm.suppressed or alarm.removed)]
        case "unacknowledged" | "acknowledged" | "returned":
            found = [alarm for alarm in found if alarm.phase == state]
    return found[:SHOWN]


def _table(visit: Visit, rows: list[Alarm]) -> None:
    if not rows:
        say("p", visit.say(text.NO_ALARMS_HERE), "nothing").style("padding:16px 12px")
        return
    with box("table", "rows wide"):
        with box("thead"), box("tr"):
            for title in (text.PRIORITY, text.ALARM, text.BEGAN, text.STATE, text.ACTION):
                say("th", visit.say(title), scope="col")
        with box("tbody"):
            for alarm in rows:
                _row(visit, alarm)


def _row(visit: Visit, alarm: Alarm) -> None:
    with box("tr"):
        with box("td"):
            tone.chip(visit, tone.PRIORITY[alarm.priority])
        with box("th", scope="row"):
            say("a", visit.say(alarm.title), "name", href=f"/alarms/{alarm.id}")
            say("small", visit.say(alarm.reason))
        say("td", moment(alarm.begin, visit.zone), "brief")
        say("td", visit.say(tone.phase(alarm, visit.context.clock())), "brief")
        with box("td"):
            if alarm.phase in WAITING and visit.may("operator"):
                button = say("button", visit.say(text.ACKNOWLEDGE), "button", type="button")
                button.on("click", lambda: acknowledge(visit, alarm.id))
