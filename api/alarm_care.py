"""What people may set of how alarms are treated, for the API and the pages: checked, and put in the audit trail."""

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import delete
from sqlalchemy.orm import Session

from analytics.alarms import acts, lifecycle
from schema.errors import Reject
from schema.instant import SECOND
from store.registry.people import audit
from store.registry.roster import Duty, duties
from store.registry.treatments import Treatment

MOST_DUTIES = 500
Name = Annotated[str, Field(pattern="^([a-z0-9][a-z0-9_-]{0,63})?$")]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class TreatmentIn(BaseModel):
    """Delays in s; `tolerance` is how many times as far from the expected value as its band a value may lie."""

    device: Name = ""
    rule: Name = ""
    on_delay: float = Field(default=0, ge=0, le=30 * 86_400)
    off_delay: float = Field(default=0, ge=0, le=30 * 86_400)
    tolerance: float = Field(default=1, ge=1, le=acts.LARGEST_TOLERANCE)
    comment: str = Field(default="", max_length=500)


class Shift(BaseModel):
    """A shift: `days` from Monday on as seven of 0 and 1; one that does not end after it starts goes on overnight."""

    tier: int = Field(ge=1, le=3)
    channel: str = Field(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")
    days: str = Field(default="1111111", pattern="^[01]{7}$")
    start: Clock = "00:00"
    end: Clock = "00:00"


def set_treatment(session: Session, site: str, body: TreatmentIn, who: str, now: int) -> Treatment:
    """Set the treatment of a device and rule."""
    row = Treatment(
        site=site,
        device=body.device,
        rule=body.rule,
        on_delay=round(body.on_delay * SECOND),
        off_delay=round(body.off_delay * SECOND),
        tolerance=body.tolerance,
        who=who,
        comment=body.comment,
        changed=now,
    )
    audit(session, now, who, "alarm treatment set", f"{site}/{body.device}/{body.rule}")
    return session.merge(row)


def drop_treatment(session: Session, site: str, device: str, rule: str, who: str, now: int) -> Treatment:
    """Back to the default, from the one returned; Reject where there is no such treatment."""
    row = session.get(Treatment, (site, device, rule))
    if row is None:
        raise Reject("no_treatment", f"of device {device!r} and rule {rule!r}")
    session.delete(row)
    audit(session, now, who, "alarm treatment dropped", f"{site}/{device}/{rule}")
    return row


def take_out(
    session: Session, site: str, device: str, rule: str, until: int | None, who: str, comment: str, now: int
) -> list[lifecycle.Change]:
    """Tell nobody of a device's alarms, of one rule or all; Reject for an instant that has passed."""
    changes = acts.take_out_of_service(session, site, device, rule, until, who, comment, now)
    audit(session, now, who, "out of service", f"{site}/{device}/{rule}")
    return changes


def put_back(session: Session, site: str, device: str, rule: str, who: str, now: int) -> list[lifecycle.Change]:
    """Tell of its alarms again; Reject where it is not out of service."""
    changes = acts.put_back_in_service(session, site, device, rule, who, now)
    audit(session, now, who, "back in service", f"{site}/{device}/{rule}")
    return changes


def strange(shifts: Iterable[Shift], known: Collection[str] | None) -> list[str]:
    """The channels of a roster that no setting names; none where it is not known what is set."""
    return [] if known is None else sorted({shift.channel for shift in shifts}.difference(known))


def set_roster(
    session: Session, site: str, shifts: Sequence[Shift], known: Collection[str] | None, who: str, now: int
) -> list[Duty]:
    """Put this roster in place of the one before; Reject where it names a channel that is none of the `known`."""
    unknown = strange(shifts, known)
    if unknown:
        told = f"alarms.channels names {', '.join(sorted(known or ()))}"
        raise Reject("unknown_channel", f"{', '.join(unknown)}; {told}")
    session.execute(delete(Duty).where(Duty.site == site))
    rows = [duty_of(site, shift) for shift in shifts]
    session.add_all(rows)
    audit(session, now, who, "roster set", site, f"{len(rows)} shifts")
    session.flush()
    return duties(session, site)


def shift_of(row: Duty) -> Shift:
    """A shift of the roster as people write it."""
    return Shift(tier=row.tier, channel=row.channel, days=row.days, start=_clock(row.start), end=_clock(row.end))


def duty_of(site: str, shift: Shift) -> Duty:
    """A shift as the roster keeps it."""
    start, end = _minute(shift.start), _minute(shift.end)
    return Duty(site=site, tier=shift.tier, channel=shift.channel, days=shift.days, start=start, end=end)


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
