"""Energy performance contracts (合同能源管理): parties, boundary, baseline and reporting periods, price and share."""

from datetime import date
from decimal import Decimal

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from store.registry.base import Base


class Contract(Base):
    """An agreement between a client and an energy service company (ESCO) on the meters within its boundary.

    Days are local days of the site, ends are exclusive; `price` in yuan a unit, `share` the ESCO's part of the savings;
    `weather` is the station whose air temperature the baseline is adjusted by.
    """

    __tablename__ = "contract"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    site: Mapped[str] = mapped_column(ForeignKey("site.id"), index=True)
    title_zh: Mapped[str]
    title_en: Mapped[str]
    client: Mapped[str]
    esco: Mapped[str]
    weather: Mapped[str]
    baseline_start: Mapped[date]
    baseline_end: Mapped[date]
    reporting_start: Mapped[date]
    reporting_end: Mapped[date | None]
    price: Mapped[Decimal]
    share: Mapped[Decimal]
    meters: Mapped[list["ContractMeter"]] = relationship(lazy="selectin", order_by="ContractMeter.device")


class ContractMeter(Base):
    """A meter of the contract's boundary; all of one contract count the same carrier."""

    __tablename__ = "contract_meter"

    contract: Mapped[int] = mapped_column(ForeignKey("contract.id"), primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)


def contracts(session: Session, site: str) -> list[Contract]:
    """The contracts of a site, by id."""
    return list(session.scalars(select(Contract).where(Contract.site == site).order_by(Contract.id)))
