"""Users, tokens and the audit trail, for administrators."""

import secrets
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field
from sqlalchemy import select

from api.auth import Admin, digest
from api.context import Context, Ctx
from api.limits import Number
from api.moments import UTC, instant, iso
from api.passwords import hashed, one_time
from api.places import find_site, zone_of
from api.problems import invalid, not_found
from store.registry.people import ApiToken, Audit, Role, User, audit, end_sessions, last_admin

router = APIRouter(tags=["users"])


class UserOut(BaseModel):
    """An account."""

    name: str
    role: Role
    site: str | None
    active: bool
    must_change: bool


class NewUser(BaseModel):
    """An account to create; its one-time password is in the answer. `site` limits it to one compound."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{1,63}$")
    role: Role
    site: str | None = None


class UserChange(BaseModel):
    """What to change; `new_password` asks for a fresh one-time password, `site: null` lifts the limit to one site."""

    role: Role | None = None
    site: str | None = None
    active: bool | None = None
    new_password: bool = False


class OneTime(BaseModel):
    """An account, and its one-time password where one was made; it is shown this once."""

    name: str
    role: str
    site: str | None
    active: bool
    password: str | None


class NewToken(BaseModel):
    """A token to create: role "gate" may only ask for decisions, and has to name its site."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{1,63}$")
    role: Literal["viewer", "operator", "admin", "gate"]
    site: str | None = None
    expires: str | None = Field(default=None, description="ISO 8601; never when absent")


class TokenOut(BaseModel):
    """A token without its secret."""

    id: int
    name: str
    role: str
    site: str | None
    created: str
    expires: str | None


class TokenSecret(TokenOut):
    """A new token with its secret, shown this once."""

    token: str


class AuditOut(BaseModel):
    """Who did what to what."""

    id: int
    time: str
    actor: str
    action: str
    subject: str
    detail: str


@router.get("/users")
def list_users(context: Ctx, _: Admin) -> list[UserOut]:
    """Every account."""
    with context.registry.reading() as session:
        rows = session.scalars(select(User).order_by(User.name))
        return [UserOut.model_validate(row, from_attributes=True) for row in rows]


@router.post("/users", status_code=HTTPStatus.CREATED)
def create_user(context: Ctx, caller: Admin, body: NewUser) -> OneTime:
    """Create an account; 409 when the name is taken."""
    _may_be_bound(context, body.role, body.site)
    password = one_time(secrets.token_bytes)
    kept, now = hashed(password), context.clock()
    with context.registry.writing() as session:
        if session.get(User, body.name) is not None:
            raise HTTPException(HTTPStatus.CONFLICT, f"there is a user {body.name!r}")
        session.add(
            User(
                name=body.name,
                role=body.role,
                site=body.site,
                password_hash=kept,
                must_change=True,
                active=True,
                created=now,
            )
        )
        audit(session, now, caller.name, "user created", body.name, f"{body.role} {body.site or 'all sites'}")
    return OneTime(name=body.name, role=body.role, site=body.site, active=True, password=password)


@router.patch("/users/{name}")
def change_user(context: Ctx, caller: Admin, name: str, body: UserChange) -> OneTime:
    """Change role, site, activity or password; the user's sessions end. 409 for the last administrator."""
    password = one_time(secrets.token_bytes) if body.new_password else None
    kept, now = hashed(password) if password else None, context.clock()
    with context.registry.writing() as session:
        user = session.get(User, name)
        if user is None:
            raise not_found(f"no user {name!r}")
        loses = (body.role is not None and body.role != "admin") or body.active is False
        if user.role == "admin" and loses and last_admin(session, name):
            raise HTTPException(HTTPStatus.CONFLICT, f"{name!r} is the last administrator")
        user.role = body.role or user.role
        user.site = body.site if "site" in body.model_fields_set else user.site
        _may_be_bound(context, user.role, user.site)
        user.active = user.active if body.active is None else body.active
        if kept is not None:
            user.password_hash, user.must_change = kept, True
        end_sessions(session, name)
        done = body.model_dump_json(exclude_unset=True)
        audit(session, now, caller.name, "user changed", name, done)
        return OneTime(name=name, role=user.role, site=user.site, active=user.active, password=password)


@router.get("/tokens")
def list_tokens(context: Ctx, _: Admin) -> list[TokenOut]:
    """Every token, without its secret."""
    with context.registry.reading() as session:
        return [_token(row) for row in session.scalars(select(ApiToken).order_by(ApiToken.id))]


@router.post("/tokens", status_code=HTTPStatus.CREATED)
def create_token(context: Ctx, caller: Admin, body: NewToken) -> TokenSecret:
    """Create a bearer token; only its SHA-256 is kept."""
    if body.role == "gate" and body.site is None:
        raise invalid("site: a gate token belongs to one site")
    _may_be_bound(context, body.role, body.site)
    zone = zone_of(find_site(context, body.site)) if body.site is not None else UTC
    now = context.clock()
    expires = instant(body.expires, zone, "expires") if body.expires is not None else None
    secret = f"dayuan_{secrets.token_urlsafe(32)}"
    row = ApiToken(name=body.name, digest=digest(secret), role=body.role, site=body.site, created=now, expires=expires)
    with context.registry.writing() as session:
        session.add(row)
        audit(session, now, caller.name, "token created", body.name, f"{body.role} {body.site or 'all sites'}")
    return TokenSecret(**_token(row).model_dump(), token=secret)


@router.delete("/tokens/{token}", status_code=HTTPStatus.NO_CONTENT)
def delete_token(context: Ctx, caller: Admin, token: Number) -> None:
    """Revoke a token at once."""
    with context.registry.writing() as session:
        row = session.get(ApiToken, token)
        if row is None:
            raise not_found(f"no token {token}")
        session.delete(row)
        audit(session, context.clock(), caller.name, "token revoked", row.name)


@router.get("/audit")
def list_audit(
    context: Ctx, _: Admin, before: Number | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[AuditOut]:
    """The trail, newest first; `before` is the id to go on from."""
    query = select(Audit).order_by(Audit.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Audit.id < before)
    with context.registry.reading() as session:
        return [
            AuditOut(
                id=row.id,
                time=iso(row.time, UTC),
                actor=row.actor,
                action=row.action,
                subject=row.subject,
                detail=row.detail,
            )
            for row in session.scalars(query)
        ]


def _may_be_bound(context: Context, role: str, site: str | None) -> None:
    """Whether who has that role can be limited to that site; 422 and 404 where not."""
    if site is None:
        return
    if role == "admin":
        raise invalid("site: what an administrator does is not limited to a site")
    find_site(context, site)


def _token(row: ApiToken) -> TokenOut:
    return TokenOut(
        id=row.id,
        name=row.name,
        role=row.role,
        site=row.site,
        created=iso(row.created, UTC),
        expires=iso(row.expires, UTC) if row.expires is not None else None,
    )
