"""Declared changes of registers: a meter exchange, a reset, a new transformer ratio, each from an instant on."""

from collections.abc import Iterable
from typing import Literal

from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.errors import Reject
from schema.instant import HOUR
from schema.series import SeriesKey
from store.registry import worklist
from store.registry.base import Base
from store.registry.places import Device

Sort = Literal["exchange", "reset", "ratio"]


class RegisterChange(Base):
    """At `time` a register read `closing`, and `opening` from then on; what it counts is multiplied by `factor` then.

    None is not known, or (factor, width) as before. One that was withdrawn no longer counts. `settled` is when
    analytics last worked it in, None while it is to be.
    """

    __tablename__ = "register_change"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    site: Mapped[str]
    device: Mapped[str]
    point: Mapped[str]
    building: Mapped[str]
    kind: Mapped[str]
    sort: Mapped[str]
    time: Mapped[int]
    closing: Mapped[float | None]
    opening: Mapped[float | None]
    factor: Mapped[float | None]
    width: Mapped[float | None]
    note: Mapped[str]
    declared: Mapped[int]
    declared_by: Mapped[str]
    withdrawn: Mapped[int | None]
    withdrawn_by: Mapped[str | None]
    settled: Mapped[int | None] = mapped_column(index=True)

    __table_args__ = (Index("register_change_by_register", "site", "device", "point", "time"),)

    @property
    def key(self) -> SeriesKey:
        """The register."""
        return SeriesKey(self.site, self.building, self.kind, self.device, self.point)


def declare(
    session: Session,
    device: Device,
    point: str,
    sort: Sort,
    time: int,
    *,
    closing: float | None = None,
    opening: float | None = None,
    factor: float | None = None,
    width: float | None = None,
    note: str = "",
    by: str,
    now: int,
) -> RegisterChange:
    """Declare a change, and have what it touches settled again; Reject for what makes no sense."""
    _check(session, device, point, sort, time, closing, opening, factor, width, now)
    row = RegisterChange(
        **device.series(point)._asdict(),
        sort=sort,
        time=time,
        closing=closing,
        opening=0.0 if sort == "reset" and opening is None else opening,
        factor=factor,
        width=width,
        note=note,
        declared=now,
        declared_by=by,
    )
    session.add(row)
    session.flush()
    _touch(session, row, now)
    return row


def withdraw(session: Session, row: RegisterChange, by: str, now: int) -> None:
    """Take a declaration back, and have what it touched settled again; Reject when it already was."""
    if row.withdrawn is not None:
        raise Reject("withdrawn", f"{row.id} was already withdrawn by {row.withdrawn_by}")
    row.withdrawn, row.withdrawn_by, row.settled = now, by, None
    _touch(session, row, now)


def declared(session: Session, site: str | None = None, device: str | None = None) -> list[RegisterChange]:
    """Every declaration of a site and device (or all), also withdrawn ones, by register and time."""
    query = select(RegisterChange)
    if site is not None:
        query = query.where(RegisterChange.site == site)
    if device is not None:
        query = query.where(RegisterChange.device == device)
    order = (RegisterChange.site, RegisterChange.device, RegisterChange.point, RegisterChange.time, RegisterChange.id)
    return list(session.scalars(query.order_by(*order)))


def work_in(session: Session, rows: Iterable[tuple[int, int | None]], now: int) -> None:
    """Declarations (id, when withdrawn) are in the books as they were read; one withdrawn since is still to be."""
    for id_, withdrawn in rows:
        row = session.get(RegisterChange, id_)
        if row is not None and row.withdrawn == withdrawn:
            row.settled = now


def _check(
    session: Session,
    device: Device,
    point: str,
    sort: Sort,
    time: int,
    closing: float | None,
    opening: float | None,
    factor: float | None,
    width: float | None,
    now: int,
) -> None:
    if time > now:
        raise Reject("time_ahead", "a change can be declared once it has happened")
    if any(value is not None and not 0 <= value < 1e12 for value in (closing, opening)):
        raise Reject("implausible", "a register reads between 0 and 1e12")
    if any(value is not None and not 0 < value < 1e12 for value in (factor, width)):
        raise Reject("implausible", "factor and width are above 0")
    if sort == "exchange" and (closing is None or opening is None):
        raise Reject("incomplete", "a meter exchange has a closing and an opening register")
    if sort == "ratio" and (factor is None or closing != opening):
        raise Reject("incomplete", "a new ratio has a factor, and one register at most (closing = opening)")
    standing = select(RegisterChange).where(
        RegisterChange.site == device.site,
        RegisterChange.device == device.id,
        RegisterChange.point == point,
        RegisterChange.withdrawn.is_(None),
    )
    if session.scalar(standing.where(RegisterChange.time == time)) is not None:
        raise Reject("taken", f"a change of {device.id} {point} at that instant is already declared")
    # Entered twice, at two instants, the old meter would count from the opening to the closing register once more.
    twice = (RegisterChange.sort == "exchange", RegisterChange.closing == closing, RegisterChange.opening == opening)
    if sort == "exchange" and (row := session.scalars(standing.where(*twice)).first()) is not None:
        raise Reject("taken", f"an exchange with these registers is already declared, as {row.id}: withdraw that first")


def _touch(session: Session, row: RegisterChange, now: int) -> None:
    # A factor or width holds until the next one; readings may be a little ahead of us.
    until = row.time if row.factor is None and row.width is None else max(row.time, now + HOUR)
    worklist.add(session, [(row.key, row.time, until)])
