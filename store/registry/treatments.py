"""How the alarms of a device or rule are treated: delays and tolerance, and what is out of service."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.registry.base import Base

ANY = ""
"""A device or rule that stands for all of a site."""


class Treatment(Base):
    """What people, or their feedback, set for the alarms of a device and rule (ANY: of all).

    An alarm waits `on_delay` us before it opens and `off_delay` us before it returns to normal. Its value may lie
    `tolerance` times as far from what is expected as the edge of the band.
    """

    __tablename__ = "alarm_treatment"

    site: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    on_delay: Mapped[int] = mapped_column(default=0)
    off_delay: Mapped[int] = mapped_column(default=0)
    tolerance: Mapped[float] = mapped_column(default=1.0)
    who: Mapped[str]
    comment: Mapped[str]
    changed: Mapped[int]


class OutOfService(Base):
    """A device (and rule, or ANY) whose alarms a person took out of service, `until` an instant or somebody ends it."""

    __tablename__ = "out_of_service"

    site: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[int]
    until: Mapped[int | None] = mapped_column(index=True)
    who: Mapped[str]
    comment: Mapped[str]


class Treated(NamedTuple):
    """How the alarms of one device and rule are treated."""

    on_delay: int = 0
    off_delay: int = 0
    tolerance: float = 1.0


def treated(rows: Sequence[Treatment], device: str, rule: str) -> Treated:
    """What applies to a device and rule, of the treatments of its site: the most specific row, the device first."""
    mine = [row for row in rows if row.device in (device, ANY) and row.rule in (rule, ANY)]
    best = max(mine, key=lambda row: (row.device != ANY, row.rule != ANY), default=None)
    return Treated(best.on_delay, best.off_delay, best.tolerance) if best else Treated()


def removed(rows: Sequence[OutOfService], device: str, rule: str) -> bool:
    """Whether a device's alarms of a rule are out of service, of what is at its site."""
    return any(row.device in (device, ANY) and row.rule in (rule, ANY) for row in rows)


def treatments(session: Session, site: str) -> list[Treatment]:
    """Every treatment of a site."""
    query = select(Treatment).where(Treatment.site == site)
    return list(session.scalars(query.order_by(Treatment.device, Treatment.rule)))


def out_of_service(session: Session, site: str) -> list[OutOfService]:
    """All that is out of service at a site."""
    query = select(OutOfService).where(OutOfService.site == site)
    return list(session.scalars(query.order_by(OutOfService.device, OutOfService.rule)))
