"""Passwords: hashing, policy, and the first administrator's."""

import base64
import hmac
from collections.abc import Callable
from threading import BoundedSemaphore

from pwdlib import PasswordHash

from api.problems import invalid
from schema.errors import Stop
from store.registry.base import Registry
from store.registry.people import User, audit, end_sessions

Random = Callable[[int], bytes]
"""Answers n unpredictable bytes, as secrets.token_bytes does."""

MIN_LENGTH = 10
MAX_LENGTH = 200
FIRST_ADMIN = "admin"

_hasher = PasswordHash.recommended()
# An Argon2 run takes 64 MB on purpose: a flood of sign-ins may take time, not the memory.
_turn = BoundedSemaphore(2)
_nobody: list[str] = []


def hashed(password: str) -> str:
    """The Argon2id hash to keep."""
    with _turn:
        return _hasher.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Whether it is the password of that hash; takes as long where there is no hash, and is then False."""
    if kept is None:
        if not _nobody:
            _nobody.append(hashed("nobody's"))
        with _turn:
            _hasher.verify(password, _nobody[0])
        return False
    with _turn:
        return _hasher.verify(password, kept)


def check_policy(new: str, old: str, name: str) -> None:
    """422 unless the new password is long enough, not the old one and not the account's name."""
    if not MIN_LENGTH <= len(new) <= MAX_LENGTH:
        raise invalid(f"new: a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    if hmac.compare_digest(new.encode(), old.encode()):
        raise invalid("new: must not be the old password")
    if name.casefold() in new.casefold() and len(new) < len(name) + MIN_LENGTH:
        raise invalid("new: must not be made of the account's name")


def one_time(random: Random) -> str:
    """A password for someone's first sign-in: 80 bits, easy to copy by hand."""
    text = base64.b32encode(random(10)).decode().lower()
    return "-".join(text[place : place + 4] for place in range(0, len(text), 4))


def ensure_admin(registry: Registry, random: Random, now: int) -> str | None:
    """The one-time password of `admin` while nobody has changed it yet, a new one each time; None afterwards."""
    with registry.reading() as session:
        user = session.get(User, FIRST_ADMIN)
        if user is not None and not user.must_change:
            return None
    password = one_time(random)
    kept = hashed(password)
    with registry.writing() as session:
        user = session.get(User, FIRST_ADMIN)
        if user is None:
            session.add(
                User(name=FIRST_ADMIN, role="admin", password_hash=kept, must_change=True, active=True, created=now)
            )
        else:
            user.password_hash = kept
            end_sessions(session, FIRST_ADMIN)
        audit(session, now, "platform", "one-time password", FIRST_ADMIN)
    return password


def reissue(registry: Registry, name: str, random: Random, now: int) -> str:
    """A new one-time password for an account, whose sessions end; Stop where there is none of that name."""
    password = one_time(random)
    kept = hashed(password)
    with registry.writing() as session:
        user = session.get(User, name)
        if user is None:
            raise Stop(f"there is no account {name!r}")
        user.password_hash, user.must_change = kept, True
        end_sessions(session, name)
        audit(session, now, "platform", "one-time password", name)
    return password
