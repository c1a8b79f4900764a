"""GraphQL over HTTP: what is read, what is answered, and with which status.

Source: graphql.github.io/graphql-over-http/draft.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from resolvers.context import Context, World
from resolvers.errors import NotAuthenticated, RateLimited, Unavailable
from resolvers.fanout import Member
from schema.credentials import actor_of, bearer
from schema.documents import Operation
from schema.errors import BAD_REQUEST, BODY_TOO_LARGE, Refused, entry, of_exception
from schema.execution import Answer, GraphQLRequest, answer, note_refusal, refusal_of
from schema.loaders import request_context
from schema.negotiation import (
    EVENT_STREAM,
    GRAPHQL_JSON,
    JSON,
    MULTIPART,
    accepted,
    wanted,
)
from schema.persisted import Documents
from schema.session import Session
from schema.streams import (
    Answering,
    AnswerStream,
    Framing,
    MultipartSubscription,
    ServerSentEvents,
)
from schema.subscriptions import answer_all

MAX_BODY_BYTES = 1024 * 1024
RETRY_SECONDS = 5
"""When to ask again while something is away."""

_FRAMINGS: Mapping[str, Callable[[], Framing]] = {
    EVENT_STREAM: ServerSentEvents,
    MULTIPART: MultipartSubscription,
}


Shape = TypeVar("Shape")


class BadHttp(Exception):
    """The HTTP request itself is wrong: this status whatever the client accepts."""

    code = BAD_REQUEST

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


class _TooLarge(BadHttp):
    code = BODY_TOO_LARGE


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the client accepts: a JSON media type, and a framing for many answers."""

    json: str
    framing: Framing | None
    stream_only: bool

    @classmethod
    def by(cls, header: str | None) -> _Wanted:
        media = accepted("*/*" if header is None else header)
        json = wanted(media, (JSON, GRAPHQL_JSON))
        framing = _FRAMINGS.get(wanted(media, tuple(_FRAMINGS)) or "")
        return cls(json or JSON, framing() if framing else None, framing is not None and not json)

    def refusal_status(self) -> int:
        """Of a well-formed request that is not executed."""
        return 400 if self.json == GRAPHQL_JSON else 200


async def respond(request: Request) -> Response:
    """The answer to any request that does not ask for the playground's page."""
    client = _Wanted.by(request.headers.get("accept"))
    world: World = request.app.state.world
    try:
        return await _respond(request, client)
    except NotAuthenticated as error:
        refusal = Answer(errors=[of_exception(error)])
        return _refusal(world, refusal, client.json, 401, {"www-authenticate": "Bearer"})
    except (RateLimited, Unavailable) as error:  # as no database says what the plan allows
        refusal = Answer(errors=[of_exception(error)])
        status, after = 503, RETRY_SECONDS
        if isinstance(error, RateLimited):
            status, after = 429, error.retry_after
        return _refusal(world, refusal, client.json, status, {"retry-after": str(after)})
    except BadHttp as error:
        refusal = Answer(errors=[entry(str(error), error.code)])
        return _refusal(world, refusal, client.json, error.status, error.headers)


async def _respond(request: Request, client: _Wanted) -> Response:
    if request.method not in {"GET", "POST"}:
        raise BadHttp(405, "want GET or POST", {"allow": "GET, POST"})
    world: World = request.app.state.world
    ctx = Context(await actor_of(world, bearer(request.headers.get("authorization"))), world)
    await world.quota.admit(ctx.actor.tenant_id)
    asked = await _read(request)
    documents: Documents = request.app.state.documents
    try:
        operation = await documents.operation(asked)
    except Refused as refusal:
        refused = refusal_of(refusal)
        if client.stream_only:
            return _stream(_only(refused), client, Session(ctx))
        return _refusal(world, refused, client.json, client.refusal_status())
    if request.method == "GET" and operation.kind is OperationType.MUTATION:
        raise BadHttp(405, "want a mutation by POST", {"allow": "POST"})
    return await _executed(operation, asked, client, ctx)


async def _executed(
    operation: Operation, asked: GraphQLRequest, client: _Wanted, ctx: Context
) -> Response:
    if client.stream_only or operation.kind is OperationType.SUBSCRIPTION:
        session = Session(ctx)
        return _stream(
            lambda member: answer_all(operation, asked.variables, session, member), client, session
        )
    found = await answer(operation, asked.variables, request_context(ctx))
    if found.executed:
        return _json(found, client.json, 200)
    return _refusal(ctx.world, found, client.json, client.refusal_status())


def _stream(answering: Answering, client: _Wanted, session: Session) -> Response:
    if client.framing is None:
        raise BadHttp(406, "want a subscription over a WebSocket, or accept text/event-stream")
    return AnswerStream(answering, client.framing, session)


def _only(answer: Answer) -> Answering:
    async def answering(_: Member[str]) -> Answer:
        return answer

    return answering


async def _read(request: Request) -> GraphQLRequest:
    if request.method == "GET":
        return _of_query(request)
    _check_content_type(request.headers.get("content-type", ""))
    body = await _body(request)
    try:
        text = body.decode()  # msgspec does not look at the names of members it skips
    except UnicodeError as error:
        raise BadHttp(400, "want JSON in UTF-8") from error
    return _decoded(text, GraphQLRequest)


def _of_query(request: Request) -> GraphQLRequest:
    given = request.query_params
    variables, extensions = given.get("variables"), given.get("extensions")
    try:
        return GraphQLRequest(
            query=given.get("query", msgspec.UNSET),
            variables=_decoded(variables, dict[str, Any]) if variables else None,
            operation_name=given.get("operationName") or None,
            extensions=_decoded(extensions, dict[str, Any]) if extensions else None,
        )
    except ValueError as error:
        raise BadHttp(400, str(error)) from error


def _check_content_type(header: str) -> None:
    """Only JSON: a form could be sent by any page in a browser, without asking first."""
    media, *parameters = (piece.strip().lower() for piece in header.split(";"))
    charsets = [each.partition("=")[2].strip('"') for each in parameters if "charset=" in each]
    if media != JSON or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        raise BadHttp(415, "want application/json in UTF-8")


async def _body(request: Request) -> bytes:
    found = bytearray()
    with suppress(ClientDisconnect):
        async for chunk in request.stream():
            found += chunk
            if len(found) > MAX_BODY_BYTES:
                raise _TooLarge(413, f"want at most {MAX_BODY_BYTES} bytes")
    return bytes(found)


def _decoded(text: str, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(text, type=shape)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise BadHttp(400, f"want a JSON object with a GraphQL request: {error}") from error


def _refusal(
    world: World, answer: Answer, media: str, status: int, headers: dict[str, str] | None = None
) -> Response:
    note_refusal(world, answer.errors)
    return _json(answer, media, status, headers)


def _json(
    answer: Answer, media: str, status: int, headers: dict[str, str] | None = None
) -> Response:
    return Response(
        msgspec.json.encode(answer),
        status,
        {"cache-control": "no-store", **(headers or {})},
        media_type=f"{media}; charset=utf-8",
    )
