"""A change that a person makes on a page: the right to it is checked again at the click."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from nicegui import ui
from sqlalchemy.orm import Session

from api.auth import Caller, identify
from api.pages import text
from api.pages.frame import text_frame
from api.pages.frame.visit import Visit
from schema.errors import Reject, RetryLater

T = TypeVar("T")


async def write(visit: Visit, role: str, change: Callable[[Session, Caller, int], T]) -> T | None:
    """Make a change at the visited site in a transaction of its own; None, and the visitor is told why, if refused."""
    try:
        return await asyncio.to_thread(_write, visit, role, change)
    except Reject as error:
        ui.notify(visit.say(text_frame.REFUSED.get(error.reason, text_frame.REFUSED_OTHERWISE)))
    except RetryLater:
        ui.notify(visit.say(text.STORE_AWAY))
    return None


def _write(visit: Visit, role: str, change: Callable[[Session, Caller, int], T]) -> T:
    caller = identify(visit.request, visit.context)
    if caller is None or caller.must_change or not caller.at_least(role):
        raise Reject("not_allowed")
    if visit.site is not None and not caller.sees(visit.site.id):
        raise Reject("not_allowed")
    with visit.context.registry.writing() as session:
        return change(session, caller, visit.context.clock())
