"""Passes: the permits of a site, as rows; the decision about them is made in access/."""

from sqlalchemy import JSON, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.registry.base import Base


class PermitRow(Base):
    """One permit of a credential (its keyed hash); a revoked one stays as a row.

    Its fields are those of access.permit.Permit; an entry of `schedule` is [weekdays, begin minute, end minute].
    `uses` counts the entries made on it, `changed` is the instant of its last change.
    """

    __tablename__ = "permit"

    site: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    credential: Mapped[str]
    subject: Mapped[str]
    gates: Mapped[list[str]] = mapped_column(JSON, default=list)
    zones: Mapped[list[str]] = mapped_column(JSON, default=list)
    valid_from: Mapped[int]
    valid_to: Mapped[int | None]
    schedule: Mapped[list[tuple[list[int], int, int]] | None] = mapped_column(JSON(none_as_null=True))
    max_uses: Mapped[int | None]
    standing: Mapped[str] = mapped_column(default="active")
    uses: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int]

    __table_args__ = (UniqueConstraint("site", "credential"),)


def permits(session: Session, site: str) -> list[PermitRow]:
    """Every permit of a site, the revoked ones too, by id."""
    return list(session.scalars(select(PermitRow).where(PermitRow.site == site).order_by(PermitRow.id)))


def permit_of(session: Session, site: str, credential: str) -> PermitRow | None:
    """The permit of a credential, or None."""
    return session.scalar(select(PermitRow).where(PermitRow.site == site, PermitRow.credential == credential))


def version(session: Session, site: str) -> str:
    """What changes whenever the list of a site does: an ETag for the gates that keep a copy."""
    count, changed = session.execute(
        select(func.count(), func.max(PermitRow.changed)).where(PermitRow.site == site)
    ).one()
    return f'"{count}-{changed or 0}"'
