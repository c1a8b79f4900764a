from __future__ import annotations

from dataclasses import dataclass
from random import Random
from uuid import UUID, uuid4

import pytest

from media.playlist import Segment
from media.store import Hour
from models.camera import Camera, CameraTable
from models.event import EventTable
from models.recording import RecordingHourTable
from models.tenant import last_number
from resolvers import tenants
from resolvers.access import Interval, Scope
from resolvers.context import World
from resolvers.evidence import LockWish, evidence_lift, evidence_lock
from resolvers.footage import folder_of
from resolvers.removal import BY_RETENTION
from resolvers.retention import drop_events, forget_runs, keep_to_plans
from resolvers.tenants import PlanChanges
from tests.footage import lay_down, segment, summarise
from tests.resolvers.keeping import (
    DAY,
    HOUR,
    NOON,
    SECOND,
    at,
    covered,
    gaps,
    hour_rows,
    on_disk,
    record,
    record_at_random,
    rows_fit,
    times,
)
from tests.world import add_camera, add_events, beginning, context


async def plan(world: World, tenant_id: str = "default", **limits: int | None) -> None:
    admin = context(world, "", Scope.PLATFORM_ADMIN)
    await tenants.tenant_update(admin, tenant_id, PlanChanges(**limits))  # type: ignore[arg-type]


async def own_limit(camera: Camera, **limits: int) -> None:
    await CameraTable.within(camera.tenant_id).filter(key=camera.key).update(**limits)


async def lock(world: World, camera: Camera, from_us: int, to_us: int) -> UUID:
    wish = LockWish(Interval(from_us, to_us), "case 12")
    return (await evidence_lock(context(world, camera.tenant_id), camera.slug, wish)).id


async def test_without_limits_everything_stays(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0, 1, 2])
    assert await keep_to_plans(at(world, NOON + 9999 * DAY)) == 0
    assert on_disk(world, camera) == made


async def test_hours_go_once_all_of_them_is_too_old(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1, 2])
    await plan(world, retention_days=7)
    assert await keep_to_plans(at(world, NOON + 7 * DAY + HOUR + 15 * SECOND)) == 4000
    assert times(on_disk(world, camera)) == [3600, 3604, 3608, 3612, 7200, 7204, 7208, 7212]
    await rows_fit(world, camera)
    await keep_to_plans(at(world, NOON + 7 * DAY + HOUR + 16 * SECOND))
    assert times(on_disk(world, camera)) == [7200, 7204, 7208, 7212]


async def test_what_is_deleted_is_a_gap_that_says_so(world: World) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1, 2], gap=True)
    await plan(world, retention_days=7)
    then = at(world, NOON + 7 * DAY + 2 * HOUR)
    await keep_to_plans(then)
    found = await gaps(then, camera, NOON - 10 * SECOND, NOON + 2 * HOUR + 20 * SECOND)
    assert found == [
        (-10, 0, "nothing was recorded before"),
        (0, 16, BY_RETENTION),
        (16, 3600, "the camera went away"),
        (3600, 3616, BY_RETENTION),
        (3616, 7200, "the camera went away"),
        (7216, 7220, "the camera went away"),
    ]


async def test_one_run_over_many_hours_is_shortened_from_its_front(world: World) -> None:
    camera = await add_camera(world)
    run, made = uuid4(), list[Segment]()
    for number in range(3):
        begin = NOON + number * HOUR
        some = [
            segment(begin + n * 120 * SECOND, (number * 30 + n) * 120 * 90_000, 120.0, run)
            for n in range(30)
        ]
        lay_down(world, camera, some, ended=True)
        made += some
    await summarise(world, camera, made)
    await plan(world, retention_days=1)
    for hours in (1, 2):
        then = at(world, NOON + DAY + hours * HOUR)
        await keep_to_plans(then)
        found = await gaps(then, camera, NOON, NOON + 3 * HOUR)
        assert found == [(0, hours * 3600, BY_RETENTION)]
    await rows_fit(world, camera)


async def test_a_camera_may_keep_less_than_its_plan_and_never_more(world: World) -> None:
    short, long = await add_camera(world, "cam-short"), await add_camera(world, "cam-long")
    for camera, days in ((short, 1), (long, 30)):
        await own_limit(camera, retention_days=days)
        await record(world, camera, [0])
    await plan(world, retention_days=7)
    await keep_to_plans(at(world, NOON + 2 * DAY))
    assert (len(on_disk(world, short)), len(on_disk(world, long))) == (0, 4)
    await keep_to_plans(at(world, NOON + 8 * DAY))
    assert on_disk(world, long) == []


async def test_bytes_over_the_limit_go_from_the_oldest_hour_on(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0, 1, 2])
    await plan(world, retention_bytes=7000)
    then = at(world, NOON + DAY)
    assert await keep_to_plans(then) == 5000
    assert on_disk(world, camera)[1:] == made[6:]
    await rows_fit(world, camera)
    playlist = world.store.playlist(folder_of(camera), Hour("2026-05-29", "13"))
    assert playlist.removed.segments == 1
    assert await keep_to_plans(then) == 0


async def test_a_cameras_bytes_are_its_own(world: World) -> None:
    small, large = await add_camera(world, "cam-small"), await add_camera(world, "cam-large")
    await record(world, small, [0, 1])
    made = await record(world, large, [0, 1])
    await own_limit(small, retention_bytes=3000)
    await keep_to_plans(at(world, NOON + DAY))
    assert (times(on_disk(world, small)), on_disk(world, large)) == ([3604, 3608, 3612], made)


async def test_a_tenants_bytes_are_of_all_its_cameras_and_of_no_others(world: World) -> None:
    mine = [await add_camera(world, slug, "acme") for slug in ("cam-a", "cam-b")]
    other = await add_camera(world)
    await record(world, mine[0], [0, 2])
    await record(world, mine[1], [1, 3])
    made = await record(world, other, [-9])
    await plan(world, "acme", retention_bytes=8000)
    await keep_to_plans(at(world, NOON + DAY))
    assert [times(on_disk(world, camera))[0] for camera in mine] == [7200, 3 * 3600]
    assert on_disk(world, other) == made


async def test_of_the_hour_being_recorded_the_last_segment_stays(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0], each=5)
    await plan(world, retention_bytes=1)
    await keep_to_plans(at(world, NOON + 20 * SECOND))
    assert times(on_disk(world, camera)) == times(made[-1:])
    await rows_fit(world, camera)
    more = segment(made[-1].end_us, made[-1].end_position, run_id=made[-1].run_id)
    lay_down(world, camera, [made[-1], more])
    await summarise(world, camera, [more])
    await rows_fit(world, camera)


async def test_locked_footage_stays_whatever_the_limits(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0, 1, 2])
    held = await lock(world, camera, made[5].start_us + 1, made[6].end_us - 1)
    await plan(world, retention_days=1, retention_bytes=1)
    then = at(world, NOON + 9 * DAY)
    await keep_to_plans(then)
    assert times(on_disk(world, camera)) == times(made[5:7])
    await rows_fit(world, camera)
    assert await gaps(then, camera, NOON + HOUR, NOON + HOUR + 16 * SECOND) == [
        (3600, 3604, BY_RETENTION),
        (3612, 3616, BY_RETENTION),
    ]
    await evidence_lift(context(world), str(held))
    await keep_to_plans(then)
    assert on_disk(world, camera) == []
    assert await hour_rows(camera) == []


async def test_a_lock_of_another_camera_holds_nothing_here(world: World) -> None:
    camera, other = await add_camera(world), await add_camera(world, "cam-b")
    await record(world, camera, [0])
    await lock(world, other, NOON, NOON + HOUR)
    await plan(world, retention_days=1)
    await keep_to_plans(at(world, NOON + 9 * DAY))
    assert on_disk(world, camera) == []


async def test_what_a_crash_cut_short_is_done_and_told_the_next_time(world: World) -> None:
    camera = await add_camera(world)
    made = await record(world, camera, [0, 1])
    hour = world.store.hour_path(folder_of(camera), Hour("2026-05-29", "12"))
    (hour / "index.m3u8").unlink()
    (hour / made[0].name).unlink()
    await plan(world, retention_days=1)
    then = at(world, NOON + DAY + HOUR)
    await keep_to_plans(then)
    assert not hour.exists()
    await rows_fit(world, camera)
    assert await gaps(then, camera, NOON, NOON + 16 * SECOND) == [(0, 16, BY_RETENTION)]


async def test_footage_in_another_store_counts_and_is_left_to_its_own_cleaner(
    world: World,
) -> None:
    camera = await add_camera(world)
    await record(world, camera, [1])
    far = [segment(NOON + n * 4 * SECOND, n * 360_000) for n in range(4)]
    await summarise(world, camera, far)
    rows = (await hour_rows(camera))[:1]
    await _move(camera, rows[0].start_us)
    await plan(world, retention_bytes=6000)
    await keep_to_plans(at(world, NOON + DAY))
    assert times(on_disk(world, camera)) == [3600, 3604, 3608, 3612]
    assert len(await hour_rows(camera)) == 2


async def _move(camera: Camera, start_us: int) -> None:
    rows = RecordingHourTable.within(camera.tenant_id).filter(start_us=start_us)
    await rows.update(store_id=uuid4())


@dataclass
class Layout:
    """Some cameras with some footage, some of it locked."""

    made: dict[str, list[Segment]]
    cameras: list[Camera]
    locked: list[tuple[Camera, int, int]]

    def is_locked(self, camera: Camera, one: Segment) -> bool:
        return any(
            camera == of and one.start_us < to_us and one.end_us > from_us
            for of, from_us, to_us in self.locked
        )


async def laid_out(world: World, random: Random) -> Layout:
    cameras = [await add_camera(world, f"cam-{n}") for n in range(3)]
    made = {each.slug: await record_at_random(world, each, random) for each in cameras}
    locked: list[tuple[Camera, int, int]] = []
    for _ in range(random.randint(0, 3)):
        camera = random.choice(cameras)
        one = random.choice(made[camera.slug])
        span = (camera, one.start_us + 1, one.end_us + random.randint(0, 2) * HOUR)
        await lock(world, *span)
        locked.append(span)
    return Layout(made, cameras, locked)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_recorded_and_locked_the_rules_hold(world: World, seed: int) -> None:
    random = Random(seed)
    layout = await laid_out(world, random)
    days, limit = random.choice([None, 1]), random.choice([None, 9000, 20_000])
    await plan(world, retention_days=days, retention_bytes=limit)
    then = at(world, NOON + random.choice([HOUR, 20 * HOUR]))
    await keep_to_plans(then)

    left = {camera.slug: on_disk(world, camera) for camera in layout.cameras}
    stayed, gone = list[Segment](), list[Segment]()
    for camera in layout.cameras:
        await rows_fit(world, camera)
        names = {each.name for each in left[camera.slug]}
        for one in layout.made[camera.slug]:
            stays = one.name in names
            assert await covered(then, camera, one) == (None if stays else BY_RETENTION)
            assert stays or not layout.is_locked(camera, one)
            if not layout.is_locked(camera, one):
                (stayed if stays else gone).append(one)
    size = sum(each.size_bytes for some in left.values() for each in some)
    assert limit is None or size <= limit or not stayed
    newest_gone = max((one.start_us // HOUR for one in gone), default=0)
    assert all(newest_gone <= one.start_us // HOUR for one in stayed)
    assert await keep_to_plans(then) == 0
    assert {camera.slug: on_disk(world, camera) for camera in layout.cameras} == left


async def test_why_footage_is_missing_is_forgotten_after_a_year_and_what_there_is_never(
    world: World,
) -> None:
    camera = await add_camera(world)
    await record(world, camera, [0, 1], gap=True)
    await plan(world, retention_days=7)
    await keep_to_plans(at(world, NOON + 7 * DAY + HOUR))
    assert await forget_runs(at(world, NOON + 400 * DAY)) == 0
    later = at(world, NOON + 402 * DAY)
    assert await forget_runs(later) == 2
    found = await gaps(later, camera, NOON, NOON + HOUR + 16 * SECOND)
    assert found == [(0, 3600, "nothing was recorded before")]


async def test_events_and_their_snapshots_go_by_their_own_days(world: World) -> None:
    camera = await add_camera(world)
    folder = folder_of(camera)
    shots = [world.store.save_snapshot(folder, NOON + n * DAY, b"jpeg") for n in range(3)]
    await record(world, camera, [0])
    changes = [
        beginning(camera.key, NOON + n * DAY, event_id=f"evt-{n}", snapshot=shot)
        for n, shot in enumerate(shots)
    ]
    await add_events(at(world, NOON), camera, changes)
    await plan(world, event_retention_days=1)
    await drop_events(at(world, NOON + 2 * DAY))
    assert await event_ids() == ["evt-1", "evt-2"]
    assert world.store.dates(folder) == ["2026-05-29", "2026-05-30", "2026-05-31"]
    kept = [shot for shot in shots if _is_there(world, camera, shot.date, shot.hour, shot.name)]
    assert kept == shots[1:]
    assert await last_number("default", "event_floor") == 1
    assert len(on_disk(world, camera)) == 4


async def event_ids() -> list[str]:
    found = await EventTable.within("default").order_by("at_us").values_list("id", flat=True)
    return [str(each) for each in found]


def _is_there(world: World, camera: Camera, date: str, hour: str, name: str) -> bool:
    return (world.store.hour_path(folder_of(camera), Hour(date, hour)) / name).exists()


async def test_events_stay_from_the_first_locked_day_on(world: World) -> None:
    camera = await add_camera(world)
    shot = world.store.save_snapshot(folder_of(camera), NOON + DAY, b"jpeg")
    changes = [beginning(camera.key, NOON + n * DAY, event_id=f"evt-{n}") for n in range(3)]
    await add_events(at(world, NOON), camera, changes)
    await lock(world, camera, NOON + DAY, NOON + DAY + HOUR)
    await plan(world, event_retention_days=1)
    await drop_events(at(world, NOON + 99 * DAY))
    assert await event_ids() == ["evt-1", "evt-2"]
    assert _is_there(world, camera, shot.date, shot.hour, shot.name)
