"""The worklist: what ingest stored and analytics has not yet worked in, durable, one row a series."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.series import SeriesKey
from store.registry.base import Base


class Unsettled(Base):
    """Readings of a series in [low, high] are stored but not settled; `mark` grows with every addition."""

    __tablename__ = "unsettled"

    site: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    point: Mapped[str] = mapped_column(primary_key=True)
    building: Mapped[str]
    kind: Mapped[str]
    low: Mapped[int]
    high: Mapped[int]
    mark: Mapped[int]


class Work(NamedTuple):
    """One series with something to settle, in [low, high] inclusive."""

    key: SeriesKey
    low: int
    high: int
    mark: int


_UPSERT = """
INSERT INTO unsettled (site, building, kind, device, point, low, high, mark) VALUES (?, ?, ?, ?, ?, ?, ?, 1)
ON CONFLICT (site, device, point) DO UPDATE SET mark = unsettled.mark + 1,
  low = CASE WHEN excluded.low < unsettled.low THEN excluded.low ELSE unsettled.low END,
  high = CASE WHEN excluded.high > unsettled.high THEN excluded.high ELSE unsettled.high END
"""


def add(session: Session, touched: Iterable[tuple[SeriesKey, int, int]]) -> None:
    """Add [low, high] of each series to what has to be settled."""
    rows = sorted((*key, low, high) for key, low, high in touched)
    if rows:
        # One prepared statement over all rows: the ORM's upsert costs ten times as much, on the hot path.
        mark = "?" if session.get_bind().dialect.name == "sqlite" else "%s"
        session.connection().exec_driver_sql(_UPSERT.replace("?", mark), rows)


def pending(session: Session, limit: int = 1000) -> list[Work]:
    """What is to be settled."""
    rows = session.scalars(select(Unsettled).limit(limit))
    return [
        Work(SeriesKey(row.site, row.building, row.kind, row.device, row.point), row.low, row.high, row.mark)
        for row in rows
    ]


def done(session: Session, settled: Iterable[Work]) -> None:
    """Take settled work off the list, unless more was added meanwhile."""
    for work in settled:
        session.execute(
            delete(Unsettled).where(
                Unsettled.site == work.key.site,
                Unsettled.device == work.key.device,
                Unsettled.point == work.key.point,
                Unsettled.mark == work.mark,
            )
        )
