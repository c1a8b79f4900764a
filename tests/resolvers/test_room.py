"""Room on a full disk: who gives how much, what stays, and what the gap says."""

from __future__ import annotations

import pytest

from models.camera import Camera
from resolvers.access import Interval
from resolvers.context import World
from resolvers.evidence import LockWish, evidence_lock
from resolvers.exports import ExportWish, export_create, exports
from resolvers.removal import FOR_ROOM
from resolvers.room import locked_bytes, make_room
from tests.resolvers.keeping import (
    DAY,
    HOUR,
    NOON,
    SECOND,
    at,
    gaps,
    on_disk,
    record,
    rows_fit,
    times,
)
from tests.statements import counted, unbounded_hours
from tests.world import add_camera, context


async def lock(world: World, camera: Camera, from_us: int, to_us: int) -> None:
    wish = LockWish(Interval(from_us, to_us), "a case")
    await evidence_lock(context(world, camera.tenant_id), camera.slug, wish)


async def test_the_oldest_footage_makes_room_and_the_gap_says_so(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1, 2])
    then = at(world, NOON + DAY)
    assert await make_room(then, 4000) == 4000
    assert times(on_disk(world, camera))[0] == 3600
    await rows_fit(world, camera)
    assert await gaps(then, camera, NOON, NOON + 16 * SECOND) == [(0, 16, FOR_ROOM)]


async def test_who_keeps_most_for_each_camera_gives_first(world: World) -> None:
    """Ten hours of one camera against two each of five: the same bytes, but not the same share."""
    greedy = await add_camera(world, tenant_id="acme")
    modest = [await add_camera(world, f"cam-{n}") for n in range(5)]
    await record(world, greedy, list(range(-4, 6)))
    for camera in modest:
        await record(world, camera, [-9, -8])
    await make_room(at(world, NOON + DAY), 16_000)
    assert len(on_disk(world, greedy)) == 40 - 16
    assert all(len(on_disk(world, camera)) == 8 for camera in modest)


async def test_equals_give_equally(world: World) -> None:
    one, other = await add_camera(world, tenant_id="acme"), await add_camera(world)
    for camera in (one, other):
        await record(world, camera, [0, 1, 2, 3])
    await make_room(at(world, NOON + DAY), 8000)
    assert abs(len(on_disk(world, one)) - len(on_disk(world, other))) <= 4
    assert len(on_disk(world, one)) + len(on_disk(world, other)) <= 24


async def test_evidence_makes_no_room(world: World) -> None:
    camera, other = await add_camera(world), await add_camera(world, tenant_id="acme")
    made = await record(world, camera, [0, 1])
    await record(world, other, [5])
    await lock(world, camera, NOON, NOON + 2 * HOUR)
    assert await locked_bytes(world) == 8000
    assert await make_room(at(world, NOON + DAY), 999_999) == 4000
    assert (on_disk(world, camera), on_disk(world, other)) == (made, [])
    assert await make_room(at(world, NOON + DAY), 999_999) == 0


async def test_what_exports_and_locks_hold_is_read_of_their_own_hours_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The export holds the last hour of three, and fails for the room that it takes."""
    camera = await add_camera(world)
    await record(world, camera, [0, 1, 2])
    then = at(world, NOON + DAY)
    wish = ExportWish([camera.slug], Interval(NOON + 2 * HOUR, NOON + 3 * HOUR))
    export = await export_create(context(then), wish)
    async with counted(caplog) as statements:
        assert await make_room(then, 12_000) == 12_000
    assert unbounded_hours(statements) == []
    [failed] = (await exports(context(then), 10, None)).exports
    assert (failed.id, failed.state, failed.fault_code) == (export.id, "failed", "NO_ROOM")

    await record(world, camera, [3])
    await lock(world, camera, NOON + 3 * HOUR, NOON + 4 * HOUR)
    async with counted(caplog) as statements:
        assert await locked_bytes(world) == 4000
    assert unbounded_hours(statements) == []


async def test_of_what_is_being_recorded_the_last_segment_stays(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [-5, 0])
    then = at(world, NOON + 20 * SECOND)
    assert await make_room(then, 999_999) == 7000
    assert on_disk(world, camera) == made[-1:]
    assert await make_room(then, 999_999) == 0


async def test_nothing_to_remove_makes_no_room(world: World) -> None:
    await add_camera(world)
    assert await make_room(world, 1000) == 0
    assert await locked_bytes(world) == 0
