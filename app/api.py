"""The HTTP side: both dialects, health and metrics on one Starlette app."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.health import status_routes
from app.requests import WatchRequests
from compat_rest.errors import exception_handlers
from compat_rest.limits import BodyLimit
from compat_rest.offload import Offload
from compat_rest.routes import routes as rest_routes
from resolvers.context import World
from schema.persisted import Documents
from schema.view import graphql_routes


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """What the HTTP side takes from the settings.

    `origins` are web origins beside the server's own that may call from a browser. `assets` is
    where the playground's files lie, None without them. `documents` says which GraphQL documents
    are executed. `offload` says how files are left to the server in front, None to send them here.
    """

    metrics_user: str
    metrics_password: str = field(repr=False)
    origins: Sequence[str] = ()
    assets: Path | None = None
    access_log: bool = False
    documents: Documents = field(default_factory=Documents)
    offload: Offload | None = None


ALLOWED_HEADERS = [
    *("Authorization", "Content-Type", "Range", "If-Range", "If-None-Match"),
    "If-Match",  # of a WHEP player, who is to see that there is nothing to PATCH
]
EXPOSED_HEADERS = [
    *("Location", "Link", "X-Filtered-Features", "WWW-Authenticate", "Retry-After"),
    *("Accept-Ranges", "Content-Range", "ETag", "X-Footage-Away"),
]


def build_api(world: World, options: ApiOptions) -> Starlette:
    """The ASGI app over a world that is already open."""
    watching = Middleware(WatchRequests, access_log=options.access_log)
    app = Starlette(
        routes=[
            *graphql_routes(),  # first: a router tries one address after the other
            *rest_routes,
            *status_routes(world, options.metrics_user, options.metrics_password),
            Route("/", _to_playground),
        ],
        middleware=[
            watching,
            *_cors(options.origins),
            Middleware(BodyLimit),
            Middleware(StraightSockets),
        ],
        exception_handlers=exception_handlers,
    )
    app.router.redirect_slashes = False  # a redirect would repeat a token in `Location`
    app.state.world = world
    app.state.origins = frozenset(options.origins) or None
    app.state.assets = options.assets
    app.state.documents = options.documents
    app.state.offload = options.offload
    return app


class StraightSockets:
    """Middleware: sockets handle all that goes wrong, and send very many messages.

    Starlette's exception handlers would wrap each of those, for a ninth of what sending one costs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = scope["app"].router if scope["type"] == "websocket" else self._app
        await app(scope, receive, send)


async def _to_playground(_: Request) -> RedirectResponse:
    return RedirectResponse("/graphql")


def _cors(origins: Sequence[str]) -> list[Middleware]:
    """Bearer tokens are sent by script, not by the browser, so no credentials are allowed."""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
            allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            max_age=600,
        )
    ]
