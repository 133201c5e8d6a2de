"""What people do to alarms: see, comment, shelve, judge, take out of service."""

from collections.abc import Iterable
from typing import Literal, get_args

from sqlalchemy.orm import Session

from analytics.alarms.clock import restore
from analytics.alarms.lifecycle import Change, move, record
from schema.errors import Reject
from schema.instant import DAY
from store.registry.alarms import Alarm
from store.registry.treatments import OutOfService, Treatment, treated, treatments

Cause = Literal["equipment", "operation", "metering", "communication", "weather", "planned", "other"]
"""What people found behind an alarm."""
Verdict = Literal["true", "false"]

MARGIN = 1.05
LARGEST_TOLERANCE = 5.0
LONGEST_ON_DELAY = DAY


def acknowledge(session: Session, alarm_id: int, user: str, comment: str, now: int) -> Change:
    """Somebody has seen it; one that had returned to normal is closed by that. Reject unless it still waits for it."""
    alarm = _open(session, alarm_id)
    if alarm.phase == "acknowledged":
        raise Reject("already_acknowledged", f"alarm {alarm_id} by {alarm.acknowledged_by}")
    alarm.acknowledged_by, alarm.acknowledged = user, now
    alarm.comment = comment or alarm.comment
    move(session, alarm, "acknowledge", now, user, comment)
    return Change(alarm, "acknowledged")


def acknowledge_all(session: Session, alarms: Iterable[int], user: str, comment: str, now: int) -> list[Change]:
    """Those of them that wait to be seen; the others are left as they are."""
    changes = []
    for number in sorted(set(alarms)):
        try:
            changes.append(acknowledge(session, number, user, comment, now))
        except Reject:
            continue  # another was quicker
    return changes


def comment(session: Session, alarm_id: int, user: str, words: str, now: int) -> Change:
    """Add a word to its history, also when it is closed. Reject for an unknown one, or no words."""
    alarm = _known(session, alarm_id)
    if not words.strip():
        raise Reject("no_comment", "say something")
    alarm.comment = words
    record(session, alarm, alarm.phase, "comment", now, user, words)
    return Change(alarm, "commented")


def shelve(session: Session, alarm_id: int, until: int, user: str, comment: str, now: int) -> Change:
    """Put an open alarm aside until an instant; Reject for a closed one, an instant that has passed, or no reason."""
    alarm = _open(session, alarm_id)
    _explained(comment)
    if until <= now:
        raise Reject("bad_time", "an alarm is shelved until a moment to come")
    alarm.shelved_until = until
    record(session, alarm, alarm.phase, "shelve", now, user, comment)
    return Change(alarm, "shelved")


def unshelve(session: Session, alarm_id: int, user: str, comment: str, now: int) -> Change:
    """Take a shelved alarm back; Reject where it is not shelved."""
    alarm = _open(session, alarm_id)
    if alarm.shelved_until is None:
        raise Reject("not_shelved", f"alarm {alarm_id}")
    alarm.shelved_until = None
    record(session, alarm, alarm.phase, "unshelve", now, user, comment)
    return Change(alarm, "unshelved")


def judge(
    session: Session, alarm_id: int, verdict: Verdict, cause: Cause | None, user: str, comment: str, now: int
) -> Change:
    """Say whether it was right, and what was behind it; a false alarm makes its cause harder to raise from now on.

    The tolerance of its device and rule grows to just beyond what was observed; where there is no band to grow, its
    on-delay to as long as the alarm lasted. Both are bounded, written in the history, and undone by deleting the
    treatment. Reject for what is no verdict or cause.
    """
    alarm = _known(session, alarm_id)
    if verdict not in get_args(Verdict) or cause not in (None, *get_args(Cause)):
        raise Reject("bad_verdict", f"{verdict!r}, {cause!r}")
    alarm.verdict, alarm.cause = verdict, cause or alarm.cause
    said = " ".join(filter(None, (verdict, cause, comment)))
    if verdict == "false":
        row = _treatment(session, alarm, user, now)
        edge = alarm.high if alarm.observed > alarm.expected else alarm.low
        band = abs(edge - alarm.expected)
        if 0 < band < float("inf"):
            beyond = abs(alarm.observed - alarm.expected) / band * MARGIN
            row.tolerance = max(row.tolerance, min(beyond, LARGEST_TOLERANCE))
            said += f" tolerance={row.tolerance:.3g}"
        else:
            row.on_delay = max(row.on_delay, min(alarm.end - alarm.begin, LONGEST_ON_DELAY))
            said += f" on_delay={row.on_delay / 60e6:.3g}min"
    record(session, alarm, alarm.phase, "judge", now, user, said)
    return Change(alarm, "judged")


def take_out_of_service(
    session: Session, site: str, device: str, rule: str, until: int | None, user: str, comment: str, now: int
) -> list[Change]:
    """Tell nobody of a device's alarms (of one rule, or any) until an instant, or until they are put back.

    Reject for an instant that has passed, or no reason.
    """
    _explained(comment)
    if until is not None and until <= now:
        raise Reject("bad_time", "out of service until a moment to come")
    session.merge(OutOfService(site=site, device=device, rule=rule, since=now, until=until, who=user, comment=comment))
    session.flush()
    return list(restore(session, site, now, user))


def put_back_in_service(session: Session, site: str, device: str, rule: str, user: str, now: int) -> list[Change]:
    """Tell of a device's alarms again; Reject where it is not out of service."""
    row = session.get(OutOfService, (site, device, rule))
    if row is None:
        raise Reject("in_service", f"{device} {rule}".strip())
    session.delete(row)
    session.flush()
    return list(restore(session, site, now, user))


def _treatment(session: Session, alarm: Alarm, user: str, now: int) -> Treatment:
    """The treatment of just this device and rule, made from the one in force where there is none."""
    row = session.get(Treatment, (alarm.site, alarm.device, alarm.rule))
    if row is None:
        force = treated(treatments(session, alarm.site), alarm.device, alarm.rule)
        row = Treatment(site=alarm.site, device=alarm.device, rule=alarm.rule, **force._asdict())
        session.add(row)
    row.who, row.comment, row.changed = user, f"#{alarm.id}", now
    return row


def _explained(comment: str) -> None:
    # ISA-18.2 wants the reason of whatever silences an alarm on record.
    if not comment.strip():
        raise Reject("no_reason", "say why, in the comment")


def _known(session: Session, alarm_id: int) -> Alarm:
    alarm = session.get(Alarm, alarm_id, with_for_update=True)
    if alarm is None or alarm.phase == "pending":
        raise Reject("unknown_alarm", str(alarm_id))
    return alarm


def _open(session: Session, alarm_id: int) -> Alarm:
    alarm = _known(session, alarm_id)
    if alarm.phase == "closed":
        raise Reject("alarm_closed", str(alarm_id))
    return alarm
