"""Exports over GraphQL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from models.export import ExportTable
from resolvers import export_jobs, exports
from resolvers.context import World
from resolvers.exporting import Making, Progress
from resolvers.jobs import Fault
from tests.exporting import created, filmed, made
from tests.schema.service import ask, codes, data, served
from tests.schema.socket_client import opened
from tests.schema.test_evidence import token_of
from tests.statements import counted
from tests.world import add_camera, context, token

CREATE = """mutation ($input: ExportCreateInput!) { done: exportCreate(input: $input) {
  export { id state from to cameraIds cameras { id } progress { doneBytes } fileName sizeBytes
    downloadUrl manifestUrl error { code message } createdBy expiresAt deletedAt deletedBy }
  userErrors { code field } } }"""
DELETE = """mutation ($id: ID!) { done: exportDelete(id: $id) {
  export { id state deletedBy downloadUrl } userErrors { code field } } }"""
ONE = """query ($id: ID!) { export(id: $id) {
  state fileName sizeBytes downloadUrl manifestUrl progress { doneBytes expectedBytes }
  error { code message } waitsBecause { code message } expiresAt } }"""
LIST = """query ($after: String) { exports(first: 2, after: $after) {
  nodes { id state cameras { id } } pageInfo { hasNextPage endCursor } } }"""
FOLLOW = """subscription ($id: ID!) { exportProgress(id: $id) {
  state progress { doneBytes } downloadUrl } }"""
RANGE = {"from": "2026-05-29T12:00:00.000Z", "to": "2026-05-29T12:00:04.000Z"}


@pytest.fixture
async def here(world: World) -> World:
    await filmed(world, await add_camera(world))
    return world


async def asked(world: World, *camera_ids: str, **wanted: Any) -> dict[str, Any]:
    given = {"cameraIds": list(camera_ids), **RANGE, **wanted}
    done: dict[str, Any] = (await data(world, CREATE, {"input": given}, token_of("eva")))["done"]
    return done


async def test_an_export_is_asked_for_and_who_asked_is_on_record(here: World) -> None:
    done = await asked(here, "cam-front-01")
    assert done["export"].pop("id")
    assert done == {
        "export": {
            "state": "WAITING",
            **RANGE,
            "cameraIds": ["cam-front-01"],
            "cameras": [{"id": "cam-front-01"}],
            "progress": {"doneBytes": 0},
            "createdBy": "eva",
            **dict.fromkeys(("fileName", "sizeBytes", "downloadUrl", "manifestUrl", "error")),
            **dict.fromkeys(("expiresAt", "deletedAt", "deletedBy")),
        },
        "userErrors": [],
    }


async def test_a_ready_one_says_where_its_file_is(here: World) -> None:
    export_id = (await asked(here, "cam-front-01"))["export"]["id"]
    ready = await made(here)
    found = (await data(here, ONE, {"id": export_id}))["export"]
    base = f"/v2/exports/{export_id}/"
    assert found["downloadUrl"].startswith(f"{base}cam-front-01_2026-05-29T12-00-00Z.mp4?grant=")
    assert found["manifestUrl"].startswith(f"{base}manifest.json?grant=")
    assert (found["state"], found["sizeBytes"]) == ("READY", ready.size_bytes)
    assert found["progress"]["doneBytes"] == found["progress"]["expectedBytes"] > 0
    assert found["expiresAt"] is not None


async def test_one_that_waits_or_failed_says_why(here: World) -> None:
    export_id = (await asked(here, "cam-front-01"))["export"]["id"]
    job = await export_jobs.take(here)
    assert job is not None
    away = Fault("FOOTAGE_AWAY", "it is away", waits=True)
    await export_jobs.fail(here, job, away)
    found = (await data(here, ONE, {"id": export_id}))["export"]
    assert found["waitsBecause"] == {"code": "FOOTAGE_AWAY", "message": "it is away"}
    assert (found["state"], found["error"]) == ("WAITING", None)
    await ExportTable.within("default").update(due_us=0)
    job = await export_jobs.take(here)
    assert job is not None
    await export_jobs.fail(here, job, Fault("NO_ROOM", "the disk is full"))
    found = (await data(here, ONE, {"id": export_id}))["export"]
    assert found["error"] == {"code": "NO_ROOM", "message": "the disk is full"}
    assert found["waitsBecause"] is None
    assert found["downloadUrl"] is None


async def test_mistakes_come_as_user_errors(here: World) -> None:
    for wanted, mistake in (
        ({"cameras": ["ghost"]}, ("NOT_FOUND", None)),
        ({"cameras": []}, ("INVALID_INPUT", "cameraIds")),
        ({"to": "2099-01-01T00:00:00Z"}, ("INVALID_INPUT", "to")),
        ({"from": "2026-05-29T12:00:05Z", "to": "2026-05-29T12:00:06Z"}, ("NOT_RECORDED", None)),
    ):
        names = wanted.pop("cameras", ["cam-front-01"])
        done = await asked(here, *names, **wanted)
        assert done["export"] is None
        assert [(each["code"], each["field"]) for each in done["userErrors"]] == [mistake]
    done = (await data(here, DELETE, {"id": "ghost"}))["done"]
    assert [each["code"] for each in done["userErrors"]] == ["NOT_FOUND"]
    assert await ExportTable.within("default").count() == 0


async def test_beyond_the_limits_comes_as_a_user_error(here: World) -> None:
    for _ in range(exports.MOST_UNFINISHED):
        await created(context(here), "cam-front-01")
    done = await asked(here, "cam-front-01")
    assert [each["code"] for each in done["userErrors"]] == ["EXPORT_LIMIT_REACHED"]
    await ExportTable.within("default").update(state="ready", size_bytes=10**15)
    done = await asked(here, "cam-front-01")
    assert [each["code"] for each in done["userErrors"]] == ["EXPORT_TOO_LARGE"]


async def test_exports_are_listed_in_pages_in_a_fixed_number_of_statements(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    await asked(here, "cam-front-01")
    async with counted(caplog) as one:
        await data(here, LIST)
    for _ in range(2):
        await asked(here, "cam-front-01")
    async with counted(caplog) as many:
        first = (await data(here, LIST, {"after": None}))["exports"]
    assert len(many) == len(one)
    after = {"after": first["pageInfo"]["endCursor"]}
    second = (await data(here, LIST, after))["exports"]
    assert [len(each["nodes"]) for each in (first, second)] == [2, 1]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert first["nodes"][0]["cameras"] == [{"id": "cam-front-01"}]


async def test_a_deleted_one_stays_on_record(here: World) -> None:
    export_id = (await asked(here, "cam-front-01"))["export"]["id"]
    await made(here)
    done = (await data(here, DELETE, {"id": export_id}, token_of("ada")))["done"]
    assert done == {
        "export": {"id": export_id, "state": "DELETED", "deletedBy": "ada", "downloadUrl": None},
        "userErrors": [],
    }


async def test_another_tenants_is_absent(here: World) -> None:
    export_id = (await asked(here, "cam-front-01"))["export"]["id"]
    assert (await data(here, ONE, {"id": export_id}, token("acme")))["export"] is None
    refused = await ask(here, DELETE, {"id": export_id}, token("acme"))
    assert refused["data"]["done"]["userErrors"] == [{"code": "NOT_FOUND", "field": None}]
    assert (await data(here, ONE, {"id": export_id}))["export"]["state"] == "WAITING"
    bearer = token(scope="events:read")
    assert codes(await ask(here, ONE, {"id": export_id}, bearer)) == ["SCOPE_MISSING"]


async def test_progress_is_followed_to_the_end_and_completes(here: World) -> None:
    export_id = (await asked(here, "cam-front-01"))["export"]["id"]
    async with served(here) as place, opened(place) as socket:
        await socket.init({"token": token()})
        await socket.subscribe(FOLLOW, {"id": export_id})
        states = [(await socket.next())["exportProgress"]["state"]]
        job = await export_jobs.take(here)
        assert job is not None
        states.append((await socket.next())["exportProgress"]["state"])
        await export_jobs.keep(here, job, 5, 50)
        told = (await socket.next())["exportProgress"]
        assert told == {"state": "RUNNING", "progress": {"doneBytes": 5}, "downloadUrl": None}
        package = await Making(here, job, Progress(0)).make()
        await export_jobs.finish(here, job, package)
        last = (await socket.next())["exportProgress"]
        assert (states, last["state"]) == (["WAITING", "RUNNING"], "READY")
        assert "?grant=" in last["downloadUrl"]
        assert (await socket.receive())["type"] == "complete"

        await socket.subscribe(FOLLOW, {"id": export_id}, "again")
        again = await socket.receive()
        assert again["payload"]["data"]["exportProgress"]["state"] == "READY"
        assert await socket.receive() == {"id": "again", "type": "complete"}


async def test_who_follows_together_is_told_the_end_together(here: World) -> None:
    export_id = (await asked(here, "cam-front-01"))["export"]["id"]
    query = "subscription ($id: ID!) { exportProgress(id: $id) { state } }"
    async with served(here) as place, opened(place) as one, opened(place) as two:
        for socket in (one, two):
            await socket.init({"token": token()})
            await socket.subscribe(query, {"id": export_id})
            await socket.next()
        await asyncio.sleep(0.1)
        await exports.export_delete(context(here), export_id)
        for socket in (one, two):
            assert (await socket.next())["exportProgress"]["state"] == "DELETED"
            assert (await socket.receive())["type"] == "complete"


async def test_following_what_is_not_there_is_refused(here: World) -> None:
    async with served(here) as place, opened(place) as socket:
        await socket.init({"token": token()})
        await socket.subscribe(FOLLOW, {"id": exports.MOST_CAMERAS})
        message = await socket.receive()
        assert message["type"] == "error"
        assert codes({"errors": message["payload"]}) == ["NOT_FOUND"]
