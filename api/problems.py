"""Errors as RFC 9457 problem documents, each with a detail that says what was wrong."""

import logging
import math
from http import HTTPStatus

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from schema.errors import Reject, RetryLater

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """RFC 9457; `type` is always about:blank, so `title` is the phrase of the status."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str


def not_found(what: str) -> HTTPException:
    """404: it does not exist, or is not for this caller to know."""
    return HTTPException(HTTPStatus.NOT_FOUND, what)


def invalid(what: str) -> HTTPException:
    """422: a parameter that can be read but not be meant."""
    return HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, what)


def install(app: FastAPI) -> None:
    """Answer every error of an application as a problem document."""
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Reject, _reject)
    app.add_exception_handler(RetryLater, _retry_later)
    app.add_exception_handler(Exception, _unexpected)


def _answer(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, instance=request.url.path)
    return JSONResponse(problem.model_dump(), status, headers, MEDIA_TYPE)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 - what the handler is registered for
    headers = dict(error.headers) if error.headers else None
    return _answer(request, error.status_code, error.detail, headers)


def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    # Never the input itself: it may be a password.
    found = [f"{'.'.join(str(part) for part in item['loc'][1:]) or 'body'}: {item['msg']}" for item in error.errors()]
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(found))


def _reject(request: Request, error: Exception) -> JSONResponse:
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


def _retry_later(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RetryLater)  # noqa: S101
    return _answer(
        request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": str(max(1, math.ceil(error.after)))}
    )


def _unexpected(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - Starlette's signature
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "an error of the server, written to its log")
