from __future__ import annotations

import pytest

from resolvers import cursors
from resolvers.context import World
from tests.clients.node import outcome, running
from tests.schema.service import served
from tests.world import add_camera, add_events, beginning, token

AT = 1_777_558_925_123_000
SCRIPT = "graphql_ws.mjs"
START = cursors.encode_log("default", 0)


async def test_many_operations_share_one_socket(world: World) -> None:
    await add_camera(world)
    mutation = 'mutation { cameraDelete(id: "cam-front-01") { deletedId } }'
    async with served(world) as place:
        found = await outcome(
            SCRIPT,
            scenario="operations",
            url=f"ws://{place}/graphql",
            token=token(),
            mutation=mutation,
        )
    viewer = {"answers": [{"data": {"viewer": {"tenantId": "default"}}}]}
    assert found["several"] == [viewer] * 90
    assert found["mutation"]["answers"] == [
        {"data": {"cameraDelete": {"deletedId": "cam-front-01"}}}
    ]
    assert found["wrong"]["answers"] == []
    assert found["wrong"]["error"][0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}
    [partial] = found["partial"]["answers"]
    assert partial["data"] is None
    assert partial["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    assert found["sockets"] == 1


async def test_a_follower_goes_on_after_its_socket_broke(world: World) -> None:
    camera = await add_camera(world)
    async with (
        served(world) as place,
        running(
            SCRIPT, scenario="follow", url=f"ws://{place}/graphql", token=token(), after=START
        ) as client,
    ):
        for number in range(6):
            await add_events(world, camera, [beginning(camera.key, AT, event_id=f"evt-{number}")])
            told = await client.hear()
            assert (told["event"], told["sockets"]) == ({"id": f"evt-{number}"}, number // 2 + 1)
            if number % 2:
                await client.tell("break")


async def test_its_pings_are_answered(world: World) -> None:
    async with served(world) as place:
        found = await outcome(
            SCRIPT, scenario="keepalive", url=f"ws://{place}/graphql", token=token()
        )
    assert found == {"pongs": 3}


async def test_a_ping_of_its_own_renews_the_token(world: World) -> None:
    camera = await add_camera(world)
    async with (
        served(world) as place,
        running(
            SCRIPT,
            scenario="renew",
            url=f"ws://{place}/graphql",
            token=token(ttl_seconds=60),
            renewed=token(ttl_seconds=600),
            after=START,
        ) as client,
    ):
        renewed = await client.hear()
        assert renewed["received"]
        assert renewed["payload"]["expiresAt"].endswith("Z")
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
        assert (await client.hear())["event"] == {"id": "evt-1"}


async def test_a_follower_subscribes_again_when_its_token_was_over(world: World) -> None:
    camera = await add_camera(world)
    async with (
        served(world) as place,
        running(
            SCRIPT,
            scenario="expire",
            url=f"ws://{place}/graphql",
            tokens=[token(ttl_seconds=3), token()],
            after=START,
        ) as client,
    ):
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
        assert (await client.hear())["event"] == {"id": "evt-1"}
        assert await client.hear() == {"code": 4401, "reason": "Token expired"}
        await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-2")])
        assert (await client.hear())["event"] == {"id": "evt-2"}


@pytest.mark.parametrize(
    ("bearer", "code"), [("x", 4403), (token(ttl_seconds=-60), 4401)], ids=["bad", "over"]
)
async def test_it_is_told_why_it_was_closed(world: World, bearer: str, code: int) -> None:
    async with served(world) as place:
        found = await outcome(SCRIPT, scenario="refused", url=f"ws://{place}/graphql", token=bearer)
    assert (found["answers"], found["error"]["code"]) == ([], code)
