"""What the platform can prove of every agent's stream: that nothing is missing, or which numbers are, or are gone."""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from schema.spans import Span, count
from store.registry.places import Device
from store.registry.progress import StreamProgress, acknowledged


class Stream(NamedTuple):
    """One life of an agent's outbox: every message from 1 to `top` is on disk here, but those `missing` and `lost`.

    `lost` were given up by the agent before they came. A stream `ended` when a newer one of its agent began, for its
    disk is no more: what it misses is gone, and what there was beyond `top` nobody knows. `seen`: when it last spoke.
    """

    agent: str
    epoch: str
    top: int
    missing: tuple[Span, ...]
    lost: int
    seen: int
    ended: bool

    @property
    def gone(self) -> int:
        """Messages that will never come, as far as is known."""
        return self.lost + (count(self.missing) if self.ended else 0)

    @property
    def whole(self) -> bool:
        """Whether it is proved that every message its agent numbered, up to `top`, is here."""
        return not self.missing and not self.lost


def streams(session: Session, site: str, device: str | None = None) -> list[Stream]:
    """The streams of a site, or of the agent that speaks for a device: by agent, the living one first."""
    query = select(StreamProgress).where(StreamProgress.site == site)
    if device is not None:
        speaks = select(Device.agent).where(Device.site == site, Device.id == device)
        query = query.where(StreamProgress.agent.in_(speaks))
    found: list[Stream] = []
    for row in session.scalars(query.order_by(StreamProgress.agent, StreamProgress.seen.desc(), StreamProgress.epoch)):
        told = acknowledged(row)
        ended = bool(found) and found[-1].agent == row.agent
        found.append(Stream(row.agent, row.epoch, told.top or told.seq, told.missing, row.lost, row.seen, ended))
    return found
