from __future__ import annotations

from typing import Any

import pytest

from media.types import CameraState
from models.camera import CameraTable
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from resolvers.context import World
from tests.schema.service import ask, codes, data
from tests.world import context, token

QUERY = """query ($filter: CameraFilter, $first: Int! = 50, $after: String) {
  cameras(filter: $filter, first: $first, after: $after) {
    totalCount nodes { id } pageInfo { hasNextPage endCursor } } }"""


@pytest.fixture
async def cameras(world: World) -> World:
    """Three of this tenant, and one of another that every filter here would let pass."""
    drafts = [
        CameraDraft("Haupt-Straße", "rtsp://10.0.0.1/1", "cam-1", ["person"], enabled=False),
        CameraDraft("Lobby", "rtsp://10.0.0.1/2", "cam-2", ["person", "face"], record=False),
        CameraDraft("lobby, back", "rtsp://10.0.0.1/3", "cam-3"),
    ]
    for draft in drafts:
        await camera_create(context(world), draft)
    await camera_create(context(world, "acme"), drafts[1])
    await CameraTable.within("default").filter(slug="cam-3").update(status=CameraState.ONLINE.value)
    return world


async def shown(world: World, filter: object, bearer: str | None = None) -> list[str]:
    page = (await data(world, QUERY, {"filter": filter}, bearer))["cameras"]
    found = [node["id"] for node in page["nodes"]]
    assert page["totalCount"] == len(found)
    return found


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (None, ["cam-1", "cam-2", "cam-3"]),
        ({}, ["cam-1", "cam-2", "cam-3"]),
        ({"ids": None}, ["cam-1", "cam-2", "cam-3"]),
        ({"ids": ["cam-3", "cam-1", "nobody"]}, ["cam-1", "cam-3"]),
        ({"ids": []}, []),
        ({"statuses": ["ONLINE", "DISABLED"]}, ["cam-1", "cam-3"]),
        ({"enabled": True}, ["cam-2", "cam-3"]),
        ({"enabled": False}, ["cam-1"]),
        ({"record": False}, ["cam-2"]),
        ({"features": ["FACE", "VEHICLE"]}, ["cam-2"]),
        ({"nameContains": "LOBBY"}, ["cam-2", "cam-3"]),
        ({"nameContains": "STRASSE"}, ["cam-1"]),
        ({"nameContains": "lobby", "record": True}, ["cam-3"]),
    ],
)
async def test_cameras_are_those_of_which_all_holds(
    cameras: World, filter: object, expected: list[str]
) -> None:
    assert await shown(cameras, filter) == expected


async def test_another_tenant_filters_its_own_alone(cameras: World) -> None:
    assert await shown(cameras, {"ids": ["cam-1", "cam-2"]}, token("acme")) == ["cam-2"]


async def test_pages_of_a_filter_follow_each_other(cameras: World) -> None:
    wanted: dict[str, Any] = {"filter": {"nameContains": "lobby"}, "first": 1}
    first = (await data(cameras, QUERY, wanted))["cameras"]
    assert (first["totalCount"], first["nodes"]) == (2, [{"id": "cam-2"}])
    assert first["pageInfo"]["hasNextPage"]
    wanted["after"] = first["pageInfo"]["endCursor"]
    second = (await data(cameras, QUERY, wanted))["cameras"]
    assert (second["totalCount"], second["nodes"]) == (2, [{"id": "cam-3"}])
    assert not second["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        ({"nameContains": ""}, "nameContains"),
        ({"nameContains": "x" * 201}, "nameContains"),
        ({"ids": [f"cam-{n}" for n in range(201)]}, "ids"),
    ],
)
async def test_a_filter_beyond_its_bounds_is_named(
    cameras: World, filter: object, field: str
) -> None:
    answer = await ask(cameras, QUERY, {"filter": filter})
    assert codes(answer) == ["INVALID_INPUT"]
    assert [each["field"] for each in answer["errors"][0]["extensions"]["fields"]] == [field]
