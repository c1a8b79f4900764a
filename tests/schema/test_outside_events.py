"""Events from outside over GraphQL: made, followed, filtered, and shown by both dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resolvers.context import World
from tests.schema.service import ask, codes, data
from tests.world import add_camera, add_events, beginning, token

CREATE = """mutation ($input: EventCreateInput!) { done: eventCreate(input: $input) {
  created event { id type typeName ts endedAt confidence boxes { x y w h label score } payload
    modelVersion camera { id } }
  userErrors { code field message } } }"""
DOOR = {
    "key": "door-1",
    "cameraId": "cam-front-01",
    "typeName": "door_contact",
    "ts": "2026-05-29T12:00:00.000Z",
}


async def create(world: World, **changes: Any) -> dict[str, Any]:
    bearer = token(scope="events:write cameras:read")
    found = await data(world, CREATE, {"input": {**DOOR, **changes}}, bearer)
    done: dict[str, Any] = found["done"]
    return done


async def ids(world: World, query: str = "") -> list[str]:
    found = await data(world, f"{{ events{query} {{ nodes {{ typeName }} }} }}")
    return [each["typeName"] for each in found["events"]["nodes"]]


async def test_an_event_comes_back_as_it_is_stored(world: World) -> None:
    await add_camera(world)
    box = {"x": 0.25, "y": 0.5, "w": 0.25, "h": 0.5, "label": "door", "score": 0.75}
    done = await create(
        world, confidence=0.5, boxes=[box], payload={"door": "north"}, source="doors@2"
    )
    done["event"].pop("id")
    assert done == {
        "created": True,
        "event": {
            "type": "OTHER",
            "typeName": "door_contact",
            "ts": DOOR["ts"],
            "endedAt": DOOR["ts"],
            "confidence": 0.5,
            "boxes": [box],
            "payload": {"door": "north", "boxes": [box], "track_id": None},
            "modelVersion": "doors@2",
            "camera": {"id": "cam-front-01"},
        },
        "userErrors": [],
    }


async def test_the_same_key_again_gives_the_same_event(world: World) -> None:
    await add_camera(world)
    first = await create(world)
    again = await create(world, typeName="window")
    assert (again["created"], again["event"]) == (False, first["event"])
    assert await ids(world) == ["door_contact"]


async def test_a_feature_of_another_system_is_that_feature(world: World) -> None:
    await add_camera(world)
    done = await create(world, typeName="person")
    assert (done["event"]["type"], done["event"]["typeName"]) == ("PERSON", "person")


async def test_without_a_time_it_is_now(world: World) -> None:
    await add_camera(world)
    done = await create(world, ts=None)
    assert done["event"]["ts"] > DOOR["ts"]


async def test_types_of_both_kinds_filter_together(world: World) -> None:
    camera = await add_camera(world)
    await create(world)
    await add_events(world, camera, [beginning(camera.key, 1), beginning(camera.key, 2)])
    assert await ids(world, '(filter: {typeNames: ["door_contact"]})') == ["door_contact"]
    assert await ids(world, "(filter: {types: [PERSON]})") == ["person"] * 2
    both = '(filter: {types: [PERSON], typeNames: ["door_contact"]})'
    assert await ids(world, both) == ["door_contact", "person", "person"]
    assert await ids(world, "(filter: {typeNames: []})") == []
    answer = await ask(world, '{ events(filter: {typeNames: ["No Type"]}) { nodes { id } } }')
    assert codes(answer) == ["INVALID_INPUT"]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"key": ""}, "INVALID_INPUT", "key"),
        ({"typeName": "Door!"}, "INVALID_INPUT", "typeName"),
        ({"ts": "2999-01-01T00:00:00Z"}, "INVALID_INPUT", "ts"),
        ({"endedAt": "2026-05-29T11:59:59.999Z"}, "INVALID_INPUT", "endedAt"),
        ({"confidence": 1.5}, "INVALID_INPUT", "confidence"),
        ({"boxes": [{"x": 0.9, "y": 0, "w": 0.2, "h": 0.1}]}, "INVALID_INPUT", "boxes"),
        ({"payload": [1]}, "INVALID_INPUT", "payload"),
        ({"payload": {"a": "\0"}}, "INVALID_INPUT", "payload"),
        ({"cameraId": "ghost"}, "NOT_FOUND", None),
    ],
)
async def test_mistakes_come_as_user_errors_and_nothing_is_written(
    world: World, changes: dict[str, Any], code: str, field: str | None
) -> None:
    await add_camera(world)
    done = await create(world, **changes)
    assert (done["event"], done["created"]) == (None, False)
    assert [(each["code"], each["field"]) for each in done["userErrors"]] == [(code, field)]
    assert await ids(world) == []


async def test_it_needs_its_scope_and_its_tenant(world: World) -> None:
    await add_camera(world)
    bearer = token(scope="events:read cameras:write")
    assert codes(await ask(world, CREATE, {"input": DOOR}, bearer)) == ["SCOPE_MISSING"]
    other = await data(world, CREATE, {"input": DOOR}, token("acme", "events:write"))
    assert other["done"]["userErrors"][0]["code"] == "NOT_FOUND"
    assert await ids(world) == []


async def test_a_payload_may_stand_in_the_document_too(world: World) -> None:
    await add_camera(world)
    query = """mutation { eventCreate(input: {key: "k", cameraId: "cam-front-01",
      typeName: "gate", payload: {open: true, n: [1, 2.5, "x", null]}}) { event { payload } } }"""
    done = await data(world, query, bearer=token(scope="events:write"))
    told = done["eventCreate"]["event"]["payload"]
    assert (told["open"], told["n"]) == (True, [1, 2.5, "x", None])
    assert json.dumps(told)
