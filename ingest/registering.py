"""Devices that were born or died, into the registry."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from devices import kinds
from ingest.catalog import new_site
from ingest.turn import Turn
from schema.instant import HOUR
from store.registry import places, worklist
from store.registry.base import insert_into
from store.registry.places import Device, Site


def register(session: Session, turn: Turn, timezone: str) -> None:
    """Devices that came, and those that went after it."""
    newest = {(device.site, device.id): device for device in turn.births}
    for site in sorted({device.site for device in turn.births}):
        _enter(session, [new_site(site, timezone)])
    # Sorted, so that two ingest processes, which hear the same births, lock the rows in one order.
    _enter(session, [newest[key] for key in sorted(newest)])
    known = places.locked(session, sorted(newest))
    for device in turn.births:
        if _goes_on(known[device.site, device.id], device):
            device.state_since = known[device.site, device.id].state_since
        point = kinds()[device.kind].consumption
        if point and known[device.site, device.id].width != device.width:
            # Where it rolls over was told anew: what it ever counted is booked again.
            worklist.add(session, [(device.series(point), 0, turn.now + HOUR)])
        session.merge(device)
    for topic in turn.deaths:
        gone = session.get(Device, (topic.site, topic.device))
        if gone is not None and gone.state != "offline" and (gone.building, gone.kind) == topic[2:4]:
            gone.state, gone.state_since = "offline", turn.now


def _enter(session: Session, rows: Sequence[Site] | Sequence[Device]) -> None:
    """Insert the rows that are not there yet."""
    for row in rows[:1]:
        names = [column.name for column in row.__table__.columns]
        said = [name for name in names if any(getattr(row, name) is not None for row in rows)]
        given = [{name: getattr(row, name) for name in said} for row in rows]
        session.execute(insert_into(session, type(row)).on_conflict_do_nothing(), given)


def _goes_on(known: Device, born: Device) -> bool:
    """Whether a birth says nothing new of how the device speaks: a retained one is told again at every start."""
    return (known.state, known.interval, known.replay) == ("online", born.interval, born.replay)
