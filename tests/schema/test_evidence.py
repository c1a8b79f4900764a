"""Evidence locks over GraphQL."""

from __future__ import annotations

from typing import Any

import jwt

from resolvers import cursors
from resolvers.context import World
from tests.schema.service import ask, codes, data
from tests.world import SECRET, add_camera, token

LOCK = """mutation ($camera: ID!, $input: EvidenceLockInput!) {
  done: evidenceLock(cameraId: $camera, input: $input) {
    lock { id camera { id } from to reason until holds lockedBy liftedBy liftedAt }
    userErrors { code field message } } }"""
LIFT = """mutation ($id: ID!) { done: evidenceLift(id: $id) {
  lock { id holds liftedBy } userErrors { code field } } }"""
LIST = """query ($after: String) { evidenceLocks(first: 1, after: $after) {
  nodes { id reason holds } pageInfo { hasNextPage endCursor } } }"""
WISH = {
    "from": "2026-05-29T12:00:00.000Z",
    "to": "2026-05-29T13:00:00.000Z",
    "reason": "burglary",
}


def token_of(subject: str) -> str:
    claims = jwt.decode(token(), SECRET, algorithms=["HS256"])
    return jwt.encode({**claims, "sub": subject}, SECRET, algorithm="HS256")


async def locked(world: World, **wish: Any) -> dict[str, Any]:
    variables = {"camera": "cam-front-01", "input": {**WISH, **wish}}
    done: dict[str, Any] = (await data(world, LOCK, variables, token_of("eva")))["done"]
    return done


async def test_a_stretch_is_locked_and_lifted_and_both_are_on_record(world: World) -> None:
    await add_camera(world)
    done = await locked(world)
    lock_id = done["lock"].pop("id")
    assert done["lock"] == {
        **WISH,
        "camera": {"id": "cam-front-01"},
        "until": None,
        "holds": True,
        "lockedBy": "eva",
        "liftedBy": None,
        "liftedAt": None,
    }
    lifted = (await data(world, LIFT, {"id": lock_id}, token_of("ada")))["done"]
    assert lifted == {
        "lock": {"id": lock_id, "holds": False, "liftedBy": "ada"},
        "userErrors": [],
    }


async def test_locks_are_listed_in_pages(world: World) -> None:
    await add_camera(world)
    for reason in ("one", "two"):
        await locked(world, reason=reason)
    first = (await data(world, LIST, {"after": None}))["evidenceLocks"]
    after = {"after": first["pageInfo"]["endCursor"]}
    second = (await data(world, LIST, after))["evidenceLocks"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert {first["nodes"][0]["reason"], second["nodes"][0]["reason"]} == {"one", "two"}
    forged = cursors.encode(cursors.LOCKS, "default", 1, "ghost")
    assert codes(await ask(world, LIST, {"after": forged})) == ["BAD_CURSOR"]


async def test_mistakes_come_as_user_errors(world: World) -> None:
    await add_camera(world)
    done = await locked(world, reason=" ", until="2020-01-01T00:00:00Z")
    assert [each["field"] for each in done["userErrors"]] == ["reason", "until"]
    done = await locked(world, to=WISH["from"])
    assert [each["field"] for each in done["userErrors"]] == ["to"]
    variables = {"camera": "ghost", "input": WISH}
    done = (await data(world, LOCK, variables))["done"]
    assert [each["code"] for each in done["userErrors"]] == ["NOT_FOUND"]
    done = (await data(world, LIFT, {"id": "ghost"}))["done"]
    assert [each["code"] for each in done["userErrors"]] == ["NOT_FOUND"]
    assert (await data(world, LIST))["evidenceLocks"]["nodes"] == []


async def test_each_needs_its_scope(world: World) -> None:
    await add_camera(world)
    lock_id = (await locked(world))["lock"]["id"]
    bearer = token(scope="events:read")
    variables = {"camera": "cam-front-01", "input": WISH}
    assert codes(await ask(world, LOCK, variables, bearer)) == ["SCOPE_MISSING"]
    assert codes(await ask(world, LIST, {}, bearer)) == ["SCOPE_MISSING"]
    bearer = token(scope="cameras:write playback:read")
    assert codes(await ask(world, LIFT, {"id": lock_id}, bearer)) == ["SCOPE_MISSING"]
    nodes = (await data(world, LIST, bearer=bearer))["evidenceLocks"]["nodes"]
    assert nodes == [{"id": lock_id, "reason": "burglary", "holds": True}]


async def test_a_camera_with_locked_footage_cannot_be_deleted(world: World) -> None:
    await add_camera(world)
    await locked(world)
    query = 'mutation { cameraDelete(id: "cam-front-01") { deletedId userErrors { code field } } }'
    done = (await data(world, query))["cameraDelete"]
    assert done == {"deletedId": None, "userErrors": [{"code": "CONFLICT", "field": "id"}]}
    assert (await data(world, "{ cameras { totalCount } }"))["cameras"]["totalCount"] == 1
