"""Footage on another host, as GraphQL tells of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from models.camera import Camera
from resolvers.context import World
from tests.far import asking, host
from tests.footage import TICKS, lay_down, segment, summarise
from tests.schema.service import ask, codes, data
from tests.world import add_camera, add_events, beginning

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
LEAP = 300 * TICKS
PLACE = """query($id: ID!) { event(id: $id) { playback { playlistUrl offset } } }"""
COVERAGE = """{ camera(id: "cam-front-01") {
  coverage(from: "2026-05-29T12:00:00Z", to: "2026-05-29T12:00:04Z") {
    gapSeconds intervals { recorded reason } } } }"""


async def record(world: World, camera: Camera, start_us: int, position: int) -> None:
    part = [segment(start_us, position)]
    lay_down(world, camera, part)
    await summarise(world, camera, part)


@pytest.fixture
async def camera(world: World) -> Camera:
    return await add_camera(world)


async def test_the_part_of_an_hour_that_an_event_plays_from_is_signed(
    world: World, camera: Camera, tmp_path: Path
) -> None:
    async with host(world, tmp_path / "elsewhere") as there, asking(world) as asks:
        await record(there.world, camera, NOON, 0)
        await record(world, camera, NOON + 10 * SECOND, LEAP)
        event = beginning(camera.key, NOON + 11 * SECOND, position=LEAP + TICKS)
        await add_events(world, camera, [event])
        place = (await data(asks, PLACE, {"id": event.event_id}))["event"]["playback"]
    address = urlsplit(place["playlistUrl"])
    query = parse_qs(address.query)
    assert address.path == "/v2/hls/cam-front-01/2026-05-29/12/index.m3u8"
    assert query["from_position"] == [str(LEAP)]
    actor = asks.identity.actor_of_grant(query["grant"][0])
    assert actor.cameras == frozenset({"cam-front-01"})
    assert round(place["offset"], 5) == 1.0


async def test_an_event_whose_footage_is_away_has_an_error_and_no_place(
    world: World, camera: Camera, tmp_path: Path
) -> None:
    event = beginning(camera.key, NOON + SECOND, position=TICKS)
    await add_events(world, camera, [event])
    async with host(world, tmp_path / "elsewhere") as there, asking(world) as asks:
        await record(there.world, camera, NOON, 0)
        answer = await ask(asks, PLACE, {"id": event.event_id})
        assert answer["data"]["event"]["playback"]["offset"] == pytest.approx(1.0, abs=1e-5)
        covered = (await data(asks, COVERAGE))["camera"]["coverage"]
        assert covered["intervals"] == [{"recorded": True, "reason": None}]
        await there.stop()
        answer = await ask(asks, PLACE, {"id": event.event_id})
        assert codes(answer) == ["FOOTAGE_AWAY"]
        assert answer["data"]["event"]["playback"] is None
        covered = (await data(asks, COVERAGE))["camera"]["coverage"]
        assert covered == {
            "gapSeconds": 4.0,
            "intervals": [{"recorded": False, "reason": "the worker that holds it is away"}],
        }
