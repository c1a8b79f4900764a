"""Tables and disk that were restored from different times fit again, and what is lost is said."""

from __future__ import annotations

import shutil
from uuid import uuid4

from media.playlist import PLAYLIST_NAME, Playlist, dump
from media.repair import DIED
from media.store import Hour
from models.camera import Camera
from models.lease import WorkerTable
from models.recording import RecordingHourTable, RecordingRunTable
from resolvers.context import World
from resolvers.footage import folder_of
from resolvers.reconcile import Reconciler, reconcile
from resolvers.removal import LOST
from tests.footage import lay_down
from tests.resolvers.keeping import (
    HOUR,
    NOON,
    SECOND,
    covered,
    gaps,
    hour_rows,
    on_disk,
    record,
    rows_fit,
)
from tests.world import add_camera


async def forget(camera: Camera, from_us: int) -> None:
    """As in a copy of the tables that was made at that time."""
    hours = RecordingHourTable.within(camera.tenant_id)
    await hours.filter(start_us__gte=from_us).delete()
    runs = RecordingRunTable.within(camera.tenant_id)
    await runs.filter(started_us__gte=from_us).delete()
    await runs.filter(recorded_until_us__gt=from_us).update(
        recorded_until_us=from_us, ended_us=None, end_reason=None
    )


async def test_what_fits_is_left_as_it_is(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1], gap=True)
    before = await hour_rows(camera)
    found = await reconcile(world, camera)
    assert (found.untold, found.lost) == ([], [])
    assert await hour_rows(camera) == before


async def test_footage_without_rows_gets_them(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0, 1, 2], gap=True)
    await forget(camera, NOON + HOUR)
    found = await reconcile(world, camera)
    assert [hour.hour for hour in found.untold] == ["13", "14"]
    await rows_fit(world, camera)
    assert [await covered(world, camera, one) for one in made] == [None] * len(made)
    assert await gaps(world, camera, NOON + HOUR, NOON + HOUR + 20 * SECOND) == [(3616, 3620, DIED)]


async def test_without_any_row_all_of_it_is_found(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0, 1, 2])
    await forget(camera, 0)
    await reconcile(world, camera)
    await rows_fit(world, camera)
    assert [await covered(world, camera, one) for one in made] == [None] * len(made)


async def test_an_hour_that_went_on_after_the_backup_is_told_to_its_end(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0, 1], each=3)
    (row,) = [each for each in await hour_rows(camera) if each.hour == "13"]
    rows = RecordingHourTable.within("default").filter(start_us=row.start_us)
    values = {"end_us": made[3].end_us, "duration_us": 4 * SECOND, "size_bytes": 1000}
    await rows.update(**values, segments=1)
    runs = RecordingRunTable.within("default")
    await runs.update(recorded_until_us=made[3].end_us)
    await reconcile(world, camera)
    await rows_fit(world, camera)
    assert await covered(world, camera, made[-1]) is None


async def test_rows_of_footage_that_is_not_there_become_a_gap(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0, 1], gap=True)
    folder = world.store.hour_path(folder_of(camera), Hour("2026-05-29", "12"))
    shutil.rmtree(folder)
    found = await reconcile(world, camera)
    assert [row.hour for row in found.lost] == ["12"]
    await rows_fit(world, camera)
    assert await covered(world, camera, made[0]) == LOST
    assert await covered(world, camera, made[-1]) is None


async def test_an_hour_whose_copy_ends_early_is_told_as_far_as_it_is_there(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0])
    folder = world.store.hour_path(folder_of(camera), Hour("2026-05-29", "12"))
    (folder / PLAYLIST_NAME).write_text(dump(Playlist(tuple(made[:2]), ended=False)))
    for each in made[2:]:
        (folder / each.name).unlink()
    await reconcile(world, camera)
    await rows_fit(world, camera)
    assert [await covered(world, camera, one) for one in made] == [None, None, LOST, LOST]


async def test_a_disk_that_is_not_mounted_loses_no_rows(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0])
    before = await hour_rows(camera)
    shutil.rmtree(world.store.camera_path(folder_of(camera)))
    found = await reconcile(world, camera)
    assert (found.untold, found.lost) == ([], [])
    assert await hour_rows(camera) == before


async def test_each_camera_is_looked_at_once(world: World) -> None:
    reconciler = Reconciler(world)
    await reconciler.look()
    camera = await add_camera(world, tenant_id="acme")
    made = await record(world, camera, [0])
    await forget(camera, 0)
    await reconciler.look()
    await rows_fit(world, camera)
    await forget(camera, 0)
    await reconciler.look()
    assert (await hour_rows(camera), on_disk(world, camera)) == ([], made)


async def test_running_it_twice_changes_nothing_more(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1], gap=True)
    lay_down(world, camera, (await record(world, camera, [3]))[:2])
    await forget(camera, NOON + HOUR)
    await reconcile(world, camera)
    before = await hour_rows(camera)
    await reconcile(world, camera)
    assert await hour_rows(camera) == before


async def test_rows_from_before_stores_had_names_are_this_ones_where_it_is_the_only_one(
    world: World,
) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0])
    rows = RecordingHourTable.within("default")
    await rows.update(store_id=None)
    now_us = world.clock.now_us()
    other = await WorkerTable.create(
        id=uuid4(), name="w", store_id=uuid4(), started_us=now_us, seen_us=now_us
    )
    await Reconciler(world).look()
    assert (await hour_rows(camera))[0].store_id is None
    await other.delete()
    await Reconciler(world).look()
    assert [row.store_id for row in await hour_rows(camera)] == [world.store.store_id]
    await rows_fit(world, camera)
