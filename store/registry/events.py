"""Events at rest: one row an event, its idempotency key unique, so that a second delivery changes nothing."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.event import Event
from store.registry.base import Base, insert_into


class EventRow(Base):
    """An event of a device; `body` is the event as JSON."""

    __tablename__ = "event"

    site: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    time: Mapped[int]
    received: Mapped[int]
    body: Mapped[str]

    __table_args__ = (Index("event_by_time", "site", "type", "time"),)


class StoredEvent(NamedTuple):
    """An event with where it came from."""

    site: str
    device: str
    event: Event


def record(session: Session, events: Iterable[StoredEvent], now: int) -> None:
    """Store events; those already there (same site, device and id) stay as they are."""
    rows: list[dict[str, Any]] = []
    for site, device, event in events:
        body = msgspec.json.encode(event).decode()
        kind = str(type(event).__struct_config__.tag)
        rows.append(
            {
                "site": site,
                "device": device,
                "id": event.id,
                "type": kind,
                "time": event.time,
                "received": now,
                "body": body,
            }
        )
    if rows:
        session.execute(insert_into(session, EventRow).on_conflict_do_nothing(), rows)


def between(session: Session, site: str, type_: str, start: int, end: int) -> list[StoredEvent]:
    """The events of a type with start <= time < end, in time order."""
    rows = session.scalars(
        select(EventRow)
        .where(EventRow.site == site, EventRow.type == type_, EventRow.time >= start, EventRow.time < end)
        .order_by(EventRow.time, EventRow.device, EventRow.id)
    )
    return [StoredEvent(row.site, row.device, msgspec.json.decode(row.body, type=Event)) for row in rows]
