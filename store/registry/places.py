"""Places and devices: sites, and what stands in them."""

from collections.abc import Sequence

from sqlalchemy import ForeignKey, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.series import SeriesKey
from store.registry.base import Base

_AT_ONCE = 500


class Site(Base):
    """A compound: its time zone rules days, months and office hours; area in m2 and people are for intensities."""

    __tablename__ = "site"

    id: Mapped[str] = mapped_column(primary_key=True)
    title_zh: Mapped[str]
    title_en: Mapped[str]
    timezone: Mapped[str] = mapped_column(default="Asia/Shanghai")
    calendar: Mapped[str] = mapped_column(default="CN")
    area_m2: Mapped[float | None]
    people: Mapped[int | None]


class Device(Base):
    """A device of a site; `parent` is the meter it is a sub-meter of, `interval` its expected seconds between readings.

    `replay` marks one whose readings are history sent again: old time stamps are right, and silence is no fault.
    `width` is the value its consumption register rolls over at, where it is not the kind's.
    `state_since` is when it came or went, or began to speak at another interval.
    `trouble` is why its agent cannot read or believe it, a code of schema.trouble; `trouble_detail` is what happened.
    """

    __tablename__ = "device"

    site: Mapped[str] = mapped_column(ForeignKey("site.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    building: Mapped[str]
    kind: Mapped[str] = mapped_column(index=True)
    title_zh: Mapped[str]
    title_en: Mapped[str]
    parent: Mapped[str | None]
    agent: Mapped[str | None]
    interval: Mapped[float]
    replay: Mapped[bool] = mapped_column(default=False)
    width: Mapped[float | None]
    state: Mapped[str] = mapped_column(default="online")
    state_since: Mapped[int]
    trouble: Mapped[str | None]
    trouble_detail: Mapped[str | None]

    def series(self, point: str) -> SeriesKey:
        """The identity of one of its points."""
        return SeriesKey(self.site, self.building, self.kind, self.id, point)


def sites(session: Session) -> list[Site]:
    """Every site, by id."""
    return list(session.scalars(select(Site).order_by(Site.id)))


def devices(session: Session, site: str | None = None, kind: str | None = None) -> list[Device]:
    """The devices of a site (or all), of one kind (or all), by site and id."""
    query = select(Device).order_by(Device.site, Device.id)
    if site is not None:
        query = query.where(Device.site == site)
    if kind is not None:
        query = query.where(Device.kind == kind)
    return list(session.scalars(query))


def wide(session: Session) -> list[Device]:
    """The devices whose consumption register has a width of its own."""
    return list(session.scalars(select(Device).where(Device.width.is_not(None))))


def locked(session: Session, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Device]:
    """The devices (site, id) that are there, in the order of the keys, nobody else's to change until we commit."""
    found: dict[tuple[str, str], Device] = {}
    for first in range(0, len(keys), _AT_ONCE):
        place = (Device.site, Device.id)
        some = select(Device).where(tuple_(*place).in_(keys[first : first + _AT_ONCE])).order_by(*place)
        found |= {(row.site, row.id): row for row in session.scalars(some.with_for_update())}
    return found
