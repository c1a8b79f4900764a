from __future__ import annotations

from typing import Any

import pytest

from resolvers import cursors
from resolvers.cameras import camera as camera_of
from resolvers.context import World
from schema import streams
from tests.clients.node import outcome, running
from tests.schema.service import served
from tests.world import add_camera, add_events, beginning, context, token

AT = 1_777_558_925_123_000
SCRIPT = "apollo.mjs"


async def played(world: World, scenario: str, **given: object) -> Any:
    async with served(world) as place:
        url = f"http://{place}/graphql"
        return await outcome(SCRIPT, scenario=scenario, url=url, token=token(), **given)


async def test_a_query_goes_by_its_hash_once_its_text_is_known(world: World) -> None:
    found = await played(world, "persisted")
    assert found["first"]["viewer"]["tenantId"] == "default"
    assert found["again"] == found["first"]
    hash_only = {"method": "GET", "query": False}
    asked = [{"method": each["method"], "query": each["query"]} for each in found["requests"]]
    assert asked == [hash_only, {"method": "POST", "query": True}, hash_only]
    assert found["requests"][1]["status"] == found["requests"][2]["status"] == 200


async def test_a_mutation_brings_its_cache_up_to_date(world: World) -> None:
    camera = await add_camera(world)
    found = await played(world, "mutation", camera=camera.slug)
    renamed = {"__typename": "Camera", "id": "cam-front-01", "name": "Back door"}
    assert (found["renamed"]["camera"], found["cached"]) == (renamed, renamed)
    assert (await camera_of(context(world), camera.slug)).name == "Back door"


async def test_it_reads_errors_with_their_codes(world: World) -> None:
    found = await played(world, "wrong")
    name = "CombinedGraphQLErrors"
    assert found["invalid"] == {"name": name, "codes": ["GRAPHQL_VALIDATION_FAILED"]}
    assert found["partial"] == {"name": name, "codes": ["INVALID_INPUT"]}


@pytest.mark.parametrize("scenario", ["socket", "multipart"])
async def test_events_over(world: World, scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
    camera = await add_camera(world)
    async with (
        served(world) as place,
        running(
            SCRIPT,
            scenario=scenario,
            url=f"http://{place}/graphql",
            token=token(),
            after=cursors.encode_log("default", 0),
        ) as client,
    ):
        for name in ("evt-1", "evt-2"):
            await add_events(world, camera, [beginning(camera.key, AT, event_id=name)])
            told = await client.hear()
            assert told["events"]["event"] == {
                "__typename": "Event",
                "id": name,
                "typeName": "person",
            }


@pytest.mark.parametrize("scenario", ["socket", "multipart"])
async def test_the_end_of_a_token_is_told(world: World, scenario: str) -> None:
    async with (
        served(world) as place,
        running(
            SCRIPT, scenario=scenario, url=f"http://{place}/graphql", token=token(ttl_seconds=3)
        ) as client,
    ):
        told = await client.hear()
    said = {"socket": "Socket closed with event 4401 Token expired", "multipart": "expired"}
    assert said[scenario] in told["error"], told
