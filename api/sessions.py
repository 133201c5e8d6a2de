"""Signing in and out: throttled, audited, and ended everywhere by a change of password."""

import math
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException
from sqlalchemy import delete

from api.auth import SESSION_KEY, Caller, digest
from api.context import Context
from api.passwords import Random, check_policy, hashed, matches
from schema.instant import SECOND
from store.registry.people import SignedIn, SignInFailure, User, audit, count_failure, end_sessions

SESSION_SECONDS = 7 * 24 * 3600
FREE_FAILURES = 3
LONGEST_WAIT = 300


def wait(failures: int) -> int:
    """Seconds to wait after so many failures in a row: none for a typing error, then doubling."""
    if failures < FREE_FAILURES:
        return 0
    return int(min(2 ** (failures - FREE_FAILURES + 1), LONGEST_WAIT))


def sign_in(context: Context, cookies: MutableMapping[str, Any], name: str, password: str, random: Random) -> User:
    """Begin a session and put its id in the cookie; 401 for a wrong pair, 429 before the account's wait is over."""
    now = context.clock()
    account = digest(name)
    # The attempt counts before the password is looked at, so that many at once are no way around the wait.
    with context.registry.writing() as session:
        failure = session.get(SignInFailure, account)
        if failure is not None and now < (until := failure.last + wait(failure.count) * SECOND):
            left = math.ceil((until - now) / SECOND)
            raise HTTPException(
                HTTPStatus.TOO_MANY_REQUESTS, f"too many failures; try again in {left} s", {"Retry-After": str(left)}
            )
        count_failure(session, account, now)
        user = session.get(User, name)
    right = matches(password, user.password_hash if user is not None else None)
    if user is None or not right or not user.active:
        # What was typed as a name may be a password: only known names are written down.
        known = user.name if user is not None else "unknown"
        with context.registry.writing() as session:
            audit(session, now, known, "sign-in failed", known)
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "wrong name or password")
    secret = random(24).hex()
    with context.registry.writing() as session:
        session.execute(delete(SignInFailure).where(SignInFailure.account == account))
        session.execute(delete(SignedIn).where(SignedIn.ends <= now))
        session.add(SignedIn(id=digest(secret), user=user.name, began=now, ends=now + SESSION_SECONDS * SECOND))
        audit(session, now, user.name, "sign-in", user.name)
    cookies.clear()
    cookies[SESSION_KEY] = secret
    return user


def sign_out(context: Context, cookies: MutableMapping[str, Any], caller: Caller) -> None:
    """End this session."""
    with context.registry.writing() as session:
        session.execute(delete(SignedIn).where(SignedIn.id == caller.session))
        audit(session, context.clock(), caller.name, "sign-out", caller.name)
    cookies.clear()


def change_password(
    context: Context, cookies: MutableMapping[str, Any], caller: Caller, old: str, new: str, random: Random
) -> None:
    """Set a user's own password, end all their sessions, and begin a new one here; 403 when `old` is wrong."""
    now = context.clock()
    with context.registry.reading() as session:
        user = session.get(User, caller.name)
    if caller.session is None or user is None:
        raise HTTPException(HTTPStatus.FORBIDDEN, "a token has no password")
    if not matches(old, user.password_hash):
        raise HTTPException(HTTPStatus.FORBIDDEN, "the old password is wrong")
    check_policy(new, old, caller.name)
    kept = hashed(new)
    secret = random(24).hex()
    with context.registry.writing() as session:
        user = session.get_one(User, caller.name)
        user.password_hash = kept
        user.must_change = False
        end_sessions(session, user.name)
        session.add(SignedIn(id=digest(secret), user=user.name, began=now, ends=now + SESSION_SECONDS * SECOND))
        audit(session, now, user.name, "password changed", user.name)
    cookies.clear()
    cookies[SESSION_KEY] = secret
