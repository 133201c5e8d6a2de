"""The worklist: what ingest stored and analytics has not yet worked in; durable, one row a series.

Ingest adds spans of time. Analytics takes what is new, and when all it took is safely worked in, says so; what it had
taken when it was killed is given back at its next start. Working a span in twice changes nothing.
"""

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.series import SeriesKey
from store.registry.base import Base


class Unsettled(Base):
    """Readings of a series in [low, high] are stored but not taken; those in [taken_low, taken_high] not worked in.

    What is found up to the instant `quiet` is history, told late: it raises no alarm.
    """

    __tablename__ = "unsettled"

    site: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    point: Mapped[str] = mapped_column(primary_key=True)
    building: Mapped[str]
    kind: Mapped[str]
    low: Mapped[int | None] = mapped_column(index=True)
    high: Mapped[int | None]
    taken_low: Mapped[int | None]
    taken_high: Mapped[int | None]
    quiet: Mapped[int | None]


class Work(NamedTuple):
    """One series with something to settle, in [low, high] inclusive; up to `quiet` it is history, told late."""

    key: SeriesKey
    low: int
    high: int
    quiet: int | None = None


_INSERT = "INSERT INTO unsettled (site, building, kind, device, point, low, high) VALUES "
_WIDEN = """
ON CONFLICT (site, device, point) DO UPDATE SET
  low = CASE WHEN unsettled.low <= excluded.low THEN unsettled.low ELSE excluded.low END,
  high = CASE WHEN unsettled.high >= excluded.high THEN unsettled.high ELSE excluded.high END
"""
_AT_ONCE = 500


def add(session: Session, touched: Iterable[tuple[SeriesKey, int, int]]) -> None:
    """Add [low, high] of each series, all different, to what has to be settled."""
    # Sorted, so that two ingest processes lock the rows in one order.
    rows = sorted((*key, low, high) for key, low, high in touched)
    mark = "?" if session.get_bind().dialect.name == "sqlite" else "%s"
    one = f"({', '.join([mark] * 7)})"
    # Many rows a statement, which runs without the interpreter: the ORM's upsert costs ten times as much.
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        statement = f"{_INSERT}{', '.join([one] * len(some))}{_WIDEN}"
        session.connection().exec_driver_sql(statement, tuple(chain.from_iterable(some)))


def hush(session: Session, historical: Iterable[tuple[SeriesKey, int]]) -> None:
    """What was just added is history up to an instant, of each series."""
    for key, until in sorted(historical):
        row = session.get(Unsettled, (key.site, key.device, key.point))
        if row is not None:
            row.quiet = until if row.quiet is None else max(row.quiet, until)


def take(session: Session, limit: int = 1000) -> list[Work]:
    """What was added since it was last taken."""
    rows = session.scalars(select(Unsettled).where(Unsettled.low.is_not(None)).limit(limit).with_for_update())
    work = []
    for row in rows:
        if row.low is None or row.high is None:
            continue
        key = SeriesKey(row.site, row.building, row.kind, row.device, row.point)
        work.append(Work(key, row.low, row.high, row.quiet))
        row.taken_low = row.low if row.taken_low is None else min(row.taken_low, row.low)
        row.taken_high = row.high if row.taken_high is None else max(row.taken_high, row.high)
        row.low = row.high = None
    return work


def done(session: Session) -> None:
    """All that was taken is worked in."""
    session.execute(delete(Unsettled).where(Unsettled.low.is_(None)))
    session.execute(update(Unsettled).where(Unsettled.taken_low.is_not(None)).values(taken_low=None, taken_high=None))


def give_back(session: Session) -> None:
    """What was taken by somebody who did not come to the end of it is to be taken again."""
    for row in session.scalars(select(Unsettled).where(Unsettled.taken_low.is_not(None)).with_for_update()):
        if row.taken_low is None or row.taken_high is None:
            continue
        row.low = row.taken_low if row.low is None else min(row.low, row.taken_low)
        row.high = row.taken_high if row.high is None else max(row.high, row.taken_high)
        row.taken_low = row.taken_high = None
