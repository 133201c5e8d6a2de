"""What the clock alone does to alarms: delays end, shelves empty, suppression lifts, nobody answers."""

from collections.abc import Iterator

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from analytics.alarms.lifecycle import STALE, Change, record, settle_cleared, settle_pending
from analytics.alarms.roots import ACTIVE
from analytics.alarms.roster import ESCALATION, tier_due
from schema.instant import MINUTE
from store.registry.alarms import Alarm
from store.registry.treatments import OutOfService, out_of_service, removed

RELEASE = 10 * MINUTE
"""How long after a root cause is over what it explained is given to come back by itself."""


def tick(session: Session, now: int) -> list[Change]:
    """All that has come due by now; run again at the same instant it changes nothing."""
    changes = list(_delays(session, now))
    changes += _shelves(session, now)
    changes += _service(session, now)
    changes += _suppressed(session, now)
    changes += _unanswered(session, now)
    return changes


def _delays(session: Session, now: int) -> Iterator[Change]:
    for alarm in _locked(session, Alarm.phase != "closed", Alarm.due <= now):
        change = (
            settle_pending(session, alarm, now) if alarm.phase == "pending" else settle_cleared(session, alarm, now)
        )
        if change is not None:
            yield change


def _shelves(session: Session, now: int) -> Iterator[Change]:
    for alarm in _locked(session, Alarm.phase != "closed", Alarm.shelved_until <= now):
        alarm.shelved_until = None
        record(session, alarm, alarm.phase, "unshelve", now)
        yield Change(alarm, "unshelved")


def _service(session: Session, now: int) -> Iterator[Change]:
    """What was out of service for a time is back."""
    over = set(session.scalars(select(OutOfService.site).where(OutOfService.until <= now)))
    if not over:
        return
    session.execute(delete(OutOfService).where(OutOfService.until <= now))
    for site in sorted(over):
        yield from restore(session, site, now)


def restore(session: Session, site: str, now: int, who: str = "") -> Iterator[Change]:
    """Put the open alarms of a site in and out of service, as its table now says."""
    rows = out_of_service(session, site)
    for alarm in _locked(session, Alarm.site == site, Alarm.phase != "closed"):
        gone = removed(rows, alarm.device, alarm.rule)
        if gone == alarm.removed:
            continue
        alarm.removed = gone
        alarm.raised = alarm.raised if gone else now
        record(session, alarm, alarm.phase, "remove" if gone else "restore", now, who)
        yield Change(alarm, "removed" if gone else "restored")


def _suppressed(session: Session, now: int) -> Iterator[Change]:
    """What is still there although the alarm that explained it is over."""
    for alarm in _locked(session, Alarm.phase != "closed", Alarm.suppressed):
        root = session.get(Alarm, alarm.root) if alarm.root is not None else None
        if root is not None and (root.phase in ACTIVE or now < root.end + RELEASE):
            continue
        alarm.suppressed, alarm.raised = False, now
        record(session, alarm, alarm.phase, "unsuppress", now)
        yield Change(alarm, "unsuppressed")


def _unanswered(session: Session, now: int) -> Iterator[Change]:
    """What nobody acknowledged goes to the next tier of the roster."""
    least = min(delay for delays in ESCALATION.values() for delay in delays)
    within = Alarm.raised.between(now - STALE, now - least)
    for alarm in _locked(session, Alarm.phase == "unacknowledged", within, Alarm.end > now - STALE):
        tier = tier_due(alarm.priority, alarm.raised, now)
        if tier > alarm.tier and not alarm.quiet(now):
            alarm.tier = tier
            record(session, alarm, alarm.phase, "escalate", now, "", str(tier))
            yield Change(alarm, "unanswered")


def _locked(session: Session, *conditions: object) -> list[Alarm]:
    query = select(Alarm).where(*conditions).order_by(Alarm.id).with_for_update()  # type: ignore[arg-type]
    return list(session.scalars(query))
