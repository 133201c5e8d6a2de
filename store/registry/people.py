"""People and machines that may call the API: accounts, sessions, tokens, sign-in failures, and the audit trail."""

from typing import Literal

from sqlalchemy import ForeignKey, Index, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.registry.base import Base

Role = Literal["viewer", "operator", "admin"]
KEPT_FAILURES = 10_000


class User(Base):
    """An account; `must_change` is set while its password is one that somebody else chose.

    `site` limits it to one compound.
    """

    __tablename__ = "user_account"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    site: Mapped[str | None]
    password_hash: Mapped[str]
    must_change: Mapped[bool]
    active: Mapped[bool] = mapped_column(default=True)
    created: Mapped[int]


class SignedIn(Base):
    """A session of a user; `id` is the SHA-256 of what the cookie carries."""

    __tablename__ = "user_session"

    id: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("user_account.name", ondelete="CASCADE"), index=True)
    began: Mapped[int]
    ends: Mapped[int] = mapped_column(index=True)


class ApiToken(Base):
    """A bearer token of a machine; only its SHA-256 is kept. `site` limits it to one compound.

    `role` is a user's role, or "gate" for an agent that asks for decisions.
    """

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    site: Mapped[str | None]
    created: Mapped[int]
    expires: Mapped[int | None]


class SignInFailure(Base):
    """Failed sign-ins in a row for an account name, known or not; `account` is the SHA-256 of the name."""

    __tablename__ = "sign_in_failure"

    account: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last: Mapped[int] = mapped_column(index=True)


class Audit(Base):
    """Who did what to what, and when; rows are only ever added."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time: Mapped[int]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")

    __table_args__ = (Index("audit_by_time", "time"),)


def audit(session: Session, now: int, actor: str, action: str, subject: str, detail: str = "") -> None:
    """Add to the trail, in the transaction of what it tells of."""
    session.add(Audit(time=now, actor=actor, action=action, subject=subject, detail=detail))


def count_failure(session: Session, account: str, now: int) -> None:
    """One more failed sign-in; the longest untouched beyond KEPT_FAILURES accounts are forgotten."""
    row = session.get(SignInFailure, account)
    if row is None:
        session.add(SignInFailure(account=account, count=1, last=now))
        session.flush()
        excess = (session.scalar(select(func.count()).select_from(SignInFailure)) or 0) - KEPT_FAILURES
        if excess > 0:
            oldest = select(SignInFailure.account).order_by(SignInFailure.last).limit(excess)
            session.execute(delete(SignInFailure).where(SignInFailure.account.in_(oldest)))
    else:
        row.count += 1
        row.last = now


def end_sessions(session: Session, user: str) -> None:
    """Sign a user out everywhere."""
    session.execute(delete(SignedIn).where(SignedIn.user == user))


def last_admin(session: Session, name: str) -> bool:
    """Whether no other active admin would be left without this one."""
    others = select(func.count()).where(User.role == "admin", User.active, User.name != name)
    return not session.scalar(others)
