"""Signing in and out, and one's own password."""

import secrets
from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.auth import Anyone, refuse_foreign
from api.context import Ctx
from api.passwords import MAX_LENGTH
from api.sessions import change_password, sign_in, sign_out

router = APIRouter(prefix="/auth", tags=["auth"])


class SignIn(BaseModel):
    """A name and its password."""

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=MAX_LENGTH)


class Me(BaseModel):
    """Who is calling; while `must_change` is set, only the password can be changed."""

    name: str
    role: str
    site: str | None
    must_change: bool


class NewPassword(BaseModel):
    """One's own old and new password; the new one has at least 10 characters."""

    old: str = Field(min_length=1, max_length=MAX_LENGTH)
    new: str = Field(max_length=MAX_LENGTH)


@router.post("/sign-in")
def post_sign_in(request: Request, context: Ctx, body: SignIn) -> Me:
    """Begin a session: answers with its cookie."""
    refuse_foreign(request, proof=False)
    user = sign_in(context, request.session, body.name, body.password, secrets.token_bytes)
    return Me(name=user.name, role=user.role, site=None, must_change=user.must_change)


@router.post("/sign-out", status_code=HTTPStatus.NO_CONTENT)
def post_sign_out(request: Request, context: Ctx, caller: Anyone) -> None:
    """End this session."""
    sign_out(context, request.session, caller)


@router.get("/me")
def get_me(caller: Anyone) -> Me:
    """Who is calling."""
    return Me(name=caller.name, role=caller.role, site=caller.site, must_change=caller.must_change)


@router.post("/password", status_code=HTTPStatus.NO_CONTENT)
def post_password(request: Request, context: Ctx, caller: Anyone, body: NewPassword) -> None:
    """Change one's own password; every other session of the user ends."""
    change_password(context, request.session, caller, body.old, body.new, secrets.token_bytes)
