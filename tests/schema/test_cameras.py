from __future__ import annotations

from dataclasses import replace

import pytest

from media.types import CameraState, ModelStatus, StatusChanged, StreamInfo
from models.camera import Camera
from resolvers import ingest
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from resolvers.context import World
from tests.schema.service import ask, codes, data
from tests.statements import counted
from tests.world import (
    StandingClock,
    add_camera,
    add_events,
    beginning,
    context,
    token,
)

EVERY_FIELD = """
query Camera($id: ID!) {
  camera(id: $id) {
    id name rtspUrl features fps enabled record status statusReason statusSince
    stream { codec width height fps audioCodec } createdAt updatedAt
  }
}
"""
AT = 1_777_558_925_123_000  # 2026-04-30T14:22:05.123Z


async def report(world: World, camera: Camera, state: CameraState, reason: str | None) -> None:
    stream = StreamInfo("h264", 1920, 1080, 25.0, "aac")
    change = StatusChanged(camera.key, state, reason, AT, stream)
    await ingest.record(world, camera.tenant_id, {camera.key: camera.slug}, [change])


async def test_features_that_are_switched_on_say_how_they_are_to_be_had(world: World) -> None:
    finder = ModelStatus("p", "2024-01-02", ("license_plate",), "MIT", True, True, "CPU")
    reader = replace(finder, name="r", installed=False, active=False, task="reads text")
    told = replace(world, models=lambda: (finder, reader))
    for name in ("cam-1", "cam-2"):
        draft = CameraDraft(
            id=name, rtsp_url="rtsp://10.9.8.7/s", name=name, features=["license_plate", "violence"]
        )
        await camera_create(context(told), draft)
    query = "{ cameras { nodes { featureStates { feature available modelVersion reason } } } }"

    found = await data(told, query)

    states = [
        {
            "feature": "LICENSE_PLATE",
            "available": True,
            "modelVersion": "p@2024-01-02",
            "reason": "found but not read: vms models pull r",
        },
        {
            "feature": "VIOLENCE",
            "available": False,
            "modelVersion": None,
            "reason": "unavailable: no model of the catalogue has it",
        },
    ]
    assert found["cameras"]["nodes"] == [{"featureStates": states}] * 2


async def test_states_of_features_of_many_cameras_ask_as_often_as_of_one(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    query = "query Some($n: Int!) { cameras(first: $n) { nodes { featureStates { reason } } } }"
    for name in ("cam-1", "cam-2", "cam-3"):
        draft = CameraDraft(id=name, rtsp_url="rtsp://10.9.8.7/s", name=name, features=["face"])
        await camera_create(context(world), draft)

    await data(world, query, {"n": 1})
    async with counted(caplog) as of_one:
        await data(world, query, {"n": 1})
    async with counted(caplog) as of_many:
        found = await data(world, query, {"n": 3})

    assert len(of_one) == len(of_many)
    assert (
        found["cameras"]["nodes"]
        == [{"featureStates": [{"reason": "unavailable: no worker says what it can detect"}]}] * 3
    )


async def test_a_camera_has_every_field(world: World) -> None:
    standing = replace(world, clock=StandingClock(AT))
    draft = CameraDraft(
        id="cam-1", name="Cổng «A»", rtsp_url="rtsp://u:p@10.9.8.7/s", features=["person"], fps=2.5
    )
    camera = (await camera_create(context(standing), draft)).camera
    await report(world, camera, CameraState.ERROR, "no video stream")
    found = await data(world, EVERY_FIELD, {"id": "cam-1"})
    assert found["camera"] == {
        "id": "cam-1",
        "name": "Cổng «A»",
        "rtspUrl": "rtsp://u:p@10.9.8.7/s",
        "features": ["PERSON"],
        "fps": 2.5,
        "enabled": True,
        "record": True,
        "status": "ERROR",
        "statusReason": "no video stream",
        "statusSince": "2026-04-30T14:22:05.123Z",
        "stream": {
            "codec": "h264",
            "width": 1920,
            "height": 1080,
            "fps": 25.0,
            "audioCodec": "aac",
        },
        "createdAt": "2026-04-30T14:22:05.123Z",
        "updatedAt": "2026-04-30T14:22:05.123Z",
    }


async def test_a_camera_that_never_came_has_no_stream(world: World) -> None:
    await add_camera(world)
    found = await data(world, EVERY_FIELD, {"id": "cam-front-01"})
    assert (found["camera"]["stream"], found["camera"]["status"]) == (None, "DISABLED")


async def test_credentials_show_only_to_who_could_set_them(world: World) -> None:
    await add_camera(world)
    reader = token(scope="cameras:read")
    found = await data(world, EVERY_FIELD, {"id": "cam-front-01"}, reader)
    assert found["camera"]["rtspUrl"] == "rtsp://***@10.9.8.7/stream"


@pytest.mark.parametrize("camera_id", ["cam-acme", "cam-none", "", "\0", "x" * 5000, "../etc"])
async def test_an_absent_camera_and_a_foreign_one_are_the_same_null(
    world: World, camera_id: str
) -> None:
    await add_camera(world, "cam-acme", "acme")
    assert await ask(world, EVERY_FIELD, {"id": camera_id}) == {"data": {"camera": None}}


async def test_two_tenants_with_the_same_id_see_their_own(world: World) -> None:
    await add_camera(world)
    theirs = CameraDraft(id="cam-front-01", name="Theirs", rtsp_url="rtsp://10.0.0.1/t")
    await camera_create(context(world, "acme"), theirs)
    query = '{ camera(id: "cam-front-01") { name } cameras { totalCount nodes { name } } }'
    for bearer, name in ((token(), "Front gate"), (token("acme"), "Theirs")):
        found = await data(world, query, bearer=bearer)
        assert found == {
            "camera": {"name": name},
            "cameras": {"totalCount": 1, "nodes": [{"name": name}]},
        }


@pytest.mark.parametrize(
    "query", ['{ camera(id: "cam-front-01") { id } }', "{ cameras { nodes { id } } }"]
)
async def test_reading_cameras_needs_its_scope(world: World, query: str) -> None:
    await add_camera(world)
    answer = await ask(world, query, bearer=token(scope="events:read"))
    assert codes(answer) == ["SCOPE_MISSING"]
    assert answer["errors"][0]["message"] == "this needs the scope cameras:read"


async def test_cameras_come_in_pages_oldest_first(world: World) -> None:
    for number in range(1, 6):
        await add_camera(world, f"cam-{number}")
    query = """query Page($after: String) { cameras(first: 2, after: $after) {
      totalCount edges { cursor node { id } } nodes { id }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
    seen, after = [], None
    for expected in (2, 2, 1):
        page = (await data(world, query, {"after": after}))["cameras"]
        assert page["totalCount"] == 5
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert len(page["nodes"]) == expected
        assert page["pageInfo"] == {
            "hasNextPage": expected == 2,
            "hasPreviousPage": after is not None,
            "startCursor": page["edges"][0]["cursor"],
            "endCursor": page["edges"][-1]["cursor"],
        }
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == [f"cam-{number}" for number in range(1, 6)]


async def test_an_empty_page_has_no_places(world: World) -> None:
    query = "{ cameras { nodes { id } pageInfo { hasNextPage startCursor endCursor } } }"
    assert await data(world, query) == {
        "cameras": {
            "nodes": [],
            "pageInfo": {"hasNextPage": False, "startCursor": None, "endCursor": None},
        }
    }


async def test_a_cursor_of_another_tenant_is_refused(world: World) -> None:
    await add_camera(world, "cam-acme", "acme")
    query = "query ($after: String) { cameras(after: $after) { edges { cursor } } }"
    theirs = await data(world, query, bearer=token("acme"))
    cursor = theirs["cameras"]["edges"][0]["cursor"]
    assert codes(await ask(world, query, {"after": cursor})) == ["BAD_CURSOR"]


async def test_a_cameras_events_are_its_own_alone(world: World) -> None:
    first, second = await add_camera(world, "cam-1"), await add_camera(world, "cam-2")
    for camera, count in ((first, 3), (second, 2)):
        await add_events(world, camera, [beginning(camera.key, AT + n) for n in range(count)])
    query = """{ camera(id: "cam-1") {
      events(first: 2) { nodes { cameraId } pageInfo { hasNextPage } }
      none: events(filter: { cameraIds: ["cam-2"] }) { nodes { id } }
      same: events(filter: { cameraIds: ["cam-1", "cam-2"] }) { nodes { cameraId } }
    } }"""
    found = (await data(world, query))["camera"]
    assert found == {
        "events": {
            "nodes": [{"cameraId": "cam-1"}, {"cameraId": "cam-1"}],
            "pageInfo": {"hasNextPage": True},
        },
        "none": {"nodes": []},
        "same": {"nodes": [{"cameraId": "cam-1"}] * 3},
    }


async def test_a_cameras_events_are_not_those_of_an_earlier_namesake(world: World) -> None:
    earlier = await add_camera(world)
    await add_events(world, earlier, [beginning(earlier.key, AT)])
    await data(world, 'mutation { cameraDelete(id: "cam-front-01") { deletedId } }')
    await add_camera(world)
    query = """{ camera(id: "cam-front-01") { events { nodes { id } } }
                 events(filter: { cameraIds: ["cam-front-01"] }) { nodes { camera { id } } } }"""
    assert await data(world, query) == {
        "camera": {"events": {"nodes": []}},
        "events": {"nodes": [{"camera": None}]},
    }
