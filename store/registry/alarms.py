"""Alarms, their history, and the notifications they cause; values are columns, never part of the fingerprint."""

from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from schema.text import Text
from store.registry.base import Base


class Alarm(Base):
    """The lifecycle of one cause: at most one that is not closed per fingerprint (site, device, point, rule).

    `phase` is as in ISA-18.2: unacknowledged, acknowledged (both active), returned (to normal, not acknowledged),
    closed; before that pending, while its on-delay runs. `due` is when the on-delay, or else the off-delay, is over.
    `begin` and `end` are instants of the evidence, `end` the newest; `opened`, `raised` (the last time) and `closed`
    are the platform's. `root` is the alarm that explains this one, which may be `suppressed` by design because of it;
    `removed` is from service, by a person. `tier` is how far up the roster it was told. `cause` and `verdict` ("true",
    "false") are what people found, `cause_class` what the detector took it for. `evidence` holds under "readings" the
    series and spans that say so, as rows of (building, kind, device, point, begin, end).
    """

    __tablename__ = "alarm"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    site: Mapped[str] = mapped_column(index=True)
    building: Mapped[str]
    kind: Mapped[str]
    device: Mapped[str]
    point: Mapped[str]
    rule: Mapped[str]
    phase: Mapped[str]
    priority: Mapped[str]
    title_zh: Mapped[str]
    title_en: Mapped[str]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]
    action_zh: Mapped[str]
    action_en: Mapped[str]
    begin: Mapped[int]
    end: Mapped[int]
    opened: Mapped[int]
    closed: Mapped[int | None]
    count: Mapped[int]
    observed: Mapped[float]
    expected: Mapped[float]
    low: Mapped[float]
    high: Mapped[float]
    unit: Mapped[str]
    confidence: Mapped[float]
    cost_kwh_per_hour: Mapped[float]
    cost_yuan_per_hour: Mapped[Decimal | None]
    cost_kgco2_per_hour: Mapped[float | None]
    cause_class: Mapped[str | None]
    evidence: Mapped[dict[str, Any] | None]
    acknowledged_by: Mapped[str | None]
    acknowledged: Mapped[int | None]
    comment: Mapped[str | None]
    shelved_until: Mapped[int | None]
    raised: Mapped[int] = mapped_column(default=0, server_default="0")
    due: Mapped[int | None]
    flapping: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    root: Mapped[int | None]
    suppressed: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    removed: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    tier: Mapped[int] = mapped_column(default=1, server_default="1")
    cause: Mapped[str | None]
    verdict: Mapped[str | None]

    __table_args__ = (
        Index("alarm_by_cause", "site", "device", "point", "rule", "end"),
        Index(
            "one_open_alarm_a_cause",
            "site",
            "device",
            "point",
            "rule",
            unique=True,
            sqlite_where=text("phase != 'closed'"),
            postgresql_where=text("phase != 'closed'"),
        ),
    )

    @property
    def title(self) -> Text:
        """What is wrong, and with what."""
        return Text(self.title_zh, self.title_en)

    @property
    def reason(self) -> Text:
        """The newest evidence in a sentence."""
        return Text(self.reason_zh, self.reason_en)

    @property
    def action(self) -> Text:
        """What to do about it."""
        return Text(self.action_zh, self.action_en)

    def values(self) -> tuple[object, ...]:
        """All its columns, to tell whether it has changed."""
        return tuple(getattr(self, name) for name in self.__table__.columns.keys())  # noqa: SIM118 - not a dict

    def shelved(self, now: int) -> bool:
        """Whether somebody put it aside for now."""
        return self.shelved_until is not None and now < self.shelved_until

    def quiet(self, now: int) -> bool:
        """Whether nobody is to be told of it: shelved, suppressed by design, or out of service."""
        return self.suppressed or self.removed or self.shelved(now)


class AlarmStep(Base):
    """One step in the life of an alarm: when, from where to where, through what, by whom (empty: the platform)."""

    __tablename__ = "alarm_step"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    alarm: Mapped[int] = mapped_column(ForeignKey("alarm.id"), index=True)
    time: Mapped[int]
    before: Mapped[str]
    after: Mapped[str]
    signal: Mapped[str]
    who: Mapped[str]
    comment: Mapped[str]


class Notification(Base):
    """A message to one channel, written with the change it tells of; `state` is pending, sent, failed or withdrawn.

    Those of one `topic` that are due together make one message; rows sent together share `message`, the id of the
    first. `tried` is the last attempt.
    """

    __tablename__ = "notification"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    alarm: Mapped[int] = mapped_column(ForeignKey("alarm.id"), index=True)
    channel: Mapped[str]
    topic: Mapped[str] = mapped_column(default="", server_default="")
    priority: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    created: Mapped[int]
    next_try: Mapped[int]
    tried: Mapped[int | None]
    message: Mapped[int | None]

    __table_args__ = (
        Index("notification_due", "state", "channel", "next_try"),
        Index("notification_tried", "channel", "tried"),
    )


def open_alarms(session: Session, site: str | None = None) -> list[Alarm]:
    """The alarms that still ask for something, also those nobody is told of, newest first."""
    query: Any = select(Alarm).where(Alarm.phase.not_in(("closed", "pending")))
    query = query.order_by(Alarm.begin.desc(), Alarm.id.desc())
    if site is not None:
        query = query.where(Alarm.site == site)
    return list(session.scalars(query))


def past_alarms(session: Session, site: str, start: int, end: int) -> list[Alarm]:
    """The alarms of a site with evidence in [start, end), open or closed, newest first."""
    query = select(Alarm).where(Alarm.site == site, Alarm.end >= start, Alarm.begin < end, Alarm.phase != "pending")
    return list(session.scalars(query.order_by(Alarm.begin.desc(), Alarm.id.desc())))


def explained(session: Session, root: int) -> list[Alarm]:
    """The alarms that one explains, newest first."""
    query = select(Alarm).where(Alarm.root == root, Alarm.phase != "pending")
    return list(session.scalars(query.order_by(Alarm.begin.desc(), Alarm.id.desc())))


def history(session: Session, alarm: int) -> list[AlarmStep]:
    """Every step of an alarm, oldest first."""
    return list(session.scalars(select(AlarmStep).where(AlarmStep.alarm == alarm).order_by(AlarmStep.id)))


def channels_told(session: Session) -> set[str]:
    """The names of the channels that anything was ever sent to."""
    return set(session.scalars(select(Notification.channel).distinct()))
