"""What a person does to an alarm from a page."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from analytics.alarms import acts, lifecycle
from analytics.alarms.acts import Cause, Verdict
from api import alarm_care
from api.auth import Caller
from api.pages.frame.visit import Visit
from api.pages.frame.writing import write
from schema.errors import Reject
from store.registry.alarms import open_alarms


async def acknowledge(visit: Visit, alarm: int, comment: str = "") -> bool:
    """Say that somebody has seen it, and tell every open page; whether it was done, as of every act here."""
    return await act(visit, lambda session, who, now: acts.acknowledge(session, alarm, who, comment, now))


async def shelve(visit: Visit, alarm: int, duration: int, comment: str) -> bool:
    """Put it aside for a while (us), and tell every open page."""
    return await act(visit, lambda session, who, now: acts.shelve(session, alarm, now + duration, who, comment, now))


async def unshelve(visit: Visit, alarm: int, comment: str) -> bool:
    """Take it back from the shelf, and tell every open page."""
    return await act(visit, lambda session, who, now: acts.unshelve(session, alarm, who, comment, now))


async def acknowledge_returned(visit: Visit) -> None:
    """Acknowledge every alarm of the site that is back to normal, and tell every open page."""
    site = visit.site
    if site is None:
        return

    def all_returned(session: Session, who: str, now: int) -> list[lifecycle.Change]:
        waiting = [alarm.id for alarm in open_alarms(session, site.id) if alarm.phase == "returned"]
        return acts.acknowledge_all(session, waiting, who, "", now)

    await act(visit, all_returned)


async def comment(visit: Visit, alarm: int, words: str) -> bool:
    """Add a word to its history, and tell every open page."""
    return await act(visit, lambda session, who, now: acts.comment(session, alarm, who, words, now))


async def judge(visit: Visit, alarm: int, verdict: Verdict, cause: Cause | None, words: str) -> bool:
    """Say whether it was right and what was behind it, and tell every open page."""
    return await act(visit, lambda session, who, now: acts.judge(session, alarm, verdict, cause, who, words, now))


async def take_out_of_service(
    visit: Visit, site: str, device: str, rule: str, duration: int | None, words: str
) -> bool:
    """Tell nobody of a device's alarms for a while (us; None: until put back); whether it was done."""
    return await act(
        visit,
        lambda session, who, now: alarm_care.take_out(
            session, site, device, rule, None if duration is None else now + duration, who, words, now
        ),
    )


async def put_back_in_service(visit: Visit, site: str, device: str, rule: str) -> bool:
    """Tell of its alarms again; whether it was done."""
    return await act(visit, lambda session, who, now: alarm_care.put_back(session, site, device, rule, who, now))


async def act(visit: Visit, action: Callable[[Session, str, int], lifecycle.Change | list[lifecycle.Change]]) -> bool:
    """Change alarms as an operator, and tell every open page; whether it was done."""

    def change_own(session: Session, caller: Caller, now: int) -> list[lifecycle.Change]:
        done = action(session, caller.name, now)
        changes = [done] if isinstance(done, lifecycle.Change) else done
        if not all(caller.sees(change.alarm.site) for change in changes):
            raise Reject("not_allowed")  # undoes the change
        return changes

    changes = await write(visit, "operator", change_own)
    if changes is None:
        return False
    for change in changes:
        alarm = change.alarm
        visit.context.hub.announce("alarm", {"site": alarm.site, "id": alarm.id, "state": alarm.phase})
    return True
