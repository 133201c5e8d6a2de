"""Dead letters: messages, or single records of one, that could not be accepted, with the reason."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import ColumnElement, LargeBinary, delete, func, insert, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.registry.base import Base, insert_into

KEPT_BYTES = 16_384
KEPT_LETTERS = 50_000
"""At most 0.8 GB; a pack of 100 readings has some 6 kB."""
_AT_ONCE = 10_000


class DeadLetter(Base):
    """A parked payload: at most KEPT_BYTES of it are kept; one that is whole can be replayed.

    `asked` is when somebody asked for its replay, until ingest has tried; it was `tried` so many times in vain.
    """

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
    asked: Mapped[int | None] = mapped_column(index=True)
    tried: Mapped[int] = mapped_column(default=0, server_default="0")


class DeadLetterCount(Base):
    """How many were ever parked for a reason, also those no longer kept."""

    __tablename__ = "dead_letter_count"

    reason: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]


class Search(NamedTuple):
    """Which letters: of a site, device, reason, with words in topic or detail, received in [start, end); None: any."""

    site: str | None = None
    device: str | None = None
    reason: str | None = None
    text: str | None = None
    start: int | None = None
    end: int | None = None


class Waiting(NamedTuple):
    """Of letters asked for again: how many wait for ingest, and how many it refused; the others are taken in."""

    waiting: int
    refused: int


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
    newest: deque[Parked] = deque(maxlen=KEPT_LETTERS)
    counts: Counter[str] = Counter()
    for letter in letters:
        counts[letter.reason] += 1
        newest.append(letter)
    if newest:
        session.execute(insert(DeadLetter), [_row(letter, now) for letter in newest])
    # Sorted, so that two ingest processes lock the rows in one order.
    for reason, count in sorted(counts.items()):
        first = insert_into(session, DeadLetterCount).values(reason=reason, count=count)
        added = {"count": DeadLetterCount.count + first.excluded.count}
        session.execute(first.on_conflict_do_update(index_elements=["reason"], set_=added))
    last = session.scalar(select(func.max(DeadLetter.id))) or 0
    session.execute(delete(DeadLetter).where(DeadLetter.id <= last - KEPT_LETTERS))


def counts(session: Session) -> dict[str, int]:
    """How many were parked, by reason."""
    return {row.reason: row.count for row in session.scalars(select(DeadLetterCount))}


def topics(session: Session, reasons: Iterable[str]) -> set[str]:
    """The topics of letters parked for one of the reasons."""
    return set(session.scalars(select(DeadLetter.topic).where(DeadLetter.reason.in_(list(reasons))).distinct()))


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


def explain(session: Session, topic: str, reasons: Iterable[str], detail: str) -> None:
    """Say more of why the letters of topics that begin so wait for one of the reasons."""
    waiting = DeadLetter.topic.startswith(topic, autoescape=True), DeadLetter.reason.in_(list(reasons))
    session.execute(update(DeadLetter).where(*waiting).values(detail=_plain(detail)))


def discard(session: Session, ids: Iterable[int]) -> None:
    """Take letters off the shelf."""
    gone = list(ids)
    for at in range(0, len(gone), _AT_ONCE):
        session.execute(delete(DeadLetter).where(DeadLetter.id.in_(gone[at : at + _AT_ONCE])))


def found(session: Session, search: Search, *, before: int | None = None, limit: int) -> list[DeadLetter]:
    """The newest letters of a search with ids below `before`."""
    query = select(DeadLetter).where(*_conditions(search))
    if before is not None:
        query = query.where(DeadLetter.id < before)
    return list(session.scalars(query.order_by(DeadLetter.id.desc()).limit(limit)))


def count(session: Session, search: Search) -> int:
    """How many letters a search finds."""
    return session.scalar(select(func.count()).select_from(DeadLetter).where(*_conditions(search))) or 0


def by_reason(session: Session, search: Search) -> dict[str, int]:
    """How many letters of a search are on the shelf, by reason, the most first."""
    rows = session.execute(
        select(DeadLetter.reason, func.count()).where(*_conditions(search)).group_by(DeadLetter.reason)
    )
    return dict(sorted(((reason, number) for reason, number in rows), key=lambda row: (-row[1], row[0])))


def ask(session: Session, ids: Iterable[int], now: int) -> list[int]:
    """Have ingest take letters in again; the ids of those that can be: that are kept whole."""
    rows = session.scalars(select(DeadLetter).where(DeadLetter.id.in_(list(ids)), DeadLetter.size <= KEPT_BYTES))
    asked = []
    for row in rows:
        row.asked = now
        asked.append(row.id)
    return asked


def asked(session: Session, limit: int) -> list[DeadLetter]:
    """The letters that ingest is asked to take in again, the oldest first."""
    query = select(DeadLetter).where(DeadLetter.asked.is_not(None)).order_by(DeadLetter.id).limit(limit)
    return list(session.scalars(query))


def refuse(session: Session, id_: int, reason: str, detail: str) -> None:
    """A letter was tried again in vain, for this reason."""
    row = session.get(DeadLetter, id_)
    if row is not None:
        row.reason, row.detail, row.asked, row.tried = reason, _plain(detail), None, row.tried + 1


def outcome(session: Session, ids: Iterable[int]) -> Waiting:
    """What became of letters that were asked for."""
    left = session.execute(select(DeadLetter.asked).where(DeadLetter.id.in_(list(ids)))).scalars().all()
    waiting = sum(instant is not None for instant in left)
    return Waiting(waiting, len(left) - waiting)


def _row(letter: Parked, now: int) -> dict[str, object]:
    kept = {"payload": letter.payload[:KEPT_BYTES], "size": len(letter.payload), "detail": _plain(letter.detail)}
    return letter._asdict() | kept | {"received": now}


def _plain(text: str) -> str:
    """The beginning of what a stranger's payload made us say, as every database can hold it."""
    return text[:500].encode(errors="backslashreplace").decode().replace("\0", "\\0")


def _conditions(search: Search) -> list[ColumnElement[bool]]:
    columns = ((DeadLetter.site, search.site), (DeadLetter.device, search.device), (DeadLetter.reason, search.reason))
    conditions = [column == wanted for column, wanted in columns if wanted is not None]
    if search.text is not None:
        words = (DeadLetter.topic, DeadLetter.detail)
        conditions.append(or_(*(column.icontains(search.text, autoescape=True) for column in words)))
    if search.start is not None:
        conditions.append(DeadLetter.received >= search.start)
    if search.end is not None:
        conditions.append(DeadLetter.received < search.end)
    return conditions
