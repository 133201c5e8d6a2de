"""Goals: energy-control targets, dated factors of standard coal and CO2, and the limits cabinets must hold."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.coefficient import Coefficient
from store.registry.base import Base


class Target(Base):
    """A limit on a site's use of a carrier in every month or year that begins while the row is valid.

    `basis` total: `limit` in the carrier's unit; area: per m2; people: per person.
    `valid_to` is exclusive, None is open.
    """

    __tablename__ = "target"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    site: Mapped[str] = mapped_column(ForeignKey("site.id"), index=True)
    title_zh: Mapped[str]
    title_en: Mapped[str]
    carrier: Mapped[str]
    basis: Mapped[str] = mapped_column(default="total")
    period: Mapped[str] = mapped_column(default="month")
    limit: Mapped[float]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class Factor(Base):
    """One version of a coefficient, valid from a day until another (exclusive); never edited, only followed.

    `name` is `<carrier>.kgce` or `<carrier>.kgco2`, `unit` as in kgce/kWh, `basis` the accounting basis (口径).
    """

    __tablename__ = "factor"
    __table_args__ = (UniqueConstraint("name", "unit", "region", "basis", "valid_from"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(index=True)
    value: Mapped[float]
    unit: Mapped[str]
    source: Mapped[str]
    region: Mapped[str]
    basis: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class ColdLimit(Base):
    """The temperatures (degree C) a cold-chain cabinet must hold; `low` is None for a freezer."""

    __tablename__ = "cold_limit"

    site: Mapped[str] = mapped_column(ForeignKey("site.id"), primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    low: Mapped[float | None]
    high: Mapped[float]


def targets(session: Session, site: str, on: date) -> list[Target]:
    """The targets of a site that are valid on a day, by id."""
    rows = session.scalars(select(Target).where(Target.site == site, Target.valid_from <= on).order_by(Target.id))
    return [row for row in rows if row.valid_to is None or on < row.valid_to]


def cold_limits(session: Session, site: str) -> dict[str, ColdLimit]:
    """The stated limits of a site's cabinets, by device."""
    return {row.device: row for row in session.scalars(select(ColdLimit).where(ColdLimit.site == site))}


def factors(session: Session) -> list[Coefficient]:
    """Every version of every factor, by name and first day."""
    rows = session.scalars(select(Factor).order_by(Factor.name, Factor.valid_from, Factor.id))
    return [
        Coefficient(row.name, row.value, row.unit, row.source, row.region, row.basis, row.valid_from, row.valid_to)
        for row in rows
    ]


def publish(session: Session, coefficients: Iterable[Coefficient]) -> int:
    """Add the versions that are not there yet, leaving those that are as they are; how many were added."""
    known = {(c.name, c.unit, c.region, c.basis, c.valid_from) for c in factors(session)}
    new = [c for c in coefficients if (c.name, c.unit, c.region, c.basis, c.valid_from) not in known]
    session.add_all(Factor(**coefficient._asdict()) for coefficient in new)
    session.flush()
    return len(new)
