"""However footage or events can be removed: what is held stays, and what goes is on record."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from uuid import UUID

import pytest

from media.store import Hour
from models.base import select
from models.camera import Camera
from models.event_days import make_event_days
from models.export import Export
from models.removal import Removal, RemovalTable
from resolvers import cameras, export_jobs, exports, ingest, retention
from resolvers.access import Actor, Interval, Scope
from resolvers.context import Context, World
from resolvers.errors import BadCursor, Conflict, ScopeMissing
from resolvers.evidence import LockWish, evidence_lift, evidence_lock
from resolvers.exports import ExportWish
from resolvers.footage import folder_of
from resolvers.reconcile import reconcile
from resolvers.removal import Doomed, remove
from resolvers.removals import removal_cursor, removals
from resolvers.retention import drop_events, forget_runs, keep_to_plans
from resolvers.room import make_room
from tests.resolvers.keeping import DAY, HOUR, NOON, SECOND, at, on_disk, record, times
from tests.resolvers.test_retention import lock, plan
from tests.world import add_camera, add_events, beginning, context


async def noted(tenant_id: str = "default") -> list[Removal]:
    rows = RemovalTable.within(tenant_id).order_by("began_us", "cause")
    return await select(rows, Removal)


async def exported(
    world: World, camera: Camera, from_us: int, to_us: int, created_us: int = NOON + DAY
) -> Export:
    ctx = context(at(world, created_us), camera.tenant_id)
    return await exports.export_create(ctx, ExportWish([camera.slug], Interval(from_us, to_us)))


async def test_what_goes_by_age_is_one_record_a_day(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1, 2])
    await plan(world, retention_days=7)
    then = NOON + 7 * DAY + HOUR
    for now_us in (then, then, then + HOUR):
        await keep_to_plans(at(world, now_us))
    [one] = await noted()
    assert (one.camera_key, one.camera_slug) == (camera.key, "cam-front-01")
    assert (one.cause, one.removed_by, one.events) == ("age", None, 0)
    assert (one.from_us, one.to_us) == (NOON, NOON + HOUR + 16 * SECOND)
    assert (one.size_bytes, one.segments) == (8000, 8)
    assert (one.began_us, one.last_us) == (then, then + HOUR)
    await keep_to_plans(at(world, then + DAY))
    assert [each.segments for each in await noted()] == [8, 4]


async def test_what_goes_by_bytes_and_for_room_is_told_apart(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1, 2])
    await plan(world, retention_bytes=10_000)
    then = at(world, NOON + DAY)
    await keep_to_plans(then)
    await make_room(then, 1000)
    found = [(each.cause, each.size_bytes, each.segments) for each in await noted()]
    assert found == [("bytes", 2000, 2), ("disk", 1000, 1)]
    assert [each.began_us for each in await noted()] == [NOON + DAY] * 2
    assert len(on_disk(world, camera)) == 9


@pytest.mark.parametrize("way", ["age", "bytes", "disk"])
async def test_a_lock_holds_against_it_until_it_is_lifted_or_over(world: World, way: str) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1])
    lifted = await lock(world, camera, NOON, NOON + HOUR)
    wish = LockWish(Interval(NOON + HOUR, NOON + 2 * HOUR), "a case", NOON + 9999 * DAY)
    await evidence_lock(context(world), camera.slug, wish)
    await plan(world, retention_days=1 if way == "age" else None)
    await plan(world, retention_bytes=1 if way == "bytes" else None)

    async def go(now_us: int) -> None:
        await keep_to_plans(at(world, now_us))
        if way == "disk":
            await make_room(at(world, now_us), 999_999)

    await go(NOON + 9 * DAY)
    assert (len(on_disk(world, camera)), await noted()) == (8, [])
    await evidence_lift(context(world), str(lifted))
    await go(NOON + 9 * DAY)
    assert times(on_disk(world, camera))[0] == 3600
    assert [(each.cause, each.size_bytes) for each in await noted()] == [(way, 4000)]
    await go(NOON + 9999 * DAY)
    assert on_disk(world, camera) == []
    assert [each.size_bytes for each in await noted()] == [4000, 4000]


async def test_a_lock_made_while_a_pass_is_at_work_holds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the cameras were looked at, before its hour's turn comes."""
    camera = await add_camera(world)
    await record(world, camera, [0, 1])
    await plan(world, retention_days=1)
    whole = remove

    async def slow(of: World, doomed: Doomed) -> int:
        await lock(world, camera, NOON + HOUR, NOON + 2 * HOUR)
        return await whole(of, doomed)

    monkeypatch.setattr(retention, "remove", slow)
    await keep_to_plans(at(world, NOON + 9 * DAY))
    assert times(on_disk(world, camera)) == [3600, 3604, 3608, 3612]


async def states(world: World) -> dict[UUID, str]:
    """Of each export, or why it failed."""
    found = (await exports.exports(context(world), 99, None)).exports
    return {each.id: each.fault_code or each.state for each in found}


@pytest.mark.parametrize("way", ["age", "bytes"])
async def test_footage_stays_while_it_is_exported(world: World, way: str) -> None:
    """Before a worker has begun, after it was killed, and until it is over; then it goes."""
    camera = await add_camera(world)
    await record(world, camera, [0, 1])
    export = await exported(world, camera, NOON + 5 * SECOND, NOON + HOUR + SECOND)
    await plan(world, retention_days=1 if way == "age" else None)
    await plan(world, retention_bytes=1 if way == "bytes" else None)
    then = at(world, NOON + 9 * DAY)
    await keep_to_plans(then)
    assert times(on_disk(world, camera)) == [4, 8, 12, 3600]
    job = await export_jobs.take(world)
    assert job is not None
    await keep_to_plans(then)
    assert len(on_disk(world, camera)) == 4
    await exports.export_delete(context(world), str(export.id))
    await keep_to_plans(then)
    assert on_disk(world, camera) == []


async def test_recording_goes_before_exports_on_a_full_disk(world: World) -> None:
    """The latest export fails first, and none whose footage would stay without it too."""
    camera, other = await add_camera(world), await add_camera(world, "cam-2")
    await record(world, camera, [0, 1])
    made = await record(world, other, [0])
    first = await exported(world, camera, NOON, NOON + HOUR)
    second = await exported(world, camera, NOON + HOUR, NOON + 2 * HOUR, NOON + DAY + 1)
    locked = await exported(world, other, NOON, NOON + HOUR)
    await lock(world, other, NOON, NOON + HOUR)
    assert await make_room(at(world, NOON + DAY), 3000) == 4000
    assert times(on_disk(world, camera)) == [0, 4, 8, 12]
    found = await states(world)
    assert found == {first.id: "waiting", second.id: "NO_ROOM", locked.id: "waiting"}
    assert await make_room(at(world, NOON + DAY), 99_999) == 4000
    assert (on_disk(world, camera), on_disk(world, other)) == ([], made)
    found = await states(world)
    assert found == {first.id: "NO_ROOM", second.id: "NO_ROOM", locked.id: "waiting"}


async def test_a_held_camera_is_not_deleted_and_what_holds_it_is_named(world: World) -> None:
    camera, other = await add_camera(world), await add_camera(world, "cam-2")
    for each in (camera, other):
        await record(world, each, [0])
    lock_id = await lock(world, camera, NOON, NOON + HOUR)
    export = await exported(world, camera, NOON, NOON + HOUR)
    ctx = context(world)
    with pytest.raises(Conflict, match=f"locked as evidence: {lock_id}"):
        await cameras.camera_delete(ctx, camera.slug)
    await evidence_lift(ctx, str(lock_id))
    with pytest.raises(Conflict, match=f"being exported: {export.id}"):
        await cameras.camera_delete(ctx, camera.slug)
    assert len(await cameras.cameras(ctx)) == 2
    assert await noted() == []
    await cameras.camera_delete(ctx, other.slug)
    await exports.export_delete(ctx, str(export.id))
    await cameras.camera_delete(ctx, camera.slug)
    assert [each.cause for each in await noted()] == ["camera", "camera"]


async def test_who_deleted_a_camera_is_on_record_with_how_much_went(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1])
    ctx = context(at(world, NOON + DAY))
    eva = Context(replace(ctx.actor, subject="eva"), ctx.world)
    deletion = await cameras.camera_delete(eva, camera.slug)
    [asked] = await noted()
    assert (asked.cause, asked.removed_by, asked.began_us) == ("camera", "eva", NOON + DAY)
    assert (asked.from_us, asked.to_us, asked.size_bytes) == (None, None, 0)
    world.store.delete_camera(folder_of(camera))
    for _ in range(2):
        assert await ingest.footage_removed(at(world, NOON + DAY + SECOND), deletion)
    [gone] = await noted()
    assert (gone.id, gone.removed_by, gone.began_us) == (asked.id, "eva", NOON + DAY)
    assert (gone.from_us, gone.to_us) == (NOON, NOON + HOUR + 16 * SECOND)
    assert (gone.size_bytes, gone.segments, gone.last_us) == (8000, 8, NOON + DAY + SECOND)


async def test_what_somebody_took_from_the_disk_is_on_record_and_evidence_is_an_error(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1, 2])
    lock_id = await lock(world, camera, NOON + HOUR, NOON + 2 * HOUR)
    for hour in ("12", "13"):
        shutil.rmtree(world.store.hour_path(folder_of(camera), Hour("2026-05-29", hour)))
    await reconcile(at(world, NOON + DAY), camera)
    [one] = await noted()
    assert (one.cause, one.removed_by, one.size_bytes, one.segments) == ("lost", None, 8000, 8)
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [each.args for each in errors] == [(camera.key, lock_id)]


async def test_events_that_go_are_on_record(world: World) -> None:
    camera, far = await add_camera(world), await add_camera(world, "cam-far", "acme")
    for of, count in ((camera, 4), (far, 2)):
        changes = [beginning(of.key, NOON + n * DAY) for n in range(count)]
        await add_events(at(world, NOON), of, changes)
    await make_event_days(NOON + 4 * DAY)
    await plan(world, event_retention_days=2)
    await plan(world, "acme", event_retention_days=3)
    then = NOON + 4 * DAY
    await drop_events(at(world, then))
    await drop_events(at(world, then))
    for tenant_id, events, until in (("default", 2, NOON + DAY), ("acme", 1, NOON)):
        [one] = await noted(tenant_id)
        assert (one.cause, one.camera_key, one.removed_by) == ("age", None, None)
        assert (one.events, one.segments, one.began_us) == (events, 0, then)
        assert one.from_us is not None
        assert one.to_us is not None
        assert one.from_us <= NOON < one.to_us
        assert until < one.to_us <= until + DAY


async def test_the_record_is_paged_through_and_is_the_tenants_own(world: World) -> None:
    for number in range(5):
        camera = await add_camera(world, f"cam-{number}")
        await cameras.camera_delete(context(at(world, NOON + number // 2)), camera.slug)
    seen: list[Removal] = []
    after: str | None = None
    while True:
        page = await removals(context(world), 2, after)
        seen += page.removals
        after = removal_cursor(page.removals[-1])
        if not page.has_next:
            break
    assert sorted(each.id for each in seen) == sorted(each.id for each in await noted())
    assert [each.began_us - NOON for each in seen] == [2, 1, 1, 0, 0]
    assert (await removals(context(world, "acme"), 9, None)).removals == []
    for cursor in ("x", removal_cursor(seen[0])):
        with pytest.raises(BadCursor):
            await removals(context(world, "acme"), 9, cursor)
    with pytest.raises(ScopeMissing):
        await removals(context(world, "default", Scope.PLAYBACK_READ, Scope.CAMERAS_WRITE), 9, None)
    narrowed = Actor("default", frozenset({Scope.TENANT_ADMIN}), frozenset({"cam-1"}))
    found = (await removals(Context(narrowed, world), 9, None)).removals
    assert [each.camera_slug for each in found] == ["cam-1"]


async def test_the_record_is_kept_for_400_days(world: World) -> None:
    camera = await add_camera(world)
    await cameras.camera_delete(context(at(world, NOON)), camera.slug)
    await forget_runs(at(world, NOON + 400 * DAY))
    assert len(await noted()) == 1
    await forget_runs(at(world, NOON + 400 * DAY + 1))
    assert await noted() == []
