"""What a person does to an alarm from a page: the right to it is checked again at the click."""

import asyncio
from collections.abc import Callable

from nicegui import ui
from sqlalchemy.orm import Session

from analytics import alarms
from api.auth import identify
from api.pages import text
from api.pages.visit import Visit
from schema.errors import Reject, RetryLater


async def acknowledge(visit: Visit, alarm: int, comment: str = "") -> None:
    """Say that somebody has seen it, and tell every open page."""
    await _act(visit, lambda session, who, now: alarms.acknowledge(session, alarm, who, comment, now))


async def shelve(visit: Visit, alarm: int, duration: int, comment: str) -> None:
    """Put it aside for a while (us), and tell every open page."""
    await _act(visit, lambda session, who, now: alarms.shelve(session, alarm, now + duration, who, comment, now))


async def _act(visit: Visit, action: Callable[[Session, str, int], alarms.Change]) -> None:
    try:
        done = (await asyncio.to_thread(_write, visit, action)).alarm
    except Reject as error:
        ui.notify(visit.say(text.REFUSED.get(error.reason, text.REFUSED_OTHERWISE)))
    except RetryLater:
        ui.notify(visit.say(text.STORE_AWAY))
    else:
        visit.context.hub.announce("alarm", {"site": done.site, "id": done.id, "state": done.phase})


def _write(visit: Visit, action: Callable[[Session, str, int], alarms.Change]) -> alarms.Change:
    caller = identify(visit.request, visit.context)
    if caller is None or caller.must_change or not caller.at_least("operator"):
        raise Reject("not_allowed")
    with visit.context.registry.writing() as session:
        return action(session, caller.name, visit.context.clock())
