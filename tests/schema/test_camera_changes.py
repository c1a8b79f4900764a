from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from media.types import MediaError, ProbeReport, StreamInfo
from models.camera import Camera
from resolvers import tenants
from resolvers.access import Scope
from resolvers.cameras import cameras
from resolvers.context import World
from tests.schema.service import ask, codes, data
from tests.world import add_camera, context, token

CREATE = """mutation Create($input: CameraCreateInput!) { cameraCreate(input: $input) {
  camera { id name rtspUrl features fps enabled record status }
  filteredFeatures userErrors { code field message } } }"""
UPDATE = """mutation Update($id: ID!, $input: CameraUpdateInput!) {
  cameraUpdate(id: $id, input: $input) {
    camera { id name rtspUrl features fps enabled record status }
    filteredFeatures userErrors { code field message } } }"""
DELETE = """mutation Delete($id: ID!) { cameraDelete(id: $id) {
  deletedId userErrors { code field message } } }"""
PROBE = """mutation Probe($url: String!) { cameraProbe(rtspUrl: $url) {
  probe { stream { codec width height fps audioCodec } gopSeconds hasBFrames clockSkewSeconds
    warnings picture }
  userErrors { code field message } } }"""
LOBBY = {"name": "Lobby", "rtspUrl": "rtsp://u:p@10.1.2.3/s"}


async def all_of(world: World, tenant_id: str = "default") -> Sequence[Camera]:
    return await cameras(context(world, tenant_id))


async def platform(world: World, features: list[str], limit: int = 16) -> None:
    admin = context(world, "", Scope.PLATFORM_ADMIN)
    plan = tenants.PlanChanges(camera_limit=limit, features=features)
    await tenants.tenant_update(admin, "default", plan)


async def test_a_camera_is_created_with_defaults(world: World) -> None:
    found = await data(world, CREATE, {"input": LOBBY})
    assert found["cameraCreate"] == {
        "camera": {
            "id": "cam-lobby",
            "name": "Lobby",
            "rtspUrl": "rtsp://u:p@10.1.2.3/s",
            "features": [],
            "fps": 5.0,
            "enabled": True,
            "record": True,
            "status": "CONNECTING",
        },
        "filteredFeatures": [],
        "userErrors": [],
    }
    assert [camera.slug for camera in await all_of(world)] == ["cam-lobby"]


async def test_features_beyond_the_plan_are_filtered_and_told(world: World) -> None:
    await platform(world, ["person"])
    given = {**LOBBY, "id": "cam-x", "features": ["VIOLENCE", "PERSON", "FACE"]}
    created = (await data(world, CREATE, {"input": given}))["cameraCreate"]
    assert (created["camera"]["features"], created["filteredFeatures"]) == (
        ["PERSON"],
        ["VIOLENCE", "FACE"],
    )
    change = {"id": "cam-x", "input": {"features": ["FACE"]}}
    updated = (await data(world, UPDATE, change))["cameraUpdate"]
    assert (updated["camera"]["features"], updated["filteredFeatures"]) == ([], ["FACE"])


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"name": " "}, ["name"]),
        ({"rtspUrl": "http://10.0.0.1/"}, ["rtspUrl"]),
        ({"rtspUrl": "rtsp://169.254.169.254/"}, ["rtspUrl"]),
        ({"detectionUrl": "http://10.0.0.1/"}, ["detectionUrl"]),
        ({"detectionUrl": "rtsp://169.254.169.254/"}, ["detectionUrl"]),
        ({"id": "Cam_1"}, ["id"]),
        ({"fps": 0.1}, ["fps"]),
        ({"name": "", "fps": 31, "rtspUrl": "file:///etc/passwd"}, ["fps", "name", "rtspUrl"]),
    ],
)
async def test_wrong_fields_come_back_as_user_errors_in_graphqls_spelling(
    world: World, wrong: dict[str, object], fields: list[str]
) -> None:
    found = (await data(world, CREATE, {"input": {**LOBBY, **wrong}}))["cameraCreate"]
    assert found["camera"] is None
    assert sorted(each["field"] for each in found["userErrors"]) == fields
    assert {each["code"] for each in found["userErrors"]} == {"INVALID_INPUT"}
    assert await all_of(world) == []


async def test_a_taken_id_is_a_conflict(world: World) -> None:
    await add_camera(world, "cam-1")
    found = await data(world, CREATE, {"input": {**LOBBY, "id": "cam-1"}})
    assert found["cameraCreate"]["userErrors"] == [
        {"code": "CONFLICT", "field": "id", "message": "'cam-1' is taken"}
    ]
    assert [camera.name for camera in await all_of(world)] == ["Front gate"]


async def test_the_camera_limit_is_a_user_error_without_a_field(world: World) -> None:
    await platform(world, [], limit=1)
    await add_camera(world)
    found = await data(world, CREATE, {"input": LOBBY})
    assert found["cameraCreate"]["userErrors"] == [
        {
            "code": "CAMERA_LIMIT_REACHED",
            "field": None,
            "message": "the plan allows 1 cameras and there are 1",
        }
    ]
    assert len(await all_of(world)) == 1


async def test_an_update_changes_what_is_given_and_nothing_else(world: World) -> None:
    await add_camera(world)
    [before] = await all_of(world)
    change = {"id": "cam-front-01", "input": {"name": "Back gate", "fps": 1.5}}
    found = (await data(world, UPDATE, change))["cameraUpdate"]
    assert found["camera"] == {
        "id": "cam-front-01",
        "name": "Back gate",
        "rtspUrl": "rtsp://user:secret@10.9.8.7/stream",
        "features": [],
        "fps": 1.5,
        "enabled": False,
        "record": True,
        "status": "DISABLED",
    }
    [after] = await all_of(world)
    assert (after.key, after.rtsp_url_sealed) == (before.key, before.rtsp_url_sealed)


@pytest.mark.parametrize("field", ["name", "rtspUrl", "features", "fps", "enabled", "record"])
async def test_an_explicit_null_is_a_user_error(world: World, field: str) -> None:
    await add_camera(world)
    before = await all_of(world)
    change = {"id": "cam-front-01", "input": {field: None}}
    found = (await data(world, UPDATE, change))["cameraUpdate"]
    assert found["userErrors"] == [
        {"code": "INVALID_INPUT", "field": field, "message": "must not be null"}
    ]
    assert await all_of(world) == before


async def test_an_empty_update_is_fine(world: World) -> None:
    await add_camera(world)
    found = await data(world, UPDATE, {"id": "cam-front-01", "input": {}})
    assert found["cameraUpdate"]["userErrors"] == []


async def test_a_deleted_camera_is_gone(world: World) -> None:
    await add_camera(world)
    found = await data(world, DELETE, {"id": "cam-front-01"})
    assert found["cameraDelete"] == {"deletedId": "cam-front-01", "userErrors": []}
    assert await all_of(world) == []


@pytest.mark.parametrize(
    ("field", "mutation"), [("cameraUpdate", UPDATE), ("cameraDelete", DELETE)]
)
async def test_changing_an_absent_camera_and_a_foreign_one_fail_alike(
    world: World, field: str, mutation: str
) -> None:
    await add_camera(world, "cam-acme", "acme")
    before = await all_of(world, "acme")
    told = []
    for camera_id in ("cam-acme", "cam-none"):
        variables: dict[str, Any] = {"id": camera_id}
        if field == "cameraUpdate":
            variables["input"] = {"name": "mine"}
        [mistake] = (await data(world, mutation, variables))[field]["userErrors"]
        assert (mistake["code"], mistake["field"]) == ("NOT_FOUND", None)
        told.append(mistake["message"].replace(camera_id, "…"))
    assert told[0] == told[1]
    assert await all_of(world, "acme") == before


@pytest.mark.parametrize(
    ("mutation", "variables"),
    [
        (CREATE, {"input": LOBBY}),
        (UPDATE, {"id": "cam-front-01", "input": {"name": "x"}}),
        (DELETE, {"id": "cam-front-01"}),
        (PROBE, {"url": "rtsp://10.1.2.3/s"}),
    ],
)
async def test_changes_need_their_scope_and_leave_all_as_it_was(
    world: World, mutation: str, variables: dict[str, object]
) -> None:
    await add_camera(world)
    before = await all_of(world)
    reader = token(scope="cameras:read events:read")
    answer = await ask(world, mutation, variables, reader)
    assert (answer["data"], codes(answer)) == (None, ["SCOPE_MISSING"])
    assert await all_of(world) == before


@pytest.mark.parametrize(("skew_us", "seconds"), [(-3_600_123_456, -3600.123), (None, None)])
async def test_a_probe_tells_what_is_there(
    world: World, skew_us: int | None, seconds: float | None
) -> None:
    async def probe(_: str) -> ProbeReport:
        stream = StreamInfo("hevc", 2560, 1440, 20.0, None)
        return ProbeReport(stream, 2.0, True, ("no live view: H.265",), b"\xff\xd8jpeg", skew_us)

    found = await data(replace(world, probe=probe), PROBE, {"url": "rtsp://10.1.2.3/s"})
    assert found["cameraProbe"] == {
        "probe": {
            "stream": {
                "codec": "hevc",
                "width": 2560,
                "height": 1440,
                "fps": 20.0,
                "audioCodec": None,
            },
            "gopSeconds": 2.0,
            "hasBFrames": True,
            "clockSkewSeconds": seconds,
            "warnings": ["no live view: H.265"],
            "picture": "data:image/jpeg;base64,/9hqcGVn",
        },
        "userErrors": [],
    }


async def test_a_probe_that_finds_nothing_is_a_user_error(world: World) -> None:
    async def probe(_: str) -> ProbeReport:
        raise MediaError("nothing answers at rtsp://***@10.1.2.3/s")

    found = await data(replace(world, probe=probe), PROBE, {"url": "rtsp://u:p@10.1.2.3/s"})
    assert found["cameraProbe"] == {
        "probe": None,
        "userErrors": [
            {
                "code": "INVALID_INPUT",
                "field": "rtspUrl",
                "message": "nothing answers at rtsp://***@10.1.2.3/s",
            }
        ],
    }


async def test_a_probe_without_a_media_worker_is_unavailable(world: World) -> None:
    answer = await ask(world, PROBE, {"url": "rtsp://10.1.2.3/s"})
    assert codes(answer) == ["UNAVAILABLE"]


async def test_a_wrong_input_does_not_echo_the_cameras_password(world: World) -> None:
    wrong = dict.fromkeys(("rtspUrl", "detectionUrl"), "rtsp://admin:hunter2@10.1.2.3/s")
    answer = await ask(world, CREATE, {"input": wrong})
    assert codes(answer) == ["INVALID_INPUT"]
    assert "hunter2" not in str(answer)


async def test_a_cameras_own_retention_is_set_and_freed(world: World) -> None:
    fields = "camera { retentionDays retentionBytes } userErrors { field }"
    create = f"mutation ($i: CameraCreateInput!) {{ done: cameraCreate(input: $i) {{ {fields} }} }}"
    made = await data(world, create, {"i": {**LOBBY, "retentionDays": 7}})
    assert made["done"]["camera"] == {"retentionDays": 7, "retentionBytes": None}
    update = (
        "mutation ($i: CameraUpdateInput!) "
        f'{{ done: cameraUpdate(id: "cam-lobby", input: $i) {{ {fields} }} }}'
    )
    for given, then in (
        ({"retentionBytes": 10**12}, {"retentionDays": 7, "retentionBytes": 10**12}),
        ({"retentionDays": None}, {"retentionDays": None, "retentionBytes": 10**12}),
        ({"name": "Hall"}, {"retentionDays": None, "retentionBytes": 10**12}),
    ):
        assert (await data(world, update, {"i": given}))["done"]["camera"] == then
    wrong = await data(world, update, {"i": {"retentionDays": 0, "retentionBytes": 0}})
    named = [each["field"] for each in wrong["done"]["userErrors"]]
    assert named == ["retentionDays", "retentionBytes"]
    assert (await all_of(world))[0].retention_bytes == 10**12


async def test_a_substream_is_set_shown_and_taken_away(world: World) -> None:
    url = "rtsp://u:hunter2@10.1.2.3/sub"
    fields = "camera { detectionUrl } userErrors { field }"
    create = f"mutation ($i: CameraCreateInput!) {{ done: cameraCreate(input: $i) {{ {fields} }} }}"
    update = (
        "mutation ($i: CameraUpdateInput!) "
        f'{{ done: cameraUpdate(id: "cam-lobby", input: $i) {{ {fields} }} }}'
    )
    made = await data(world, create, {"i": {**LOBBY, "detectionUrl": url}})
    assert made["done"] == {"camera": {"detectionUrl": url}, "userErrors": []}
    reader, shown = token(scope="cameras:read"), '{ camera(id: "cam-lobby") { detectionUrl } }'
    answer = await ask(world, shown, {}, reader)
    assert answer["data"]["camera"] == {"detectionUrl": "rtsp://***@10.1.2.3/sub"}
    for given, then in (({"name": "Hall"}, url), ({"detectionUrl": None}, None)):
        changed = await data(world, update, {"i": given})
        assert changed["done"]["camera"] == {"detectionUrl": then}
