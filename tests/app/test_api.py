from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx
import pytest

from app.api import ApiOptions, build_api
from media.types import ModelStatus
from resolvers.bus import LocalBus
from resolvers.context import World
from resolvers.errors import Unavailable
from tests.world import token

PASSWORD = "p:ä" * 12


def client(world: World, origins: Sequence[str] = ()) -> httpx.AsyncClient:
    app = build_api(world, ApiOptions("prom", PASSWORD, origins))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://vms.test")


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client(world) as opened:
        yield opened


def basic(user: str, password: str) -> dict[str, str]:
    credential = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {credential}"}


async def test_liveness_needs_nothing(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v2/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readiness_names_each_component(world: World) -> None:
    running = ModelStatus("yolox", "2021-08-19", ("person",), "Apache-2.0", True, True, "CPU")
    async with client(replace(world, models=lambda: [running])) as http:
        answer = await http.get("/v2/health/ready")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ok"
    assert body["checks"]["postgres"] == {"status": "ok", "engine": "sqlite"}
    assert body["checks"]["redis"] == {"status": "ok", "engine": "local"}
    assert body["checks"]["storage"]["status"] == "ok"
    assert body["checks"]["models"] == {
        "status": "ok",
        "active": "yolox@2021-08-19",
        "device": "CPU",
    }


async def test_without_a_model_the_system_is_ready_and_says_so(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v2/health/ready")
    assert answer.status_code == 200
    assert answer.json()["checks"]["models"]["status"] == "missing"


class SilentBus(LocalBus):
    async def check(self) -> str:
        raise Unavailable("redis does not answer")


async def test_a_component_that_is_away_makes_it_unavailable(world: World) -> None:
    async with client(replace(world, bus=SilentBus())) as http:
        answer = await http.get("/v2/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"]["redis"]["status"] == "unavailable"


async def test_a_storage_that_cannot_be_written_makes_it_unavailable(world: World) -> None:
    world.store.root.rmdir()
    async with client(world) as http:
        answer = await http.get("/v2/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["storage"]["status"] == "unavailable"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("prom", "wrong"),
        basic("other", PASSWORD),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer x"},
    ],
)
async def test_metrics_are_behind_basic_auth(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await http.get("/v2/metrics", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert "vms_" not in answer.text


async def test_metrics_name_routes_and_no_token(http: httpx.AsyncClient) -> None:
    secret = token()
    await http.get("/v2/hls/cam-a/2026-01-01/00/index.m3u8", params={"token": secret})
    await http.get("/v2/api/cameras", headers={"Authorization": f"Bearer {secret}"})
    await http.get(f"/no/such/{secret}")
    answer = await http.get("/v2/metrics", headers=basic("prom", PASSWORD))
    assert answer.status_code == 200
    assert 'route="/v2/api/cameras",status="200"' in answer.text
    assert secret not in answer.text
    assert "cam-a" not in answer.text


async def test_other_origins_are_allowed_only_where_configured(world: World) -> None:
    origin = {"Origin": "https://spa.example"}
    async with client(world, ["https://spa.example"]) as http:
        allowed = await http.get("/v2/health", headers=origin)
        assert allowed.headers["access-control-allow-origin"] == "https://spa.example"
        other = await http.get("/v2/health", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
    async with client(world) as http:
        none = await http.get("/v2/health", headers=origin)
        assert "access-control-allow-origin" not in none.headers


async def test_a_page_of_an_allowed_origin_may_ask_graphql(world: World) -> None:
    asked = {
        "Origin": "https://spa.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    async with client(world, ["https://spa.example"]) as http:
        allowed = await http.options("/graphql", headers=asked)
        refused = await http.options(
            "/graphql", headers={**asked, "Origin": "https://evil.example"}
        )
        answer = await http.post("/graphql", headers={"Origin": "https://spa.example"}, json={})
    assert (allowed.status_code, refused.status_code) == (200, 400)
    assert allowed.headers["access-control-allow-origin"] == "https://spa.example"
    assert "access-control-allow-credentials" not in allowed.headers
    assert "access-control-allow-origin" not in refused.headers
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    async with client(world) as http:
        assert (await http.options("/graphql", headers=asked)).status_code == 405


async def test_an_address_with_a_token_is_never_sent_elsewhere(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v2/api/cameras/", params={"token": "secret"})
    assert answer.status_code == 404
    assert "location" not in answer.headers
