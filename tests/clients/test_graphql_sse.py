from __future__ import annotations

from resolvers import cursors
from resolvers.context import World
from tests.clients.node import outcome, running
from tests.schema.service import served
from tests.world import add_camera, add_events, beginning, token

AT = 1_777_558_925_123_000
SCRIPT = "graphql_sse.mjs"


async def test_operations_in_distinct_connections(world: World) -> None:
    await add_camera(world)
    mutation = 'mutation { cameraDelete(id: "cam-front-01") { deletedId } }'
    async with served(world) as place:
        found = await outcome(
            SCRIPT,
            scenario="operations",
            url=f"http://{place}/graphql",
            token=token(),
            mutation=mutation,
        )
    viewer = {"data": {"viewer": {"tenantId": "default"}}}
    assert found["query"] == {"answers": [viewer], "complete": True}
    assert found["mutation"] == {
        "answers": [{"data": {"cameraDelete": {"deletedId": "cam-front-01"}}}],
        "complete": True,
    }
    [wrong] = found["wrong"]["answers"]
    assert (wrong["errors"][0]["extensions"], "data" in wrong, found["wrong"]["complete"]) == (
        {"code": "GRAPHQL_VALIDATION_FAILED"},
        False,
        True,
    )
    assert found["refused"] == {"answers": [], "status": 401}
    # A reservation (PUT) of the "single connection mode" is refused: see docs/graphql.md.
    assert found["single"] == {"answers": [], "status": 405}


async def test_a_follower_goes_on_with_the_next_token(world: World) -> None:
    camera = await add_camera(world)
    async with (
        served(world) as place,
        running(
            SCRIPT,
            scenario="follow",
            url=f"http://{place}/graphql",
            tokens=[token(ttl_seconds=3), token()],
            after=cursors.encode_log("default", 0),
        ) as client,
    ):
        for name in ("evt-1", "evt-2"):
            await add_events(world, camera, [beginning(camera.key, AT, event_id=name)])
            assert (await client.hear())["events"]["event"] == {"id": name}
        assert await client.hear() == {"codes": ["TOKEN_EXPIRED"]}
        assert await client.hear() == {"complete": True}
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-3")])
        assert (await client.hear())["events"]["event"] == {"id": "evt-3"}
