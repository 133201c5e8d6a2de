"""The roster: which channel hears of a site's alarms, and when."""

from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.registry.base import Base


class Duty(Base):
    """A shift: a channel hears of alarms that have come to a tier, on these days, between these minutes of the site.

    `days` has a character a weekday from Monday on, "1" where it applies. A shift that does not end after it starts
    goes on into the next day. Tier 1 hears at once, the next ones of what nobody acknowledged.
    """

    __tablename__ = "duty"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    site: Mapped[str]
    tier: Mapped[int]
    channel: Mapped[str]
    days: Mapped[str]
    start: Mapped[int]
    end: Mapped[int]

    __table_args__ = (Index("duty_by_site", "site", "tier"),)


def duties(session: Session, site: str) -> list[Duty]:
    """The roster of a site."""
    return list(session.scalars(select(Duty).where(Duty.site == site).order_by(Duty.tier, Duty.start, Duty.id)))
