"""Progress: how far each agent's stream is on disk, and which messages above that already are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.spans import Span, count, union
from schema.stream import Acknowledged
from store.registry.base import Base, insert_into

_AT_ONCE = 500
_MOST = 20_000
"""Ranges beyond the gap that are kept, as many as several ingest processes may have under way between them.

What is forgotten is sent again, and found to be there.
"""
_TOLD = 256
"""Ranges beyond the gap that an agent is told of at once."""


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
    above = _ranges(row)[:_TOLD]
    missing = []
    last = row.seq
    for first, end in above:
        missing.append((last + 1, first - 1))
        last = end
    return Acknowledged(epoch=row.epoch, seq=row.seq, missing=tuple(missing), top=last if above else 0)


@dataclass(slots=True)
class Received:
    """What came of one stream: sequence numbers in any order, and the highest floor that was told."""

    seqs: list[int] = field(default_factory=list)
    floor: int = 1
    _columns: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, seq: int, floor: int) -> None:
        """One message more."""
        self.seqs.append(seq)
        self.floor = max(self.floor, floor)

    def extend(self, seqs: NDArray[np.int64], floor: int) -> None:
        """Many messages more, and their highest floor."""
        self._columns.append(seqs)
        self.floor = max(self.floor, floor)

    def spans(self) -> list[Span]:
        """The sequence numbers as a union of spans."""
        seqs = np.unique(np.concatenate([np.array(self.seqs, np.int64), *self._columns]))
        breaks = np.diff(seqs) > 1
        first, last = np.append(True, breaks)[: len(seqs)], np.append(breaks, True)[: len(seqs)]
        return list(zip(seqs[first].tolist(), seqs[last].tolist(), strict=True))


def advance(
    session: Session, site: str, streams: Mapping[tuple[str, str], Received], now: int
) -> list[tuple[str, Acknowledged]]:
    """Record what came of the streams (agent, epoch) as durable; each agent, with what it may be told."""
    answers = []
    # Sorted, so that two ingest processes lock the rows in one order.
    named = sorted(streams)
    for first in range(0, len(named), _AT_ONCE):
        some = named[first : first + _AT_ONCE]
        blank = {"site": site, "seq": 0, "above": "[]", "lost": 0, "seen": now}
        new = insert_into(session, StreamProgress).on_conflict_do_nothing()
        session.execute(new, [{"agent": agent, "epoch": epoch, **blank} for agent, epoch in some])
        place = (StreamProgress.agent, StreamProgress.epoch)
        rows = session.scalars(
            select(StreamProgress).where(tuple_(*place).in_(some)).order_by(*place).with_for_update()
        )
        for row in rows:
            received = streams[row.agent, row.epoch]
            merge(row, received.spans(), received.floor)
            row.seen = now
            answers.append((row.agent, acknowledged(row)))
    return answers


def merge(row: StreamProgress, spans: Iterable[Span], floor: int) -> None:
    """Add spans of durable sequence numbers to a stream, and give up on what lies below the agent's floor."""
    spans = union([*_ranges(row), *((max(first, row.seq + 1), last) for first, last in spans)])
    if floor - 1 > row.seq:
        known = count((first, min(last, floor - 1)) for first, last in spans if first < floor)
        row.lost += floor - 1 - row.seq - known
        row.seq = floor - 1
    rest = []
    for first, last in spans:
        if first <= row.seq + 1:
            row.seq = max(row.seq, last)
        else:
            rest.append((first, last))
    row.above = msgspec.json.encode(rest[:_MOST]).decode()


def _ranges(row: StreamProgress) -> list[tuple[int, int]]:
    return msgspec.json.decode(row.above, type=list[tuple[int, int]])
