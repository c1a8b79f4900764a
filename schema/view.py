"""The routes of GraphQL: HTTP, WebSocket and playground at one address."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from schema.http import respond
from schema.playground import asset, page, wants_page
from schema.sockets import Sockets

PATH = "/graphql"


def graphql_routes() -> list[BaseRoute]:
    """Routes for an app that sets what they need on its `state`.

    * `world`: the World that requests are served in,
    * `origins`: web origins beside the server's own that may open sockets, or None,
    * `documents`: the Documents that may be executed,
    * `assets`: the folder whose `graphiql/` holds the playground's files, or None.
    """
    return [
        Route(PATH, _OverHttp()),
        WebSocketRoute(PATH, Sockets()),
        Route(f"{PATH}/assets/{{name}}", asset, methods=["GET"]),
    ]


class _OverHttp:
    """An ASGI app, not a function: so that every method comes here and is answered in GraphQL."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = page(request) if wants_page(request) else await respond(request)
        await response(scope, receive, send)
