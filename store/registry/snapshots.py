"""Snapshots: state that a service serialised, to go on from after a restart."""

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.registry.base import Base


class Snapshot(Base):
    """The newest state saved under a name."""

    __tablename__ = "snapshot"

    name: Mapped[str] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    saved: Mapped[int]


def save(session: Session, name: str, data: bytes, now: int) -> None:
    """Keep this state in place of the one before."""
    session.merge(Snapshot(name=name, data=data, saved=now))


def load(session: Session, name: str) -> bytes | None:
    """The state last saved under a name."""
    row = session.get(Snapshot, name)
    return None if row is None else row.data
