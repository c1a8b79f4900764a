from __future__ import annotations

import logging
from dataclasses import replace
from uuid import UUID

import pytest

from media.types import ChangeKind, Plate, Snapshot
from resolvers.context import World
from tests.footage import TICKS, lay_down, segment
from tests.schema.service import ask, codes, data
from tests.world import add_camera, add_events, beginning, token

AT = 1_780_056_000_123_456  # 2026-05-29T12:00:00.123456Z
SECOND = 1_000_000
EVERY_FIELD = """
query Event($id: ID!) {
  event(id: $id) {
    id cameraId camera { id name } type confidence ts endedAt trackId
    boxes { x y w h label score } payload snapshotUrl playback { playlistUrl offset ts }
    traceId modelVersion
  }
}
"""
PAGE = """
query Page($order: EventOrder!, $first: Int!, $after: String, $filter: EventFilter) {
  events(order: $order, first: $first, after: $after, filter: $filter) {
    edges { cursor node { id } }
    nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
BOX = {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.6, "label": "person", "score": 0.87}


async def test_an_event_has_every_field(world: World) -> None:
    camera = await add_camera(world)
    footage = segment(AT - SECOND, 7 * TICKS)
    lay_down(world, camera, [footage], ended=True)
    began = beginning(
        camera.key,
        AT,
        event_id="evt-1",
        position=8 * TICKS,
        snapshot=Snapshot("2026-05-29", "12", "snap-123.jpg"),
    )
    ended = replace(began, kind=ChangeKind.ENDED, ended_at_us=AT + 2 * SECOND)
    await add_events(world, camera, [began, ended])
    found = (await data(world, EVERY_FIELD, {"id": "evt-1"}))["event"]
    snapshot, playlist = found.pop("snapshotUrl"), found["playback"].pop("playlistUrl")
    assert snapshot.startswith("/v2/hls/cam-front-01/2026-05-29/12/snap-123.jpg?grant=")
    assert playlist.startswith("/v2/hls/cam-front-01/2026-05-29/11/index.m3u8?grant=")
    assert UUID(found.pop("traceId")).version == 4
    assert found == {
        "id": "evt-1",
        "cameraId": "cam-front-01",
        "camera": {"id": "cam-front-01", "name": "Front gate"},
        "type": "PERSON",
        "confidence": 0.87,
        "ts": "2026-05-29T12:00:00.123Z",
        "endedAt": "2026-05-29T12:00:02.123Z",
        "trackId": 42,
        "boxes": [BOX],
        "payload": {"boxes": [BOX], "track_id": 42},
        "playback": {"offset": 1.000003, "ts": "2026-05-29T12:00:00.123Z"},
        "modelVersion": "yolox-nano@2021-08-19",
    }


async def test_a_plate_is_told_with_how_it_was_read(world: World) -> None:
    camera = await add_camera(world)
    read = Plate("51F-123.45", "51F 123.45", 0.75, "reader@2024-01-02")
    await add_events(
        world,
        camera,
        [
            replace(beginning(camera.key, AT, event_id="evt-1"), plate=read),
            beginning(camera.key, AT, event_id="evt-2"),
        ],
    )
    query = '{ event(id: "%s") { plate plateReading { raw confidence modelVersion } payload } }'

    told, untold = [(await data(world, query % each))["event"] for each in ("evt-1", "evt-2")]

    assert told["plate"] == "51F-123.45"
    assert told["plateReading"] == {
        "raw": "51F 123.45",
        "confidence": 0.75,
        "modelVersion": "reader@2024-01-02",
    }
    assert (untold["plate"], untold["plateReading"]) == (None, None)
    assert set(told["payload"]) == {"boxes", "track_id"}


async def test_grants_in_addresses_open_their_footage_and_no_other(world: World) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(AT - SECOND, 0)], ended=True)
    shot = Snapshot("2026-05-29", "12", "snap-123.jpg")
    began = beginning(camera.key, AT, event_id="evt-1", position=TICKS, snapshot=shot)
    await add_events(world, camera, [began])
    found = (await data(world, EVERY_FIELD, {"id": "evt-1"}))["event"]
    for address in (found["snapshotUrl"], found["playback"]["playlistUrl"]):
        actor = world.identity.actor_of_grant(address.partition("grant=")[2])
        assert (actor.tenant_id, actor.cameras) == ("default", frozenset({"cam-front-01"}))
        assert actor.interval is not None
        assert actor.interval.to_us - actor.interval.from_us <= 3600 * SECOND


async def test_what_was_not_recorded_has_no_playback_and_no_error(world: World) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
    found = (await data(world, EVERY_FIELD, {"id": "evt-1"}))["event"]
    assert (found["playback"], found["snapshotUrl"], found["endedAt"]) == (None, None, None)


async def test_without_the_right_to_play_there_are_no_addresses(world: World) -> None:
    camera = await add_camera(world)
    shot = Snapshot("2026-05-29", "12", "snap-123.jpg")
    began = beginning(camera.key, AT, event_id="evt-1", position=0, snapshot=shot)
    await add_events(world, camera, [began])
    reader = token(scope="events:read cameras:read")
    answer = await ask(world, EVERY_FIELD, {"id": "evt-1"}, reader)
    found = answer["data"]["event"]
    assert (found["snapshotUrl"], found["playback"], found["camera"]["id"]) == (
        None,
        None,
        "cam-front-01",
    )
    assert [(each["path"], each["extensions"]["code"]) for each in answer["errors"]] == [
        (["event", "playback"], "SCOPE_MISSING")
    ]


async def test_an_event_outlives_its_camera(world: World) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
    await data(world, 'mutation { cameraDelete(id: "cam-front-01") { deletedId } }')
    found = (await data(world, EVERY_FIELD, {"id": "evt-1"}))["event"]
    assert (found["camera"], found["cameraId"]) == (None, "cam-front-01")


@pytest.mark.parametrize("event_id", ["evt-acme", "evt-none", "", "x" * 5000])
async def test_an_absent_event_and_a_foreign_one_are_the_same_null(
    world: World, event_id: str
) -> None:
    camera = await add_camera(world, tenant_id="acme")
    await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-acme")])
    assert await ask(world, EVERY_FIELD, {"id": event_id}) == {"data": {"event": None}}


@pytest.mark.parametrize("query", ['{ event(id: "evt-1") { id } }', "{ events { nodes { id } } }"])
async def test_reading_events_needs_its_scope(world: World, query: str) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, AT, event_id="evt-1")])
    answer = await ask(world, query, bearer=token(scope="cameras:read playback:read"))
    assert codes(answer) == ["SCOPE_MISSING"]


@pytest.mark.parametrize("order", ["NEWEST_FIRST", "OLDEST_FIRST"])
async def test_pages_give_each_of_250_events_once_in_order(world: World, order: str) -> None:
    camera = await add_camera(world)
    many = [beginning(camera.key, AT + n // 3, event_id=f"evt-{n:03d}") for n in range(250)]
    await add_events(world, camera, many)
    expected = [each.event_id for each in many]  # three to a time, the id decides
    if order == "NEWEST_FIRST":
        expected.reverse()
    seen: list[str] = []
    after = None
    for size in (100, 100, 50):
        variables = {"order": order, "first": 100, "after": after}
        page = (await data(world, PAGE, variables))["events"]
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["pageInfo"] == {
            "hasNextPage": size == 100,
            "hasPreviousPage": after is not None,
            "startCursor": page["edges"][0]["cursor"],
            "endCursor": page["edges"][-1]["cursor"],
        }
        assert len(page["nodes"]) == size
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == expected


async def test_events_written_meanwhile_do_not_shift_pages(world: World) -> None:
    camera = await add_camera(world)
    await add_events(
        world, camera, [beginning(camera.key, AT + n, event_id=f"evt-{n}") for n in range(4)]
    )
    variables: dict[str, object] = {"order": "NEWEST_FIRST", "first": 2}
    first = (await data(world, PAGE, variables))["events"]
    await add_events(world, camera, [beginning(camera.key, AT + 9, event_id="evt-9")])
    variables["after"] = first["pageInfo"]["endCursor"]
    second = (await data(world, PAGE, variables))["events"]
    assert [node["id"] for node in second["nodes"]] == ["evt-1", "evt-0"]


@pytest.mark.parametrize("first", [0, 101, -1, 2_147_483_647])
@pytest.mark.parametrize("field", ["events", "cameras"])
async def test_a_page_has_1_to_100_items(world: World, field: str, first: int) -> None:
    answer = await ask(world, f"{{ {field}(first: {first}) {{ nodes {{ id }} }} }}")
    [error] = answer["errors"]
    assert error["message"] == f"first: want 1 to 100, got {first}"
    assert error["extensions"] == {
        "code": "INVALID_INPUT",
        "fields": [{"field": "first", "message": f"want 1 to 100, got {first}"}],
    }
    assert answer["data"] is None


@pytest.mark.parametrize("after", ["", "x", "AAAA", "bMO8", "💥", "\0", "x" * 10_000])
async def test_a_bad_cursor_is_refused_by_name(world: World, after: str) -> None:
    variables = {"order": "NEWEST_FIRST", "first": 5, "after": after}
    answer = await ask(world, PAGE, variables)
    assert codes(answer) == ["BAD_CURSOR"]
    [field] = answer["errors"][0]["extensions"]["fields"]
    assert field["field"] == "after"


async def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    await add_camera(world)
    query = "{ cameras { edges { cursor } } }"
    cursor = (await data(world, query))["cameras"]["edges"][0]["cursor"]
    variables = {"order": "NEWEST_FIRST", "first": 5, "after": cursor}
    assert codes(await ask(world, PAGE, variables)) == ["BAD_CURSOR"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["a", "b", "c", "d"]),
        ({"cameraIds": None, "types": None, "since": None}, ["a", "b", "c", "d"]),
        ({"cameraIds": ["cam-1"]}, ["a", "b"]),
        ({"cameraIds": ["cam-1", "cam-2"]}, ["a", "b", "c", "d"]),
        ({"cameraIds": []}, []),
        ({"cameraIds": ["cam-acme"]}, []),
        ({"types": ["VEHICLE"]}, ["b", "d"]),
        ({"types": ["VEHICLE", "PERSON"], "cameraIds": ["cam-2"]}, ["c", "d"]),
        ({"types": []}, []),
        ({"since": "2026-05-29T12:00:01.123456Z"}, ["b", "c", "d"]),
        ({"since": "2026-05-29T19:00:01.123457+07:00"}, ["c", "d"]),
        ({"until": "2026-05-29T12:00:02.123456Z"}, ["a", "b"]),
        ({"since": "1970-01-01T00:00:00Z", "until": "1970-01-01T00:00:00Z"}, []),
        ({"minConfidence": 0.87}, ["a", "b", "c", "d"]),
        ({"minConfidence": 0.88}, []),
    ],
)
async def test_filters(world: World, wanted: dict[str, object], expected: list[str]) -> None:
    first, second = await add_camera(world, "cam-1"), await add_camera(world, "cam-2")
    foreign = await add_camera(world, "cam-acme", "acme")
    await add_events(world, foreign, [beginning(foreign.key, AT)])
    for number, (name, camera, feature) in enumerate(
        [
            ("a", first, "person"),
            ("b", first, "vehicle"),
            ("c", second, "person"),
            ("d", second, "vehicle"),
        ]
    ):
        at_us = AT + number * SECOND
        began = beginning(camera.key, at_us, feature=feature, event_id=name)
        await add_events(world, camera, [began])
    variables = {"order": "OLDEST_FIRST", "first": 100, "filter": wanted}
    found = (await data(world, PAGE, variables))["events"]
    assert [node["id"] for node in found["nodes"]] == expected


async def test_too_many_cameras_in_a_filter_are_refused(world: World) -> None:
    variables = {"order": "OLDEST_FIRST", "first": 1, "filter": {"cameraIds": ["c"] * 201}}
    answer = await ask(world, PAGE, variables)
    assert answer["errors"][0]["extensions"]["fields"] == [
        {"field": "cameraIds", "message": "want at most 200 cameras"}
    ]


async def test_the_cameras_of_many_events_take_one_query(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        camera = await add_camera(world, f"cam-{number}")
        await add_events(world, camera, [beginning(camera.key, AT + n) for n in range(20)])
    query = "{ events(first: 80) { nodes { camera { id } cameraId } } }"
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        nodes = (await data(world, query))["events"]["nodes"]
    assert len(nodes) == 80
    assert all(node["camera"]["id"] == node["cameraId"] for node in nodes)
    asked = [each for each in caplog.messages if 'FROM "camera"' in each]
    assert len(asked) == 1
