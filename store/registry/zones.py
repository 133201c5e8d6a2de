"""Zones of a compound behind its gates, and what rules in them; a gate leads into the zone named as its building."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.registry.base import Base


class ZoneRow(Base):
    """Rules of a zone, as in access.decision.Zone; a zone without a row has no anti-passback."""

    __tablename__ = "zone"

    site: Mapped[str] = mapped_column(ForeignKey("site.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    anti_passback: Mapped[str]
    reset: Mapped[int]


def zone_rules(session: Session, site: str, zone: str) -> ZoneRow | None:
    """The rules of a zone, where there are any."""
    return session.get(ZoneRow, (site, zone))
