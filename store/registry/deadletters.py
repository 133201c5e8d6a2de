"""Dead letters: messages, or single records of one, that could not be accepted, with the reason."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import LargeBinary, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.registry.base import Base, insert_into

KEPT_BYTES = 16_384
KEPT_LETTERS = 50_000
"""At most 0.8 GB; a pack of 100 readings has some 6 kB."""


class DeadLetter(Base):
    """A parked payload: at most KEPT_BYTES of it are kept; one that is whole can be replayed."""

    __tablename__ = "dead_letter"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    received: Mapped[int] = mapped_column(index=True)
    topic: Mapped[str] = mapped_column(index=True)
    site: Mapped[str] = mapped_column(index=True)
    device: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(index=True)
    detail: Mapped[str]
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]


class DeadLetterCount(Base):
    """How many were ever parked for a reason, also those no longer kept."""

    __tablename__ = "dead_letter_count"

    reason: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]


class Parked(NamedTuple):
    """What ingest parks."""

    topic: str
    site: str
    device: str
    reason: str
    detail: str
    payload: bytes


def park(session: Session, letters: Iterable[Parked], now: int) -> None:
    """Keep the letters and count them by reason; the oldest beyond KEPT_LETTERS make room."""
    counts: dict[str, int] = {}
    for letter in letters:
        counts[letter.reason] = counts.get(letter.reason, 0) + 1
        session.add(
            DeadLetter(
                received=now,
                topic=letter.topic,
                site=letter.site,
                device=letter.device,
                reason=letter.reason,
                detail=letter.detail[:500],
                payload=letter.payload[:KEPT_BYTES],
                size=len(letter.payload),
            )
        )
    session.flush()
    # Sorted, so that two ingest processes lock the rows in one order.
    for reason, count in sorted(counts.items()):
        first = insert_into(session, DeadLetterCount).values(reason=reason, count=count)
        added = {"count": DeadLetterCount.count + first.excluded.count}
        session.execute(first.on_conflict_do_update(index_elements=["reason"], set_=added))
    newest = session.scalar(select(func.max(DeadLetter.id))) or 0
    session.execute(delete(DeadLetter).where(DeadLetter.id <= newest - KEPT_LETTERS))


def counts(session: Session) -> dict[str, int]:
    """How many were parked, by reason."""
    return {row.reason: row.count for row in session.scalars(select(DeadLetterCount))}


def whole(session: Session, topic: str, reasons: Iterable[str]) -> list[DeadLetter]:
    """The letters of topics that begin so, parked for one of the reasons and kept whole: they can be tried again."""
    return list(
        session.scalars(
            select(DeadLetter)
            .where(DeadLetter.topic.startswith(topic, autoescape=True), DeadLetter.reason.in_(list(reasons)))
            .where(DeadLetter.size <= KEPT_BYTES)
            .order_by(DeadLetter.id)
        )
    )


def discard(session: Session, ids: Iterable[int]) -> None:
    """Take letters off the shelf."""
    for id_ in ids:
        session.execute(delete(DeadLetter).where(DeadLetter.id == id_))
