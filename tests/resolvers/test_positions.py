from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from media.playlist import LONGEST_SEGMENT_SECONDS
from media.repair import DIED
from media.store import RecordingStore
from media.types import RunBegan
from models.camera import Camera
from resolvers import ingest
from resolvers.camera_input import CameraChanges
from resolvers.cameras import camera_update
from resolvers.context import World
from resolvers.positions import earliest_position
from tests.footage import TICKS, segment, summarise
from tests.world import add_camera, context

NOON = 1_780_056_000_000_000
SECOND = 1_000_000


@pytest.fixture
def elsewhere(world: World, tmp_path: Path) -> World:
    """The world of another host, with the same database and a store of its own."""
    return replace(world, store=RecordingStore(tmp_path / "elsewhere"))


async def earliest(camera: Camera, store_id: UUID, now_us: int) -> int:
    return await earliest_position(camera.tenant_id, camera.key, store_id, now_us)


async def test_footage_of_this_store_or_none_sets_no_bound(world: World) -> None:
    camera = await add_camera(world)
    own = world.store.store_id
    assert await earliest(camera, own, NOON) == 0
    await summarise(world, camera, [segment(NOON, 900)])
    assert await earliest(camera, own, NOON + 4 * SECOND) == 0


async def test_after_a_proper_hand_over_positions_go_on_without_a_hole(
    world: World, elsewhere: World
) -> None:
    camera = await add_camera(world)
    await summarise(elsewhere, camera, [segment(NOON, 900)], "recording was stopped")
    assert await earliest(camera, world.store.store_id, NOON + 6 * SECOND) == 900 + 4 * TICKS


async def test_a_camera_that_was_switched_off_and_on_sets_no_other_bound(
    world: World, elsewhere: World
) -> None:
    camera = await add_camera(world)
    await summarise(elsewhere, camera, [segment(NOON, 900)], "recording was stopped")
    await camera_update(context(world), camera.slug, CameraChanges(enabled=True))
    assert await earliest(camera, world.store.store_id, NOON + 6 * SECOND) == 900 + 4 * TICKS


@pytest.mark.parametrize("reason", [None, DIED])
@pytest.mark.parametrize("passed_s", [0, 30, 7200])
async def test_a_recorder_that_died_may_have_footage_that_nobody_told_of(
    world: World, elsewhere: World, reason: str | None, passed_s: int
) -> None:
    camera = await add_camera(world)
    await summarise(elsewhere, camera, [segment(NOON, 900)], reason)
    now_us = NOON + (4 + passed_s) * SECOND
    begin = await earliest(camera, world.store.store_id, now_us)
    longest = 900 + 4 * TICKS + round(passed_s * 1.01 * TICKS)
    assert begin - longest > LONGEST_SEGMENT_SECONDS * TICKS
    assert begin % 9 == 0


async def test_a_run_that_ended_long_ago_may_have_had_a_successor(
    world: World, elsewhere: World
) -> None:
    camera = await add_camera(world)
    await summarise(elsewhere, camera, [segment(NOON, 0)], "the camera closed the connection")
    assert await earliest(camera, world.store.store_id, NOON + 60 * SECOND) > 60 * TICKS


async def test_a_run_elsewhere_without_a_whole_segment_is_leapt_over(
    world: World, elsewhere: World
) -> None:
    camera = await add_camera(world)
    here = segment(NOON, 900)
    await summarise(world, camera, [here], "recording was stopped")
    began = RunBegan(camera.key, segment(0, 0).run_id, NOON + 5 * SECOND)
    await ingest.record(elsewhere, camera.tenant_id, {camera.key: camera.slug}, [began])
    begin = await earliest(camera, world.store.store_id, NOON + 8 * SECOND)
    assert begin > here.end_position + 4 * TICKS


async def test_a_store_that_took_over_long_ago_does_not_leap_again(
    world: World, elsewhere: World
) -> None:
    camera = await add_camera(world)
    await summarise(elsewhere, camera, [segment(NOON, 900)], DIED)
    later = segment(NOON + 10 * SECOND, 900 + 300 * TICKS)
    await summarise(world, camera, [later])
    assert await earliest(camera, world.store.store_id, NOON + 3600 * SECOND) == 0
    assert await earliest(camera, elsewhere.store.store_id, NOON + 15 * SECOND) > later.end_position


async def test_a_namesake_in_another_tenant_moves_nothing(world: World, elsewhere: World) -> None:
    theirs = await add_camera(world, "cam-a", "acme")
    await summarise(elsewhere, theirs, [segment(NOON, 900)])
    ours = await add_camera(world, "cam-a", "default")
    assert await earliest(ours, world.store.store_id, NOON) == 0
    assert await earliest_position("default", theirs.key, world.store.store_id, NOON) == 0
