"""GraphQL over a real world: in process over ASGI, or behind a real uvicorn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from app.serving import serving
from resolvers.context import World
from schema.persisted import Documents
from schema.view import graphql_routes
from tests.world import token

GRAPHQL = "application/graphql-response+json"


def service(
    world: World,
    *,
    origins: frozenset[str] | None = None,
    assets: Path | None = None,
    documents: Documents | None = None,
) -> Starlette:
    app = Starlette(routes=graphql_routes())
    app.state.world, app.state.origins, app.state.assets = world, origins, assets
    app.state.documents = documents or Documents()
    return app


def client_of(world: World, bearer: str | None = None, **options: Any) -> httpx.AsyncClient:
    """A client of the ASGI app itself; with every scope of `default` where nothing is said."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(service(world, **options)),
        base_url="http://vms.test",
        headers={"Authorization": f"Bearer {token() if bearer is None else bearer}"},
    )


async def ask(
    world: World,
    query: str,
    variables: Mapping[str, object] | None = None,
    bearer: str | None = None,
) -> dict[str, Any]:
    """The whole answer to one operation."""
    async with client_of(world, bearer) as client:
        answer = await client.post("/graphql", json={"query": query, "variables": variables})
    found: dict[str, Any] = answer.json()
    return found


async def data(
    world: World,
    query: str,
    variables: Mapping[str, object] | None = None,
    bearer: str | None = None,
) -> dict[str, Any]:
    """The data of an answer that must be without errors."""
    answer = await ask(world, query, variables, bearer)
    assert "errors" not in answer, answer["errors"]
    found: dict[str, Any] = answer["data"]
    return found


def codes(answer: Mapping[str, Any]) -> list[str]:
    return [each["extensions"]["code"] for each in answer.get("errors", [])]


@asynccontextmanager
async def served(world: World, **options: Any) -> AsyncIterator[str]:
    """`host:port` of the same behind uvicorn on loopback, as it runs for users."""
    async with serving(service(world, **options), "127.0.0.1", 0, world.stopping) as server:
        yield f"127.0.0.1:{server.port}"
