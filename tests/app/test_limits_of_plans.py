"""What a plan allows is held by both dialects, each in its own words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from app.api import ApiOptions, build_api
from models.tenant import TenantTable
from resolvers.context import World
from tests.world import token


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Of a tenant that may ask twelve times a minute, two at once, and of one that may ask for ever."""
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
