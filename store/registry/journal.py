"""The journal of the books: what of the booked intervals was changed later, from what to what, and why."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Index, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.series import SeriesKey
from store.registry.base import Base

KEPT = 200_000


class BookChange(Base):
    """`intervals` quarter hours of a register in [begin, end), one after another: their sum, worst quality and rule.

    `cause` is one of analytics.books.journal.Cause; `low` and `high` are the instants of what caused it.
    """

    __tablename__ = "book_change"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time: Mapped[int] = mapped_column(index=True)
    site: Mapped[str]
    device: Mapped[str]
    point: Mapped[str]
    begin: Mapped[int]
    end: Mapped[int]
    intervals: Mapped[int]
    old_value: Mapped[float]
    new_value: Mapped[float]
    old_quality: Mapped[int]
    new_quality: Mapped[int]
    old_rule: Mapped[int]
    new_rule: Mapped[int]
    cause: Mapped[str]
    low: Mapped[int]
    high: Mapped[int]

    __table_args__ = (Index("book_change_by_register", "site", "device", "point", "begin"),)


class Entry(NamedTuple):
    """Intervals in [begin, end), one after another, that were booked and now hold something else.

    `old` and `new` are their sum, worst quality and gravest rule; `low` and `high` the instants of what caused it.
    """

    key: SeriesKey
    begin: int
    end: int
    intervals: int
    old: tuple[float, int, int]
    new: tuple[float, int, int]
    cause: str
    low: int
    high: int


def record(session: Session, entries: Iterable[Entry], now: int) -> None:
    """Add to the journal; an entry whose newest namesake says the same stands there already. The oldest make room."""
    for key, begin, end, intervals, old, new, cause, low, high in entries:
        body = {
            "intervals": intervals,
            "old_value": old[0],
            "old_quality": old[1],
            "old_rule": old[2],
            "new_value": new[0],
            "new_quality": new[1],
            "new_rule": new[2],
        }
        # Written before the books are: a step that was killed in between is told again.
        newest = session.scalar(_of(key.site, key.device, key.point, begin, end).limit(1))
        if newest is None or any(getattr(newest, name) != value for name, value in body.items()):
            place = {"site": key.site, "device": key.device, "point": key.point, "begin": begin, "end": end}
            session.add(BookChange(time=now, cause=cause, low=low, high=high, **place, **body))
            session.flush()
    newest_id = session.scalar(select(func.max(BookChange.id))) or 0
    session.execute(delete(BookChange).where(BookChange.id <= newest_id - KEPT))


def changes(
    session: Session,
    site: str,
    start: int,
    end: int,
    *,
    device: str | None = None,
    point: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[BookChange]:
    """The newest entries that touch [start, end), of one device and point when given, with ids below `before`."""
    query = select(BookChange).where(BookChange.site == site, BookChange.begin < end, BookChange.end > start)
    if device is not None:
        query = query.where(BookChange.device == device)
    if point is not None:
        query = query.where(BookChange.point == point)
    if before is not None:
        query = query.where(BookChange.id < before)
    return list(session.scalars(query.order_by(BookChange.id.desc()).limit(limit)))


def _of(site: str, device: str, point: str, begin: int, end: int) -> Any:
    register = (BookChange.site == site, BookChange.device == device, BookChange.point == point)
    query = select(BookChange).where(*register, BookChange.begin == begin, BookChange.end == end)
    return query.order_by(BookChange.id.desc())
