"""Refusals as RFC 9457 problems: one shape for every error of the HTTP side."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from resolvers.errors import (
    CameraLimitReached,
    CameraNotLive,
    ComparisonLimitReached,
    Conflict,
    ConnectionLimitReached,
    ExportLimitReached,
    ExportTooLarge,
    FieldError,
    InvalidInput,
    LiveUnsupported,
    NotAuthenticated,
    NotFound,
    RateLimited,
    ScopeMissing,
    TooManyRows,
    Unavailable,
    VmsError,
)

logger = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
MAX_DETAIL_CHARACTERS = 2000
RETRY_SECONDS = 5


class CredentialMissing(NotAuthenticated):
    """The request carries no credential at all; its code is that of a bad one."""


class HttpRefusal(HTTPException):
    """What is refused before any use case is asked: `code` is stable like a VmsError's."""

    status = 400
    code = "BAD_REQUEST"

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(self.status, detail, headers)


class MalformedJson(HttpRefusal):
    code = "MALFORMED_JSON"


class BodyTooLarge(HttpRefusal):
    status = 413
    code = "BODY_TOO_LARGE"


class RangeNotSatisfiable(HttpRefusal):
    status = 416
    code = "RANGE_NOT_SATISFIABLE"


class UpgradeRequired(HttpRefusal):
    status = 426
    code = "UPGRADE_REQUIRED"

    def __init__(self) -> None:
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
        super().__init__("this address is a WebSocket's", upgrade)


class Problem(msgspec.Struct, frozen=True):
    """An RFC 9457 problem. `code` is stable; `errors` names each field that is wrong.

    `limit` and `count` come with CAMERA_LIMIT_REACHED, `hls_url` with what WebRTC can't show.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET
    limit: int | msgspec.UnsetType = msgspec.UNSET
    count: int | msgspec.UnsetType = msgspec.UNSET
    hls_url: str | msgspec.UnsetType = msgspec.UNSET


_STATUS: Mapping[type[VmsError], int] = {
    NotAuthenticated: 401,
    ScopeMissing: 403,
    CameraLimitReached: 403,
    ExportTooLarge: 403,
    ExportLimitReached: 403,
    ComparisonLimitReached: 403,
    NotFound: 404,
    LiveUnsupported: 406,
    Conflict: 409,
    CameraNotLive: 409,
    RateLimited: 429,
    ConnectionLimitReached: 429,
    InvalidInput: 422,
    TooManyRows: 422,
    Unavailable: 503,
}
_PLAIN_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
_PLAIN_DETAILS = {
    404: "there is nothing at this address",
    405: "this address does not know this method",
}


def problem(
    status: int, code: str, detail: str, errors: Sequence[FieldError] | None = None
) -> Problem:
    words = code.replace("_", " ").capitalize()
    shown = list(errors) if errors else msgspec.UNSET
    uri = f"urn:vms:problem:{code.lower().replace('_', '-')}"
    return Problem(uri, words, status, detail[:MAX_DETAIL_CHARACTERS], code, shown)


def status_of(error: VmsError) -> int:
    """The HTTP status of a refusal; 500 for a kind that this dialect does not know."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def problem_of(error: VmsError) -> Problem:
    fields = error.fields if isinstance(error, InvalidInput | Conflict) else None
    found = problem(status_of(error), error.code, str(error), fields)
    if isinstance(error, CameraLimitReached):
        return msgspec.structs.replace(found, limit=error.limit, count=error.count)
    if isinstance(error, LiveUnsupported) and error.hls_url is not None:
        return msgspec.structs.replace(found, hls_url=error.hls_url)
    return found


def problem_response(shown: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(shown),
        shown.status,
        {"Cache-Control": "no-store", **(headers or {})},
        PROBLEM_JSON,
    )


async def answer_refusal(_: Request, error: Exception) -> Response:
    """A VmsError as its problem."""
    assert isinstance(error, VmsError)  # noqa: S101 - registered for this class alone
    return problem_response(problem_of(error), _headers_of(error))


def _headers_of(error: VmsError) -> dict[str, str]:
    if isinstance(error, CredentialMissing):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, NotAuthenticated):
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after)}
    is_passing = isinstance(error, Unavailable | CameraNotLive | ConnectionLimitReached)
    return {"Retry-After": str(RETRY_SECONDS)} if is_passing else {}


async def answer_http_error(_: Request, error: Exception) -> Response:
    """Unknown addresses, wrong methods and refused bodies as problems."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    status = error.status_code
    code = error.code if isinstance(error, HttpRefusal) else _PLAIN_CODES.get(status)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
    detail = _PLAIN_DETAILS.get(status, error.detail)
    name = HTTPStatus(status).name
    return problem_response(problem(status, code or name, detail), headers)


async def answer_fault(request: Request, error: Exception) -> Response:
    """The last resort: the log gets the traceback, the client nothing of it."""
    route = getattr(request.scope.get("route"), "path", "an unknown address")
    logger.error("%s %s failed", request.method, route, exc_info=error)
    return problem_response(problem(500, "INTERNAL", "something went wrong on the server"))


async def answer_nobody(_: Request, error: Exception) -> Response:
    """The client went away while its body was read: nobody sees this answer."""
    logger.debug("client left: %s", type(error).__name__)
    return Response(status_code=400)


exception_handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    VmsError: answer_refusal,
    HTTPException: answer_http_error,
    ClientDisconnect: answer_nobody,
    Exception: answer_fault,
}
"""For Starlette's `exception_handlers`: all of the HTTP side answers with problems."""
