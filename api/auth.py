"""Who is calling, and whether they may: session cookies for people, bearer tokens for machines."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from sqlalchemy import select
from starlette.requests import HTTPConnection

from api.context import Context, Ctx
from api.problems import not_found
from store.registry.people import ApiToken, SignedIn, User

ROLES = ("viewer", "operator", "admin")
SESSION_KEY = "dayuan"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Caller:
    """A user or a token; `role` "gate" may only ask for decisions, `site` limits either to one compound."""

    name: str
    role: Literal["viewer", "operator", "admin", "gate"]
    site: str | None = None
    session: str | None = None
    must_change: bool = False

    def at_least(self, role: str) -> bool:
        """Whether the caller has that role or a higher one."""
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)

    def sees(self, site: str) -> bool:
        """Whether that site is theirs to see."""
        return self.site in (None, site)


def digest(secret: str) -> str:
    """The SHA-256 under which a random secret (token, session id) is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


def identify(connection: HTTPConnection, context: Context) -> Caller | None:
    """The caller by bearer token or session cookie, None for neither; blocks on the registry."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme:
        return _by_token(context, token.strip()) if scheme.lower() == "bearer" else None
    cookie = connection.session.get(SESSION_KEY)
    return _by_session(context, cookie) if isinstance(cookie, str) else None


def _by_token(context: Context, token: str) -> Caller | None:
    with context.registry.reading() as session:
        row = session.scalar(select(ApiToken).where(ApiToken.digest == digest(token)))
        if row is None or (row.expires is not None and row.expires <= context.clock()):
            return None
        return Caller(f"token:{row.name}", _role(row.role), row.site)


def _by_session(context: Context, cookie: str) -> Caller | None:
    with context.registry.reading() as session:
        row = session.get(SignedIn, digest(cookie))
        user = session.get(User, row.user) if row is not None and row.ends > context.clock() else None
        if row is None or user is None or not user.active:
            return None
        return Caller(user.name, _role(user.role), user.site, row.id, user.must_change)


def _role(text: str) -> Literal["viewer", "operator", "admin", "gate"]:
    match text:
        case "operator" | "admin" | "gate":
            return text
    return "viewer"


def refuse_foreign(request: Request, *, proof: bool) -> None:
    """403 for a request another web site made a browser send; with `proof`, also where nothing shows it is ours."""
    fetched = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if fetched is not None:
        ours = fetched in ("same-origin", "none")
    elif origin is not None:
        ours = urlsplit(origin).netloc == request.headers.get("host")
    else:
        # A page of another origin cannot add this header without a preflight, which is never granted.
        ours = not proof or "x-dayuan" in request.headers
    if not ours:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "not from a page of this server; other clients send the header X-Dayuan: 1"
        )


def anyone(request: Request, context: Ctx) -> Caller:
    """Whoever is signed in, also when only to change the password."""
    caller = identify(request, context)
    if caller is None:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "sign in, or send a valid bearer token", _CHALLENGE)
    if caller.session is not None and request.method not in _SAFE:
        refuse_foreign(request, proof=True)
    return caller


async def settled(caller: Annotated[Caller, Depends(anyone)]) -> Caller:
    """A caller whose password is their own."""
    if caller.must_change:
        raise HTTPException(HTTPStatus.FORBIDDEN, "change the one-time password first: POST /api/v1/auth/password")
    return caller


def require(role: str, *, gate: bool = False) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller has at least `role` (or is a gate agent, with `gate`) and the path's site is theirs."""

    async def allowed(request: Request, caller: Annotated[Caller, Depends(settled)]) -> Caller:
        if not (caller.at_least(role) or (gate and caller.role == "gate")):
            raise HTTPException(HTTPStatus.FORBIDDEN, f"needs the role {role}; {caller.name} is {caller.role}")
        site = request.path_params.get("site")
        if site is not None and not caller.sees(site):
            raise not_found(f"no site {site!r}")
        return caller

    return allowed


Anyone = Annotated[Caller, Depends(anyone)]
Viewer = Annotated[Caller, Depends(require("viewer"))]
Operator = Annotated[Caller, Depends(require("operator"))]
Admin = Annotated[Caller, Depends(require("admin"))]
GateAgent = Annotated[Caller, Depends(require("operator", gate=True))]
