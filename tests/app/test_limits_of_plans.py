"""What a plan allows is held by both dialects, each in its own words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.api import ApiOptions, build_api
from app.serving import serving
from models.tenant import TenantTable
from resolvers.context import World
from tests.schema.socket_client import opened
from tests.world import token


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Of a tenant that may ask twelve times a minute, two at once; of the other, at will."""
    await TenantTable.filter(id="acme").update(requests_per_minute=12)
    app = build_api(world, ApiOptions("prom", "password"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vms.test") as opened:
        yield opened


def of(tenant_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(tenant_id)}"}


async def test_v2_answers_429_and_says_when_again(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await http.get("/v2/api/cameras", headers=of("acme"))).status_code == 200
    camera = {"name": "Gate", "rtsp_url": "rtsp://10.0.0.7/stream"}
    refused = await http.post("/v2/api/cameras", json=camera, headers=of("acme"))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "RATE_LIMITED"
    others = await http.get("/v2/api/cameras", headers=of("default"))
    assert others.status_code == 200


async def test_graphql_answers_429_and_nothing_is_done(
    world: World, http: httpx.AsyncClient
) -> None:
    create = """mutation { cameraCreate(input: {name: "Gate", rtspUrl: "rtsp://10.0.0.7/s"}) {
        camera { id } } }"""
    answers = [
        await http.post("/graphql", json={"query": create}, headers=of("acme")) for _ in range(4)
    ]
    assert [each.status_code for each in answers] == [200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "5"
    assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert len((await world.rosters.of("acme")).in_order) == 2


@pytest.fixture
async def place(world: World) -> AsyncIterator[str]:
    """Host and port of a server on which a tenant may have one connection."""
    await TenantTable.filter(id="acme").update(connection_limit=1)
    async with serving(build_api(world, ApiOptions("prom", "password")), "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.port}"


def v2_socket(place: str) -> connect:
    return connect(f"ws://{place}/v2/ws/events?token={token('acme')}")


async def test_v2_sockets_beyond_the_plan_are_closed(place: str) -> None:
    async with v2_socket(place) as first:
        async with v2_socket(place) as second:
            with pytest.raises(ConnectionClosed) as closed:
                await second.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, "1 connections" in closed.value.rcvd.reason) == (
                1013,
                True,
            )
        await first.ping()
    async with v2_socket(place) as third, asyncio.timeout(30):
        await (await third.ping())


async def test_graphql_connections_beyond_the_plan_are_refused(place: str) -> None:
    async with opened(place, bearer=token("acme")) as first:
        await first.init({"token": token("acme")})
        async with opened(place, bearer=token("acme")) as second:
            await second.send({"type": "connection_init"})
            assert (await second.closed())[0] == 1013
        body = {"query": "subscription { cameras { kind } }"}
        headers = {**of("acme"), "Accept": "text/event-stream"}
        async with httpx.AsyncClient() as http:
            refused = await http.post(f"http://{place}/graphql", json=body, headers=headers)
        assert (refused.status_code, "CONNECTION_LIMIT_REACHED" in refused.text) == (429, True)
        await first.subscribe("{ viewer { tenantId } }")
        assert await first.next() == {"viewer": {"tenantId": "acme"}}
