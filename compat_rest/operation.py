"""What the URL table says of each address: its handler, its scope and what it speaks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from compat_rest.credentials import of_header, of_player
from compat_rest.errors import UpgradeRequired
from resolvers.access import Scope, demand
from resolvers.context import Context

Handler = Callable[[Context, Request], Awaitable[Response]]
SocketHandler = ASGIApp

_EMPTY = ("GET", "HEAD", "OPTIONS")
_EQUALS = re.compile(r"(?P<address>[A-Z]+ /\S*) = (?P<field>\w+\.\w+)\.")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query or path parameter; `schema` is JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, object]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes when all is well.

    `shape` is the type that is sent as JSON; None with `media_types` is something else, None
    without is an empty answer. `headers` are beyond the usual: name and what it says.
    """

    status: int
    text: str
    shape: Any = None
    media_types: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `refusals` are statuses beyond 401, 403 and 500.

    `in_url`: a player may bring its credential in the address. `body_type`: a body's media type.
    `is_whep`: its path also answers GET and OPTIONS, to anybody and with nothing, as WHEP wants it.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope
    answer: Answer
    parameters: Sequence[Parameter] = ()
    body: Any = None
    refusals: Sequence[int] = ()
    in_url: bool = False
    body_type: str = "application/json"
    is_whep: bool = False

    @property
    def equals(self) -> str:
        """The GraphQL field that gives the same, `Query.cameras`."""
        return equal_field(self.handler)

    async def run(self, request: Request) -> Response:
        """Authenticates, counts the request, demands the scope, calls the handler.

        The use case demands the scope again; here it comes before the body is judged. What players
        load is not counted: a plan's requests are those of programs.
        """
        ctx = await (of_player if self.in_url else of_header)(request)
        if not self.in_url:
            await ctx.world.quota.admit(ctx.actor.tenant_id)
        demand(ctx.actor, self.scope)
        return await self.handler(ctx, request)


@dataclass(frozen=True, slots=True)
class Socket:
    """A WebSocket's address. `closes` says what each close code means."""

    path: str
    handler: SocketHandler
    scope: Scope
    parameters: Sequence[Parameter]
    closes: Mapping[int, str]

    @property
    def equals(self) -> str:
        return equal_field(self.handler)


def equal_field(handler: Callable[..., object]) -> str:
    """The field that a docstring names which begins `GET /v2/api/cameras = Query.cameras.`.

    Raises:
        ValueError: it names none.
    """
    found = _EQUALS.match(handler.__doc__ or "")
    if found is None:
        name = getattr(handler, "__qualname__", type(handler).__qualname__)
        raise ValueError(f"{name} does not say which GraphQL field it equals")
    return found["field"]


def routes_of(operations: Iterable[Operation], sockets: Iterable[Socket]) -> list[BaseRoute]:
    """In the table's order, one endpoint per path: a wrong method is told all the right ones."""
    by_path: dict[str, dict[str, Operation]] = {}
    for each in operations:
        by_path.setdefault(each.path, {})[each.method] = each
    routes: list[BaseRoute] = [_route(path, methods) for path, methods in by_path.items()]
    for socket in sockets:
        routes.append(WebSocketRoute(socket.path, socket.handler))
        routes.append(Route(socket.path, _upgrade_to(socket), methods=["GET"]))
    return routes


def _upgrade_to(socket: Socket) -> Callable[[Request], Awaitable[Response]]:
    """Answers a plain request to a WebSocket's address (RFC 9110, 15.5.22)."""

    async def endpoint(_: Request) -> Response:
        raise UpgradeRequired

    endpoint.__doc__ = socket.handler.__doc__
    return endpoint


def _route(path: str, methods: Mapping[str, Operation]) -> Route:
    heads = {"HEAD": methods["GET"]} if "GET" in methods else {}
    answering = {**methods, **heads}
    is_whep = any(each.is_whep for each in methods.values())
    allowed = sorted([*answering, *(_EMPTY if is_whep else ())])

    async def endpoint(request: Request) -> Response:
        if is_whep and request.method in _EMPTY:
            return _empty(request.method, allowed, methods.get("POST"))
        return await answering[request.method].run(request)

    endpoint.__doc__ = "\n\n".join(each.handler.__doc__ or "" for each in methods.values())
    return Route(path, endpoint, methods=allowed)


def _empty(method: str, allowed: Sequence[str], post: Operation | None) -> Response:
    """What there is to see of a WHEP address: nothing, but what may be done with it."""
    if method != "OPTIONS":
        return Response(status_code=204)
    accepted = {} if post is None else {"Accept-Post": post.body_type}
    return Response(status_code=200, headers={"Allow": ", ".join(allowed), **accepted})
