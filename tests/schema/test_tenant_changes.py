"""Tenants over GraphQL: read, created and changed by the platform's administrator alone."""

from __future__ import annotations

from typing import Any

import pytest

from resolvers import tenants
from resolvers.access import Scope
from resolvers.context import World
from tests.schema.service import ask, codes, data
from tests.world import add_camera, context, token

PLATFORM = token("platform", "platform:admin", ttl_seconds=86_400)
PLAN = (
    "cameraLimit cameraCount surplusCameras features retentionDays retentionBytes recordedBytes "
    "eventRetentionDays requestsPerMinute connectionLimit"
)
PAYLOAD = f"tenant {{ id plan {{ {PLAN} }} }} userErrors {{ code field message }}"
CREATE = (
    "mutation ($id: ID!, $plan: PlanInput!) "
    f"{{ done: tenantCreate(id: $id, plan: $plan) {{ {PAYLOAD} }} }}"
)
UPDATE = CREATE.replace("tenantCreate", "tenantUpdate")


async def changed(world: World, query: str, tenant_id: str, **plan: object) -> dict[str, Any]:
    found = await data(world, query, {"id": tenant_id, "plan": plan}, PLATFORM)
    done: dict[str, Any] = found["done"]
    return done


async def known(world: World) -> list[object]:
    return list(await tenants.tenants(context(world, "", Scope.PLATFORM_ADMIN)))


async def test_a_tenant_is_created_with_its_whole_plan(world: World) -> None:
    plan = {
        "cameraLimit": 3,
        "features": ["PERSON", "FACE"],
        "retentionDays": 30,
        "retentionBytes": 5 * 10**12,
        "eventRetentionDays": 365,
        "requestsPerMinute": 600,
        "connectionLimit": 20,
    }
    done = await changed(world, CREATE, "cinema", **plan)
    used = {"cameraCount": 0, "surplusCameras": 0, "recordedBytes": 0}
    assert done == {"tenant": {"id": "cinema", "plan": {**plan, **used}}, "userErrors": []}


async def test_what_is_left_out_stays_and_null_frees(world: World) -> None:
    await changed(world, UPDATE, "acme", retentionDays=30, connectionLimit=5)
    plan = (await changed(world, UPDATE, "acme", retentionDays=None))["tenant"]["plan"]
    assert (plan["retentionDays"], plan["connectionLimit"], plan["cameraLimit"]) == (None, 5, 10)


async def test_a_lowered_limit_names_the_surplus_in_the_payload_and_to_the_viewer(
    world: World,
) -> None:
    for slug in ("cam-a", "cam-b", "cam-c"):
        await add_camera(world, slug, "acme")
    plan = (await changed(world, UPDATE, "acme", cameraLimit=1))["tenant"]["plan"]
    assert (plan["cameraLimit"], plan["cameraCount"], plan["surplusCameras"]) == (1, 3, 2)
    viewer = "{ viewer { plan { cameraLimit cameraCount surplusCameras } } }"
    found = (await data(world, viewer, bearer=token("acme")))["viewer"]["plan"]
    assert found == {"cameraLimit": 1, "cameraCount": 3, "surplusCameras": 2}
    assert (await data(world, viewer))["viewer"]["plan"]["surplusCameras"] == 0


@pytest.mark.parametrize(
    ("query", "tenant_id", "plan", "fault"),
    [
        (CREATE, "acme", {}, ("CONFLICT", "id")),
        (CREATE, "Big Co", {}, ("INVALID_INPUT", "id")),
        (UPDATE, "ghost", {"cameraLimit": 1}, ("NOT_FOUND", None)),
        (UPDATE, "acme", {"cameraLimit": -1}, ("INVALID_INPUT", "cameraLimit")),
        (UPDATE, "acme", {"cameraLimit": None}, ("INVALID_INPUT", "cameraLimit")),
        (UPDATE, "acme", {"features": None}, ("INVALID_INPUT", "features")),
        (UPDATE, "acme", {"retentionDays": 0}, ("INVALID_INPUT", "retentionDays")),
    ],
)
async def test_mistakes_come_as_user_errors_and_nothing_changes(
    world: World, query: str, tenant_id: str, plan: dict[str, Any], fault: tuple[str, str | None]
) -> None:
    before = await known(world)
    done = await changed(world, query, tenant_id, **plan)
    assert done["tenant"] is None
    assert [(each["code"], each["field"]) for each in done["userErrors"]] == [fault]
    assert await known(world) == before


@pytest.mark.parametrize("wrong", [-1, 1.5, "5", True, 1 << 53 | 1])
async def test_bytes_are_a_whole_number(world: World, wrong: object) -> None:
    variables = {"id": "acme", "plan": {"retentionBytes": wrong}}
    answer = await ask(world, UPDATE, variables, PLATFORM)
    assert codes(answer) == ["INVALID_INPUT"]


async def test_tenants_are_listed_in_pages(world: World) -> None:
    query = """query ($after: String) { tenants(first: 1, after: $after) {
      nodes { id createdAt } pageInfo { hasNextPage endCursor } } }"""
    first = (await data(world, query, {"after": None}, PLATFORM))["tenants"]
    assert [each["id"] for each in first["nodes"]] == ["acme"]
    assert first["pageInfo"]["hasNextPage"]
    after = {"after": first["pageInfo"]["endCursor"]}
    second = (await data(world, query, after, PLATFORM))["tenants"]
    assert [each["id"] for each in second["nodes"]] == ["default"]
    assert not second["pageInfo"]["hasNextPage"]


async def test_one_tenant_is_found_by_id_or_not(world: World) -> None:
    query = '{ a: tenant(id: "acme") { id } b: tenant(id: "ghost") { id } }'
    assert await data(world, query, bearer=PLATFORM) == {"a": {"id": "acme"}, "b": None}


@pytest.mark.parametrize("scope", ["tenant:admin", "cameras:write events:read", ""])
async def test_none_of_it_without_the_platforms_scope(world: World, scope: str) -> None:
    before = await known(world)
    bearer = token("acme", scope)
    for query in ("{ tenants { nodes { id } } }", '{ tenant(id: "acme") { id } }'):
        assert codes(await ask(world, query, bearer=bearer)) == ["SCOPE_MISSING"]
    for query in (CREATE, UPDATE):
        variables = {"id": "acme", "plan": {"cameraLimit": 999}}
        assert codes(await ask(world, query, variables, bearer)) == ["SCOPE_MISSING"]
    assert await known(world) == before


async def test_the_platforms_scope_shows_no_rows_of_any_tenant(world: World) -> None:
    await add_camera(world, tenant_id="acme")
    bearer = token("acme", "platform:admin")
    for query in ("{ cameras { nodes { id } } }", "{ events { nodes { id } } }"):
        assert codes(await ask(world, query, bearer=bearer)) == ["SCOPE_MISSING"]
