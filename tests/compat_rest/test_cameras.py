from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import httpx
import pytest

from resolvers import tenants
from resolvers.access import Scope
from resolvers.cameras import camera, cameras, shown_detection_url
from resolvers.context import World
from tests.compat_rest.service import PROBLEM, client_for, client_of
from tests.world import StandingClock, add_camera, context

CAMERAS = "/v2/api/cameras"
LOBBY = {"name": "Lobby", "rtsp_url": "rtsp://admin:s3cret@10.0.0.7/stream"}
AT = 1_777_543_200_123_456  # 2026-04-30T10:00:00.123456Z


def named(answer: httpx.Response) -> list[str]:
    """The fields that a 422 names, having checked that it is a problem."""
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM), answer.text
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (422, "INVALID_INPUT")
    assert all(each["message"] for each in problem["errors"])
    return sorted(each["field"] for each in problem["errors"])


async def test_a_camera_has_the_references_fields_in_its_order(world: World) -> None:
    then = replace(world, clock=StandingClock(AT))
    async with client_of(then) as client:
        await client.post(
            CAMERAS,
            json={**LOBBY, "id": "cam-front-01", "features": ["person", "vehicle"], "fps": 5},
        )
        listed = await client.get(CAMERAS)
    assert listed.headers["content-type"] == "application/json"
    assert listed.headers["cache-control"] == "no-store"
    assert listed.text == (
        '[{"id":"cam-front-01","tenant_id":"default","name":"Lobby",'
        '"rtsp_url":"rtsp://admin:s3cret@10.0.0.7/stream","features":["person","vehicle"],'
        '"fps":5,"enabled":true,"record":true,"status":"connecting",'
        '"created_at":"2026-04-30T10:00:00Z","updated_at":"2026-04-30T10:00:00Z"}]'
    )


async def test_a_new_camera_has_an_address_and_defaults(world: World) -> None:
    async with client_of(world) as client:
        answer = await client.post(CAMERAS, json=LOBBY)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/v2/api/cameras/cam-lobby"
    assert "x-filtered-features" not in answer.headers
    shown = answer.json()
    assert (shown["features"], shown["fps"], shown["enabled"], shown["record"]) == (
        [],
        5,
        True,
        True,
    )


async def test_the_references_quickstart_works_as_written(world: World) -> None:
    body = '{"name":"Lobby","rtsp_url":"rtsp://...","features":["person"]}'
    async with client_of(world) as client:
        answer = await client.post(
            CAMERAS, content=body, headers={"content-type": "application/json"}
        )
    assert (answer.status_code, answer.json()["features"]) == (201, ["person"])


async def test_curls_default_content_type_is_read_as_json(world: World) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with client_of(world) as client:
        answer = await client.post(
            CAMERAS, content='{"name":"Lobby","rtsp_url":"rtsp://10.0.0.7/s"}', headers=form
        )
    assert answer.status_code == 201


async def test_cameras_come_oldest_first(world: World) -> None:
    for second, slug in enumerate(["cam-c", "cam-a", "cam-b"]):
        later = replace(world, clock=StandingClock(AT + second * 1_000_000))
        await add_camera(later, slug)
    async with client_of(world) as client:
        listed = (await client.get(CAMERAS)).json()
    assert [each["id"] for each in listed] == ["cam-c", "cam-a", "cam-b"]


async def test_only_who_may_write_sees_credentials(world: World) -> None:
    await add_camera(world)
    async with client_for(world, "default", Scope.CAMERAS_READ) as client:
        (shown,) = (await client.get(CAMERAS)).json()
    assert shown["rtsp_url"] == "rtsp://***@10.9.8.7/stream"
    async with client_for(world, "default", Scope.CAMERAS_READ, Scope.CAMERAS_WRITE) as client:
        (shown,) = (await client.get(CAMERAS)).json()
    assert shown["rtsp_url"] == "rtsp://user:secret@10.9.8.7/stream"


async def test_features_outside_the_plan_are_left_out_and_named(world: World) -> None:
    platform = context(world, "", Scope.PLATFORM_ADMIN)
    await tenants.tenant_update(platform, "default", tenants.PlanChanges(features=["person"]))
    wanted = ["vehicle", "person", "x\r\nSet-Cookie: a=b", "é, ü"]
    async with client_of(world) as client:
        made = await client.post(CAMERAS, json={**LOBBY, "features": wanted})
        changed = await client.patch(f"{CAMERAS}/cam-lobby", json={"features": ["face"]})
        untouched = await client.patch(f"{CAMERAS}/cam-lobby", json={"fps": 2})
    assert (made.status_code, made.json()["features"]) == (201, ["person"])
    filtered = "vehicle, x%0D%0ASet-Cookie%3A%20a%3Db, %C3%A9%2C%20%C3%BC"
    assert made.headers["x-filtered-features"] == filtered
    assert (changed.json()["features"], changed.headers["x-filtered-features"]) == ([], "face")
    assert "x-filtered-features" not in untouched.headers


async def test_a_patch_changes_what_it_names_and_nothing_else(world: World) -> None:
    then = replace(world, clock=StandingClock(AT))
    await add_camera(then)
    later = replace(world, clock=StandingClock(AT + 60_000_000))
    async with client_of(later) as client:
        before = (await client.get(CAMERAS)).json()[0]
        answer = await client.patch(f"{CAMERAS}/cam-front-01", json={"fps": 2.5, "record": False})
    assert answer.status_code == 200
    assert answer.json() == {
        **before,
        "fps": 2.5,
        "record": False,
        "updated_at": "2026-04-30T10:01:00Z",
    }


async def test_a_deleted_camera_is_gone(world: World) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        gone = await client.delete(f"{CAMERAS}/cam-front-01")
        again = await client.delete(f"{CAMERAS}/cam-front-01")
        left = (await client.get(CAMERAS)).json()
    assert (gone.status_code, gone.content, left) == (204, b"", [])
    assert (again.status_code, again.json()["code"]) == (404, "NOT_FOUND")


async def test_an_id_that_is_taken_is_a_conflict(world: World) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        answer = await client.post(CAMERAS, json={**LOBBY, "id": "cam-front-01"})
    assert (answer.status_code, answer.headers["content-type"]) == (409, PROBLEM)
    problem = answer.json()
    assert (problem["code"], problem["errors"][0]["field"]) == ("CONFLICT", "id")
    assert (await camera(context(world), "cam-front-01")).name == "Front gate"


async def test_a_full_plan_says_its_limit_and_its_count(world: World) -> None:
    platform = context(world, "", Scope.PLATFORM_ADMIN)
    await tenants.tenant_update(platform, "default", tenants.PlanChanges(camera_limit=1))
    async with client_of(world) as client:
        first = await client.post(CAMERAS, json=LOBBY)
        second = await client.post(CAMERAS, json=LOBBY)
    assert (first.status_code, second.status_code) == (201, 403)
    assert second.headers["content-type"] == PROBLEM
    problem = second.json()
    assert (problem["code"], problem["limit"], problem["count"]) == ("CAMERA_LIMIT_REACHED", 1, 1)
    assert len(await cameras(context(world))) == 1


async def test_parallel_creates_leave_exactly_the_limit(world: World) -> None:
    async with client_for(world, "acme") as client:
        answers = await asyncio.gather(*(client.post(CAMERAS, json=LOBBY) for _ in range(30)))
        listed = (await client.get(CAMERAS)).json()
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(403), len(listed)) == (10, 20, 10)
    assert len({each["id"] for each in listed}) == 10


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["name", "rtsp_url"]),
        ({"name": "Lobby"}, ["rtsp_url"]),
        ({**LOBBY, "name": 5}, ["name"]),
        ({**LOBBY, "name": None}, ["name"]),
        ({**LOBBY, "name": ""}, ["name"]),
        ({**LOBBY, "name": "a\u0000b"}, ["name"]),
        ({**LOBBY, "name": "x" * 201}, ["name"]),
        ({**LOBBY, "id": None}, ["id"]),
        ({**LOBBY, "id": "Cam 1"}, ["id"]),
        ({**LOBBY, "id": "../x"}, ["id"]),
        ({**LOBBY, "fps": "5"}, ["fps"]),
        ({**LOBBY, "fps": True}, ["fps"]),
        ({**LOBBY, "fps": 0}, ["fps"]),
        ({**LOBBY, "fps": 31}, ["fps"]),
        ({**LOBBY, "enabled": 1}, ["enabled"]),
        ({**LOBBY, "enabled": "true"}, ["enabled"]),
        ({**LOBBY, "record": None}, ["record"]),
        ({**LOBBY, "features": "person"}, ["features"]),
        ({**LOBBY, "features": [1]}, ["features"]),
        ({**LOBBY, "features": ["x"] * 65}, ["features"]),
        ({**LOBBY, "colour": "red"}, ["colour"]),
        ({**LOBBY, "status": "online"}, ["status"]),
        ({**LOBBY, "tenant_id": "acme"}, ["tenant_id"]),
        ({**LOBBY, "created_at": "2026-04-30T10:00:00Z"}, ["created_at"]),
        ({**LOBBY, "updated_at": None}, ["updated_at"]),
        ({**LOBBY, "rtsp_url": "file:///etc/passwd"}, ["rtsp_url"]),
        ({**LOBBY, "rtsp_url": "concat:rtsp://a"}, ["rtsp_url"]),
        ({**LOBBY, "rtsp_url": "http://10.0.0.7/"}, ["rtsp_url"]),
        ({**LOBBY, "rtsp_url": "rtsp://169.254.169.254/"}, ["rtsp_url"]),
        ({**LOBBY, "rtsp_url": "rtsp://10.0.0.7/a\nb"}, ["rtsp_url"]),
        ({**LOBBY, "detection_url": "file:///etc/passwd"}, ["detection_url"]),
        ({**LOBBY, "detection_url": "rtsp://169.254.169.254/"}, ["detection_url"]),
        ({**LOBBY, "detection_url": 5}, ["detection_url"]),
        (
            {"name": "", "fps": "5", "rtsp_url": "x", "id": "-", "tenant_id": "a", "colour": 1},
            ["colour", "fps", "id", "name", "rtsp_url", "tenant_id"],
        ),
    ],
)
async def test_wrong_fields_of_a_new_camera_are_all_named(
    world: World, body: dict[str, object], fields: list[str]
) -> None:
    async with client_of(world) as client:
        answer = await client.post(CAMERAS, json=body)
    assert named(answer) == fields
    assert await cameras(context(world)) == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"id": "cam-2"}, ["id"]),
        ({"tenant_id": "acme"}, ["tenant_id"]),
        ({"status": "online"}, ["status"]),
        ({"created_at": "2026-04-30T10:00:00Z"}, ["created_at"]),
        ({"updated_at": "2026-04-30T10:00:00Z"}, ["updated_at"]),
        ({"name": None}, ["name"]),
        ({"rtsp_url": None}, ["rtsp_url"]),
        ({"features": None}, ["features"]),
        ({"fps": None, "enabled": None, "record": None}, ["enabled", "fps", "record"]),
        ({"name": "New", "fps": 0.1}, ["fps"]),
        ({"name": "New", "rtsp_url": "rtsp://127.1.2.3/"}, ["rtsp_url"]),
        ({"name": "New", "detection_url": "rtsp://127.1.2.3/"}, ["detection_url"]),
        ({"name": "New", "fpss": 3, "fps": []}, ["fps", "fpss"]),
    ],
)
async def test_wrong_fields_of_a_patch_are_named_and_nothing_changes(
    world: World, body: dict[str, object], fields: list[str]
) -> None:
    before = await add_camera(world)
    async with client_of(world) as client:
        answer = await client.patch(f"{CAMERAS}/cam-front-01", json=body)
    assert named(answer) == fields
    assert await camera(context(world), "cam-front-01") == before


async def test_a_substream_is_set_and_taken_away_and_not_shown(world: World) -> None:
    substream = {"detection_url": "rtsp://admin:hunter2@10.0.0.7/sub"}
    async with client_of(world) as client:
        made = await client.post(CAMERAS, json={**LOBBY, **substream})
        named_so = await camera(context(world), "cam-lobby")
        renamed = await client.patch(f"{CAMERAS}/cam-lobby", json={"name": "Hall"})
        kept = await camera(context(world), "cam-lobby")
        freed = await client.patch(f"{CAMERAS}/cam-lobby", json={"detection_url": None})
    for answer in (made, renamed, freed):
        assert answer.status_code in {200, 201}
        assert "hunter2" not in answer.text
        assert "detection_url" not in answer.json()
    assert shown_detection_url(context(world), named_so) == substream["detection_url"]
    assert kept.detection_url_sealed == named_so.detection_url_sealed
    assert (await camera(context(world), "cam-lobby")).detection_url_sealed is None


async def test_a_refusal_never_repeats_the_credentials(world: World) -> None:
    url = "rtsp://admin:hunter2@127.9.9.9:99999/x"
    async with client_of(world) as client:
        answer = await client.post(
            CAMERAS, json={"name": "a", "rtsp_url": url, "detection_url": url, "fps": "x"}
        )
    assert named(answer) == ["detection_url", "fps", "rtsp_url"]
    assert "hunter2" not in answer.text


async def test_another_tenants_camera_is_as_one_that_is_not_there(world: World) -> None:
    await add_camera(world, "cam-theirs", "acme")
    before = await camera(context(world, "acme"), "cam-theirs")
    async with client_of(world) as client:
        for method, body in (("PATCH", {"name": "Mine"}), ("DELETE", None)):
            foreign = await client.request(method, f"{CAMERAS}/cam-theirs", json=body)
            absent = await client.request(method, f"{CAMERAS}/cam-nobody", json=body)
            assert (foreign.status_code, absent.status_code) == (404, 404)
            assert foreign.text.replace("cam-theirs", "cam-nobody") == absent.text
            kept = {name for name in foreign.headers if name != "content-length"}
            assert kept == {name for name in absent.headers if name != "content-length"}
        assert (await client.get(CAMERAS)).json() == []
    assert await camera(context(world, "acme"), "cam-theirs") == before


async def test_two_tenants_keep_cameras_of_the_same_id_apart(world: World) -> None:
    for tenant in ("default", "acme"):
        async with client_for(world, tenant) as client:
            made = await client.post(CAMERAS, json={**LOBBY, "id": "cam-a", "name": tenant})
            assert made.status_code == 201
    async with client_for(world, "acme") as client:
        await client.patch(f"{CAMERAS}/cam-a", json={"name": "changed"})
        await client.delete(f"{CAMERAS}/cam-a")
    async with client_for(world, "default") as client:
        (left,) = (await client.get(CAMERAS)).json()
    assert (left["tenant_id"], left["name"]) == ("default", "default")


async def test_an_id_with_a_nul_is_not_found(world: World) -> None:
    async with client_of(world) as client:
        for method in ("PATCH", "DELETE"):
            answer = await client.request(method, f"{CAMERAS}/cam%00a", json={})
            assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


async def test_a_token_of_a_tenant_that_is_not_there_writes_nothing(world: World) -> None:
    async with client_for(world, "nobody") as client:
        assert (await client.get(CAMERAS)).json() == []
        answer = await client.post(CAMERAS, json=LOBBY)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert re.search("nobody", answer.json()["detail"])
