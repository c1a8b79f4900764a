"""From whatever went wrong to what a client reads: a stable code, and nothing of our insides."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import strawberry
from graphql import GraphQLError, GraphQLFormattedError, Node

from media.redact import redact_text
from resolvers.errors import (
    Conflict,
    ConnectionLimitReached,
    FieldError,
    InvalidInput,
    RateLimited,
    VmsError,
)
from schema.enums import UserErrorCode

logger = logging.getLogger(__name__)

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
PERSISTED_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
INTROSPECTION_DISABLED = "INTROSPECTION_DISABLED"
DOCUMENT_TOO_LONG = "DOCUMENT_TOO_LONG"
TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
WORD_TOO_LONG = "WORD_TOO_LONG"
TOO_DEEP = "OPERATION_TOO_DEEP"
TOO_MANY_ALIASES = "TOO_MANY_ALIASES"
TOO_COMPLEX = "DOCUMENT_TOO_COMPLEX"
TOO_MANY_VALUES = "TOO_MANY_VALUES"
TOO_COSTLY = "OPERATION_TOO_COSTLY"
TIMED_OUT = "OPERATION_TIMED_OUT"
BODY_TOO_LARGE = "BODY_TOO_LARGE"
TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
RATE_LIMITED = RateLimited.code
CONNECTION_LIMIT_REACHED = ConnectionLimitReached.code
BAD_REQUEST = "BAD_REQUEST"
INVALID_INPUT = InvalidInput.code
INTERNAL = "INTERNAL"

_MAX_MESSAGE_CHARACTERS = 500
"""Of what graphql-core says: it repeats what it was given."""

_SPELLED = {"type": "types", "camera_id": "cameraIds"}
"""Fields that GraphQL calls otherwise; all others are only written in camel case."""


class Refused(Exception):
    """A request that is not executed at all: errors, and no data.

    `extensions` are the answer's, where the client asked for some.
    """

    def __init__(
        self,
        errors: Iterable[GraphQLFormattedError],
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__()
        self.errors, self.extensions = list(errors), extensions


class BeyondLimit(GraphQLError):
    """A document that has more of something than it may."""

    def __init__(self, message: str, code: str, limit: int, node: Node | None = None) -> None:
        super().__init__(message, node)
        self.code, self.limit = code, limit


@strawberry.type(description="Something in an input that a person can correct.")
class UserError:
    code: UserErrorCode = strawberry.field(description="What kind of mistake it is.")
    field: str | None = strawberry.field(description="The input's field, null for all of it.")
    message: str = strawberry.field(description="What is wanted, in plain words.")


def user_errors(error: VmsError) -> list[UserError]:
    """One for each field that is wrong; the error's code must be one of UserErrorCode."""
    code = UserErrorCode(error.code)
    if isinstance(error, InvalidInput | Conflict):
        return [
            UserError(code=code, field=spelled(each.field), message=each.message)
            for each in error.fields
        ]
    return [UserError(code=code, field=None, message=str(error))]


def spelled(field: str) -> str:
    """A field of the domain (`rtsp_url`) in GraphQL's spelling (`rtspUrl`)."""
    if field in _SPELLED:
        return _SPELLED[field]
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def entry(message: str, code: str, **more: object) -> GraphQLFormattedError:
    """An error of the request as a whole; `more` is for the client's programs."""
    return {"message": message, "extensions": {"code": code, **more}}


def refused(message: str, code: str = BAD_REQUEST, **more: object) -> Refused:
    return Refused([entry(message, code, **more)])


def timed_out(seconds: float) -> Refused:
    message = f"the operation took longer than {seconds:g} s and was cancelled"
    return refused(message, TIMED_OUT, limit=seconds)


def of_document(error: GraphQLError, code: str) -> GraphQLFormattedError:
    """An error of parsing or validating, or of the variables: always the client's."""
    formatted = error.formatted
    message = redact_text(formatted["message"])[:_MAX_MESSAGE_CHARACTERS]
    told: dict[str, object] = {"code": code}
    if isinstance(error, BeyondLimit):
        told = {"code": error.code, "limit": error.limit}
    return {**formatted, "message": message, "extensions": told}


def of_execution(error: GraphQLError) -> GraphQLFormattedError:
    """An error that executing met. What nobody foresaw is logged here, and masked."""
    cause = error.original_error
    formatted = error.formatted
    if isinstance(cause, VmsError):
        formatted["message"] = _message(cause)
        formatted["extensions"] = {"code": cause.code, **_details(cause)}
        return formatted
    if cause is None or (isinstance(cause, GraphQLError) and cause.nodes):
        return of_document(error, INVALID_INPUT)  # an argument or a variable, by graphql-core
    logger.error("internal error at %s", error.path or "the source of a stream", exc_info=cause)
    formatted["message"] = "internal error"
    formatted["extensions"] = {"code": INTERNAL}
    return formatted


def of_exception(error: Exception) -> GraphQLFormattedError:
    """An exception that ended a stream: as if a field had raised it."""
    if isinstance(error, GraphQLError):
        return of_execution(error)
    return of_execution(GraphQLError(str(error), original_error=error))


def _message(error: VmsError) -> str:
    if isinstance(error, InvalidInput | Conflict):
        return "; ".join(f"{spelled(each.field)}: {each.message}" for each in error.fields)
    return str(error)


def _details(error: VmsError) -> dict[str, object]:
    if isinstance(error, InvalidInput | Conflict):
        return {"fields": [_field(each) for each in error.fields]}
    if isinstance(error, RateLimited):
        return {"limit": error.per_minute, "retryAfter": error.retry_after}
    return {}


def _field(error: FieldError) -> dict[str, str]:
    return {"field": spelled(error.field), "message": error.message}
