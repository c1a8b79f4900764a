"""What was removed, over GraphQL."""

from __future__ import annotations

import pytest

from resolvers.context import World
from resolvers.retention import keep_to_plans
from tests.resolvers.keeping import DAY, NOON, at, record
from tests.resolvers.test_retention import plan
from tests.schema.service import ask, codes, data
from tests.schema.test_evidence import token_of
from tests.statements import counted
from tests.world import add_camera, token

LIST = """query ($first: Int!, $after: String) { removals(first: $first, after: $after) {
  nodes { cause cameraId camera { id } removedBy from to sizeBytes segments events beganAt lastAt }
  pageInfo { hasNextPage endCursor } } }"""


async def test_who_what_why_when_and_how_much(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0])
    await plan(world, retention_days=1)
    await keep_to_plans(at(world, NOON + 9 * DAY))
    await add_camera(world, "cam-2")
    await data(world, 'mutation { cameraDelete(id: "cam-2") { deletedId } }', None, token_of("eva"))
    page = (await data(world, LIST, {"first": 1}))["removals"]
    [by_hand] = page["nodes"]
    assert (by_hand["cause"], by_hand["cameraId"], by_hand["camera"]) == ("CAMERA", "cam-2", None)
    assert (by_hand["removedBy"], by_hand["from"], by_hand["sizeBytes"]) == ("eva", None, 0)
    assert page["pageInfo"]["hasNextPage"]
    after = page["pageInfo"]["endCursor"]
    [by_itself] = (await data(world, LIST, {"first": 9, "after": after}))["removals"]["nodes"]
    assert by_itself == {
        "cause": "AGE",
        "cameraId": "cam-front-01",
        "camera": {"id": "cam-front-01"},
        "removedBy": None,
        "from": "2026-05-29T12:00:00.000Z",
        "to": "2026-05-29T12:00:16.000Z",
        "sizeBytes": 4000,
        "segments": 4,
        "events": 0,
        "beganAt": "2026-06-07T12:00:00.000Z",
        "lastAt": "2026-06-07T12:00:00.000Z",
    }


async def test_many_take_as_many_statements_as_one(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        await record(world, await add_camera(world, f"cam-{number}"), [0])
    await plan(world, retention_days=1)
    await keep_to_plans(at(world, NOON + 9 * DAY))
    await data(world, LIST, {"first": 1})  # the cameras are known from then on
    async with counted(caplog) as one:
        await data(world, LIST, {"first": 1})
    async with counted(caplog) as many:
        assert len((await data(world, LIST, {"first": 9}))["removals"]["nodes"]) == 4
    assert len(one) == len(many)


async def test_it_is_for_the_tenants_administrator(world: World) -> None:
    refused = await ask(world, LIST, {"first": 1}, token(scope="playback:read cameras:write"))
    assert codes(refused) == ["SCOPE_MISSING"]
