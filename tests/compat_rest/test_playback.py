from __future__ import annotations

import pytest

from resolvers.context import World
from resolvers.playback import NUDGE_US
from tests.compat_rest.service import PROBLEM, client_for, client_of
from tests.footage import TICKS, lay_down, segment, summarise
from tests.world import add_camera, add_events, beginning

TIMELINE = "/v2/api/playback/timeline"
PLAY = "/v2/api/playback/event"
NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
HOUR = 3600 * SECOND


async def test_a_timeline_lists_the_hours_that_have_footage(world: World) -> None:
    camera = await add_camera(world)
    for start in (NOON, NOON + 2 * HOUR + 1_500_000):
        parts = [segment(start, 0), segment(start + 60 * SECOND, 8 * TICKS)]
        lay_down(world, camera, parts)
        await summarise(world, camera, parts)
    async with client_of(world) as client:
        answer = await client.get(f"{TIMELINE}?camera_id=cam-front-01&date=2026-05-29")
    assert answer.text == (
        '{"camera_id":"cam-front-01","date":"2026-05-29","hours":['
        '{"hour":12,"playlist_url":"/v2/hls/cam-front-01/2026-05-29/12/index.m3u8",'
        '"start":"2026-05-29T12:00:00.000Z","end":"2026-05-29T12:01:04.000Z",'
        '"duration":8.0,"complete":true},'
        '{"hour":14,"playlist_url":"/v2/hls/cam-front-01/2026-05-29/14/index.m3u8",'
        '"start":"2026-05-29T14:00:01.500Z","end":"2026-05-29T14:01:05.500Z",'
        '"duration":8.0,"complete":true}]}'
    )


async def test_the_hour_being_recorded_is_not_complete(world: World) -> None:
    camera = await add_camera(world)
    parts = [segment(world.clock.now_us(), 0)]
    hour = lay_down(world, camera, parts)
    await summarise(world, camera, parts)
    async with client_of(world) as client:
        answer = await client.get(f"{TIMELINE}?camera_id=cam-front-01&date={hour.date}")
    assert [each["complete"] for each in answer.json()["hours"]] == [False]


async def test_a_day_without_footage_has_no_hours(world: World) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        answer = await client.get(f"{TIMELINE}?camera_id=cam-front-01&date=2026-05-29")
    assert (answer.status_code, answer.json()["hours"]) == (200, [])


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", ["camera_id", "date"]),
        ("camera_id=cam-front-01", ["date"]),
        ("date=2026-05-29", ["camera_id"]),
        ("camera_id=cam-front-01&date=2026-13-01", ["date"]),
        ("camera_id=cam-front-01&date=2026-02-29", ["date"]),
        ("camera_id=cam-front-01&date=20260529", ["date"]),
        ("camera_id=cam-front-01&date=2026-05-29T00:00", ["date"]),
        ("camera_id=cam-front-01&date=../2026", ["date"]),
        ("camera_id=cam-front-01&date=%00", ["date"]),
        ("camera_id=cam-front-01&date=", ["date"]),
        ("camera_id=cam-front-01&date=2026-05-29&date=2026-05-30", ["date"]),
        ("camera_id=a%00&date=2026-05-29", ["camera_id"]),
    ],
)
async def test_wrong_timeline_parameters_are_named(
    world: World, query: str, fields: list[str]
) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        answer = await client.get(f"{TIMELINE}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert sorted(each["field"] for each in answer.json()["errors"]) == fields


async def test_an_event_says_where_it_plays(world: World) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON, 900)])
    at = NOON + 1_234_567
    event = beginning(camera.key, at, position=900 + 111_111, event_id="evt-abc")
    await add_events(world, camera, [event])
    async with client_of(world) as client:
        answer = await client.get(f"{PLAY}/evt-abc")
    offset = (1_234_567 + NUDGE_US) / SECOND
    assert answer.text == (
        '{"event_id":"evt-abc","camera_id":"cam-front-01",'
        '"playlist_url":"/v2/hls/cam-front-01/2026-05-29/12/index.m3u8",'
        f'"offset":{offset},"ts":"2026-05-29T12:00:01.234Z"}}'
    )


async def test_an_event_whose_frame_is_not_recorded_says_so(world: World) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, NOON, event_id="evt-abc")])
    async with client_of(world) as client:
        answer = await client.get(f"{PLAY}/evt-abc")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_RECORDED")
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    "event_id", ["evt-nobody", "..", "%00", "a%00b", "x" * 5000, "%F0%9F%98%80"]
)
async def test_an_unknown_event_is_not_found(world: World, event_id: str) -> None:
    async with client_of(world) as client:
        answer = await client.get(f"{PLAY}/{event_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_another_tenants_event_is_as_one_that_is_not_there(world: World) -> None:
    camera = await add_camera(world, "cam-a", "acme")
    await add_camera(world, "cam-a", "default")
    lay_down(world, camera, [segment(NOON, 0)])
    await add_events(world, camera, [beginning(camera.key, NOON, position=0, event_id="evt-acme")])
    async with client_for(world, "acme") as client:
        assert (await client.get(f"{PLAY}/evt-acme")).status_code == 200
    async with client_of(world) as client:
        foreign = await client.get(f"{PLAY}/evt-acme")
        absent = await client.get(f"{PLAY}/evt-none")
    assert (foreign.status_code, absent.status_code) == (404, 404)
    assert foreign.text.replace("evt-acme", "evt-none") == absent.text


async def test_another_tenants_camera_has_no_timeline(world: World) -> None:
    theirs = await add_camera(world, "cam-theirs", "acme")
    parts = [segment(NOON, 0)]
    lay_down(world, theirs, parts)
    await summarise(world, theirs, parts)
    async with client_of(world) as client:
        foreign = await client.get(f"{TIMELINE}?camera_id=cam-theirs&date=2026-05-29")
        absent = await client.get(f"{TIMELINE}?camera_id=cam-nobody&date=2026-05-29")
    assert (foreign.status_code, absent.status_code) == (404, 404)
    assert foreign.text.replace("cam-theirs", "cam-nobody") == absent.text


async def test_two_tenants_keep_timelines_of_the_same_camera_apart(world: World) -> None:
    for tenant, start in (("default", NOON), ("acme", NOON + HOUR)):
        camera = await add_camera(world, "cam-a", tenant)
        parts = [segment(start, 0)]
        lay_down(world, camera, parts)
        await summarise(world, camera, parts)
    async with client_for(world, "acme") as client:
        answer = await client.get(f"{TIMELINE}?camera_id=cam-a&date=2026-05-29")
    assert [each["hour"] for each in answer.json()["hours"]] == [13]
