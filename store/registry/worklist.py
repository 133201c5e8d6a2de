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

    In [corrected_low, corrected_high] other values were stored before. What is found up to the instant `quiet` is
    history, told late: it raises no alarm.
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
    corrected_low: Mapped[int | None]
    corrected_high: Mapped[int | None]
    taken_corrected_low: Mapped[int | None]
    taken_corrected_high: Mapped[int | None]


class Work(NamedTuple):
    """One series with something to settle, in [low, high] inclusive; up to `quiet` it is history, told late.

    Values between the two instants `corrected` replaced others.
    """

    key: SeriesKey
    low: int
    high: int
    quiet: int | None = None
    corrected: tuple[int, int] | None = None


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
    rows = sorted(touched)
    mark = "?" if session.get_bind().dialect.name == "sqlite" else "%s"
    one = f"({', '.join([mark] * 7)})"
    # Many rows a statement, which runs without the interpreter: the ORM's upsert costs ten times as much.
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        statement = f"{_INSERT}{', '.join([one] * len(some))}{_WIDEN}"
        session.connection().exec_driver_sql(
            statement, tuple(chain.from_iterable((*key, low, high) for key, low, high in some))
        )


def hush(session: Session, historical: Iterable[tuple[SeriesKey, int]]) -> None:
    """What was just added is history up to an instant, of each series."""
    for key, until in sorted(historical):
        row = session.get(Unsettled, (key.site, key.device, key.point))
        if row is not None:
            row.quiet = until if row.quiet is None else max(row.quiet, until)


def correct(session: Session, replaced: Iterable[tuple[SeriesKey, int, int]]) -> None:
    """Of what was just added, values in [low, high] of each series replaced others."""
    for key, low, high in sorted(replaced):
        row = session.get(Unsettled, (key.site, key.device, key.point), populate_existing=True)
        if row is not None:
            row.corrected_low, row.corrected_high = _hull((row.corrected_low, row.corrected_high), (low, high))


def take(session: Session, limit: int = 1000) -> list[Work]:
    """What was added since it was last taken."""
    rows = session.scalars(select(Unsettled).where(Unsettled.low.is_not(None)).limit(limit).with_for_update())
    work = []
    for row in rows:
        if row.low is None or row.high is None:
            continue
        key = SeriesKey(row.site, row.building, row.kind, row.device, row.point)
        corrected = row.corrected_low, row.corrected_high
        work.append(Work(key, row.low, row.high, row.quiet, _span(corrected)))
        taken = row.taken_corrected_low, row.taken_corrected_high
        row.taken_corrected_low, row.taken_corrected_high = _hull(taken, corrected)
        row.taken_low, row.taken_high = _hull((row.taken_low, row.taken_high), (row.low, row.high))
        row.low = row.high = row.corrected_low = row.corrected_high = None
    return work


def waiting(session: Session) -> dict[SeriesKey, int]:
    """The first instant of what waits for each series, taken or not."""
    rows = session.scalars(select(Unsettled))
    found = {}
    for row in rows:
        lows = [low for low in (row.low, row.taken_low) if low is not None]
        if lows:
            found[SeriesKey(row.site, row.building, row.kind, row.device, row.point)] = min(lows)
    return found


def done(session: Session) -> None:
    """All that was taken is worked in."""
    session.execute(delete(Unsettled).where(Unsettled.low.is_(None)))
    nothing = dict.fromkeys(("taken_low", "taken_high", "taken_corrected_low", "taken_corrected_high"))
    session.execute(update(Unsettled).where(Unsettled.taken_low.is_not(None)).values(nothing))


def give_back(session: Session) -> None:
    """What was taken by somebody who did not come to the end of it is to be taken again."""
    for row in session.scalars(select(Unsettled).where(Unsettled.taken_low.is_not(None)).with_for_update()):
        row.low, row.high = _hull((row.low, row.high), (row.taken_low, row.taken_high))
        corrected = (row.corrected_low, row.corrected_high), (row.taken_corrected_low, row.taken_corrected_high)
        row.corrected_low, row.corrected_high = _hull(*corrected)
        row.taken_low = row.taken_high = row.taken_corrected_low = row.taken_corrected_high = None


_Ends = tuple[int | None, int | None]


def _span(ends: _Ends) -> tuple[int, int] | None:
    low, high = ends
    return None if low is None or high is None else (low, high)


def _hull(one: _Ends, other: _Ends) -> _Ends:
    """The least span that holds both, where there are."""
    spans = [span for ends in (one, other) if (span := _span(ends))]
    return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else (None, None)
