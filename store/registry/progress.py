"""Progress: how far each agent's stream is on disk, and which messages above that already are."""

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.stream import Acknowledged, Position
from store.registry.base import Base, insert_into


class StreamProgress(Base):
    """All of an agent's messages up to `seq` are durable; `above` are ranges [[first, last], ...] beyond the gap.

    `lost` counts messages the agent gave up (its floor passed them) before the platform ever saw them.
    """

    __tablename__ = "stream_progress"

    agent: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    site: Mapped[str]
    seq: Mapped[int] = mapped_column(default=0)
    above: Mapped[str] = mapped_column(default="[]")
    lost: Mapped[int] = mapped_column(default=0)
    seen: Mapped[int]


def acknowledged(row: StreamProgress) -> Acknowledged:
    """What the platform answers this agent."""
    above = _ranges(row)
    missing = []
    last = row.seq
    for first, end in above:
        missing.append((last + 1, first - 1))
        last = end
    return Acknowledged(epoch=row.epoch, seq=row.seq, missing=tuple(missing))


def advance(session: Session, site: str, positions: list[Position], now: int) -> list[tuple[str, Acknowledged]]:
    """Record positions as durable; each agent they came from, with what it may be told."""
    streams: dict[tuple[str, str], list[Position]] = {}
    for position in positions:
        streams.setdefault((position.agent, position.epoch), []).append(position)
    answers = []
    # Sorted, so that two ingest processes lock the rows in one order.
    for (agent, epoch), received in sorted(streams.items()):
        new = insert_into(session, StreamProgress).values(
            agent=agent, epoch=epoch, site=site, seq=0, above="[]", lost=0, seen=now
        )
        session.execute(new.on_conflict_do_nothing())
        row = session.scalars(
            select(StreamProgress).where(StreamProgress.agent == agent, StreamProgress.epoch == epoch).with_for_update()
        ).one()
        merge(row, {position.seq for position in received}, max(position.floor for position in received))
        row.seen = now
        answers.append((agent, acknowledged(row)))
    return answers


def merge(row: StreamProgress, seqs: set[int], floor: int) -> None:
    """Add durable sequence numbers to a stream, and give up on what lies below the agent's floor."""
    spans = sorted([*_ranges(row), *((seq, seq) for seq in seqs if seq > row.seq)])
    if floor - 1 > row.seq:
        known = sum(min(last, floor - 1) - first + 1 for first, last in _union(spans) if first < floor)
        row.lost += floor - 1 - row.seq - known
        row.seq = floor - 1
    rest = []
    for first, last in _union(spans):
        if first <= row.seq + 1:
            row.seq = max(row.seq, last)
        else:
            rest.append((first, last))
    row.above = msgspec.json.encode(rest).decode()


def _ranges(row: StreamProgress) -> list[tuple[int, int]]:
    return msgspec.json.decode(row.above, type=list[tuple[int, int]])


def _union(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted spans with touching and overlapping ones joined."""
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
