"""The /v2 routes as a service over a real world: in process, or behind a real uvicorn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware

from app.serving import Server, serving
from compat_rest.errors import exception_handlers
from compat_rest.limits import BodyLimit
from compat_rest.offload import Offload
from compat_rest.routes import routes
from resolvers.context import World
from tests.world import token

PROBLEM = "application/problem+json"


def service(
    world: World, origins: frozenset[str] | None = None, offload: Offload | None = None
) -> Starlette:
    app = Starlette(
        routes=routes,
        middleware=[Middleware(BodyLimit)],
        exception_handlers=exception_handlers,
    )
    app.router.redirect_slashes = False
    app.state.world = world
    app.state.origins = origins
    app.state.offload = offload
    return app


def client_of(world: World, authorization: str | None = None) -> httpx.AsyncClient:
    """A client of the ASGI app itself; with every scope of `default` where nothing is said."""
    chosen = f"Bearer {token()}" if authorization is None else authorization
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(service(world), raise_app_exceptions=False),
        base_url="http://vms.test",
        headers={"Authorization": chosen} if chosen else {},
    )


def client_for(world: World, tenant_id: str, *scopes: str) -> httpx.AsyncClient:
    if not scopes:
        return client_of(world, f"Bearer {token(tenant_id)}")
    return client_of(world, f"Bearer {token(tenant_id, ' '.join(scopes))}")


@asynccontextmanager
async def served(world: World, origins: frozenset[str] | None = None) -> AsyncIterator[Served]:
    """The same behind uvicorn on loopback, as it runs for users."""
    async with serving(service(world, origins), "127.0.0.1", 0, world.stopping) as server:
        yield Served(server)


class Served:
    def __init__(self, server: Server) -> None:
        self.server, self.port = server, server.port
        self.base = f"http://127.0.0.1:{self.port}"
        self.socket_base = f"ws://127.0.0.1:{self.port}"

    async def raw(self, request: bytes) -> tuple[int, bytes]:
        """Sends bytes as they are and reads until the server hangs up: status and all of it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            await writer.drain()
            answer = await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()
            await writer.wait_closed()
        return int(answer.split(b" ", 2)[1]), answer

    async def get_raw(self, target: str, bearer: str | None = None) -> tuple[int, bytes]:
        """GET of a request target that no client library has touched."""
        credential = f"Authorization: Bearer {bearer}\r\n" if bearer else ""
        head = f"GET {target} HTTP/1.1\r\nHost: vms\r\n{credential}Connection: close\r\n\r\n"
        return await self.raw(head.encode())
