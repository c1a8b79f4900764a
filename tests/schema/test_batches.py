"""Nested fields ask the database as often for twenty rows as for one, and answer the same."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from media.types import CameraState
from models.camera import Camera, CameraTable
from models.tenant import TenantTable
from resolvers.cameras import camera_delete
from resolvers.context import World
from tests.footage import TICKS, lay_down, segment, summarise
from tests.schema.service import ask, codes, data
from tests.statements import counted
from tests.world import StandingClock, add_camera, add_events, beginning, context, token

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
HOUR = 3600 * SECOND
MANY = 20
DAY = 'from: "2026-05-29T00:00:00Z", to: "2026-05-30T00:00:00Z"'
OF_A_CAMERA = {
    "events": "events(first: 2) { nodes { id camera { id } } pageInfo { hasNextPage endCursor } }",
    "filtered events": """events(first: 3, filter: {types: [PERSON], minConfidence: 0.5,
        since: "2026-05-29T12:00:00Z", cameraIds: ["cam-00", "cam-03"]}) { nodes { id } }""",
    "coverage": f"coverage({DAY}) {{ recordedSeconds intervals {{ from to reason }} }}",
    "hours": 'hours(date: "2026-05-29") { hour start end duration complete }',
    "playback": f"playback({DAY}) {{ from to }}",
}
PLAYBACK = "playback { offset ts } camera { id }"


@pytest.fixture
async def then(world: World) -> World:
    """An hour later, so that nothing is still being written."""
    await TenantTable.filter(id="default").update(camera_limit=2 * MANY)
    return replace(world, clock=StandingClock(NOON + 3 * HOUR))


async def filled(world: World, number: int, chance: Random) -> Camera:
    """A camera with events, footage of two hours, and frames in it and beside it."""
    camera = await add_camera(world, f"cam-{number:02d}")
    told = []
    for hour in range(2):
        start = NOON + hour * HOUR + chance.randrange(600) * SECOND
        part = [segment(start, hour * 90 * TICKS, seconds=chance.randint(2, 9))]
        lay_down(world, camera, part, ended=True)
        await summarise(world, camera, part, chance.choice(["it hung up", "stopped"]))
        for tick in (0, chance.randrange(12 * TICKS)):
            at_us = start + tick * SECOND // TICKS
            position = chance.choice([None, part[0].position + tick, part[0].position + tick])
            feature = chance.choice(["person", "face"])
            told.append(beginning(camera.key, at_us, position=position, feature=feature))
    await add_events(world, camera, told)
    return camera


def _of_cameras(field: str, first: int) -> str:
    return f"{{ cameras(first: {first}) {{ nodes {{ id {field} }} }} }}"


def _of_events(field: str, first: int) -> str:
    return f"{{ events(first: {first}) {{ nodes {{ id {field} }} }} }}"


@pytest.mark.parametrize("field", OF_A_CAMERA)
async def test_a_field_of_many_cameras_takes_as_many_statements_as_of_one(
    then: World, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    chance = Random(1)
    for number in range(MANY):
        await filled(then, number, chance)
    await data(then, _of_cameras("id", MANY))
    async with counted(caplog) as of_one:
        await data(then, _of_cameras(OF_A_CAMERA[field], 1))
    async with counted(caplog) as of_many:
        found = await data(then, _of_cameras(OF_A_CAMERA[field], MANY))
    assert len(found["cameras"]["nodes"]) == MANY
    assert 1 <= len(of_many) == len(of_one) <= 7, of_many


async def test_pictures_of_a_hundred_cameras_take_no_statement(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await TenantTable.filter(id="default").update(camera_limit=100)
    for number in range(100):
        await add_camera(world, f"cam-{number:02d}")
    online = {"enabled": True, "status": CameraState.ONLINE.value}
    await CameraTable.within("default").all().update(**online)
    await data(world, _of_cameras("id", 100))
    async with counted(caplog) as bare:
        await data(world, _of_cameras("id", 100))
    async with counted(caplog) as pictured:
        found = await data(world, _of_cameras("snapshotUrl", 100))
    urls = {each["id"]: each["snapshotUrl"] for each in found["cameras"]["nodes"]}
    assert len(urls) == 100
    assert all(url.startswith(f"/v2/live/{name}/snapshot.jpg?") for name, url in urls.items())
    assert len(pictured) == len(bare), pictured


async def test_playback_of_many_events_takes_as_many_statements_as_of_one(
    then: World, caplog: pytest.LogCaptureFixture
) -> None:
    chance = Random(2)
    for number in range(5):
        await filled(then, number, chance)
    unrecorded = await add_camera(then, "cam-bare")
    await add_events(then, unrecorded, [beginning(unrecorded.key, NOON + 2 * HOUR, position=7)])
    await data(then, _of_cameras("id", MANY))
    async with counted(caplog) as of_one:
        [first] = (await data(then, _of_events(PLAYBACK, 1)))["events"]["nodes"]
    async with counted(caplog) as of_many:
        nodes = (await data(then, _of_events(PLAYBACK, MANY)))["events"]["nodes"]
    assert (first["playback"], len(nodes)) == (None, MANY)
    assert any(node["playback"] for node in nodes)
    assert len(of_many) == len(of_one) <= 10, of_many


async def test_many_rows_are_answered_as_each_of_them_alone(then: World) -> None:
    chance = Random(3)
    for number in range(8):
        await filled(then, number, chance)
    later = await add_camera(then, "cam-bare")
    await add_events(then, later, [beginning(later.key, NOON + n, position=n) for n in range(5)])
    for field in OF_A_CAMERA.values():
        nodes = (await data(then, _of_cameras(field, MANY)))["cameras"]["nodes"]
        alone = [
            (await data(then, f'{{ camera(id: "{node["id"]}") {{ id {field} }} }}'))["camera"]
            for node in nodes
        ]
        assert nodes == alone
    nodes = (await data(then, _of_events(PLAYBACK, 100)))["events"]["nodes"]
    assert nodes == [
        (await data(then, f'{{ event(id: "{node["id"]}") {{ id {PLAYBACK} }} }}'))["event"]
        for node in nodes
    ]


async def test_fields_that_ask_differently_get_their_own_answers(then: World) -> None:
    for number in range(3):
        await filled(then, number, Random(number))
    both = """a: events(first: 1) { nodes { id } } b: events(first: 4) { nodes { id } }
        c: events(filter: {types: [FACE]}) { nodes { typeName } }"""
    for node in (await data(then, _of_cameras(both, 3)))["cameras"]["nodes"]:
        assert node["a"]["nodes"] == node["b"]["nodes"][:1]
        assert len(node["b"]["nodes"]) == 4
        assert {each["typeName"] for each in node["c"]["nodes"]} <= {"face"}


def _errors(answer: dict[str, Any]) -> list[tuple[list[str | int], str]]:
    return [(each["path"], each["extensions"]["code"]) for each in answer["errors"]]


async def test_a_refusal_is_each_rows_own(then: World) -> None:
    camera, gone = await add_camera(then), await add_camera(then, "cam-gone")
    part = [segment(NOON, 0)]
    lay_down(then, camera, part, ended=True)
    await add_events(then, camera, [beginning(camera.key, NOON, position=0)])
    await add_events(then, gone, [beginning(gone.key, NOON + SECOND, position=0)])
    await camera_delete(context(then), "cam-gone")
    answer = await data(then, _of_events("cameraId playback { offset }", 2))
    assert [bool(node["playback"]) for node in answer["events"]["nodes"]] == [False, True]
    reader = token(scope="events:read")
    refused = await ask(then, _of_events("playback { offset }", 2), bearer=reader)
    assert _errors(refused) == [
        (["events", "nodes", place, "playback"], "SCOPE_MISSING") for place in range(2)
    ]
    assert [node["playback"] for node in refused["data"]["events"]["nodes"]] == [None, None]


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ('events(after: "x") { nodes { id } }', "BAD_CURSOR"),
        ("events(first: 0) { nodes { id } }", "INVALID_INPUT"),
        ('events(filter: {typeNames: ["No!"]}) { nodes { id } }', "INVALID_INPUT"),
        (
            'playback(from: "2026-05-29T00:00:00Z", to: "2026-05-29T00:00:00Z") { to }',
            "INVALID_INPUT",
        ),
    ],
)
async def test_what_no_row_can_be_asked_is_refused_with_a_path(
    then: World, field: str, code: str
) -> None:
    await add_camera(then)
    await add_camera(then, "cam-2")
    answer = await ask(then, _of_cameras(field, 2))
    assert set(codes(answer)) == {code}
    assert answer["errors"][0]["path"][:2] == ["cameras", "nodes"]
    assert answer["data"] is None


async def test_rows_of_a_namesake_and_of_another_tenant_stay_out(then: World) -> None:
    theirs = await add_camera(then, "cam-1", "acme")
    await add_events(then, theirs, [beginning(theirs.key, NOON)])
    before = await add_camera(then, "cam-1")
    await add_events(then, before, [beginning(before.key, NOON, event_id="evt-before")])
    await camera_delete(context(then), "cam-1")
    now = await add_camera(then, "cam-1")
    await add_events(then, now, [beginning(now.key, NOON - SECOND, event_id="evt-now")])
    [node] = (await data(then, _of_cameras("events { nodes { id } }", 5)))["cameras"]["nodes"]
    assert node["events"]["nodes"] == [{"id": "evt-now"}]
