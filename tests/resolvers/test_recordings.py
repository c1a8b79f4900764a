from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from media.repair import DIED, Repaired
from media.types import CameraState, StatusChanged
from models.lease import CameraLeaseTable
from models.recording import RecordingRunTable
from resolvers import ingest, recordings
from resolvers.access import Interval, Scope
from resolvers.camera_input import CameraChanges
from resolvers.cameras import camera_update
from resolvers.context import World
from resolvers.errors import InvalidInput, NotFound, ScopeMissing
from tests.footage import TICKS, closed, lay_down, segment, summarise
from tests.world import StandingClock, add_camera, context

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000


async def test_the_hours_of_a_day_are_listed_with_their_footage(world: World) -> None:
    camera = await add_camera(world)
    run = uuid4()
    first = [segment(NOON, 0, run_id=run), segment(NOON + 4 * SECOND, 4 * TICKS, run_id=run)]
    later = [segment(NOON + 3600 * SECOND, 8 * TICKS)]
    for part in (first, later):
        lay_down(world, camera, part, ended=True)
        await summarise(world, camera, part)
    found = await recordings.hours(context(world), "cam-front-01", "2026-05-29")
    assert [(each.hour, each.duration_us, each.complete) for each in found] == [
        (12, 8 * SECOND, True),
        (13, 4 * SECOND, True),
    ]
    assert (found[0].start_us, found[0].end_us) == (NOON, NOON + 8 * SECOND)
    assert found[0].playlist_url == "/v2/hls/cam-front-01/2026-05-29/12/index.m3u8"
    assert await recordings.hours(context(world), "cam-front-01", "2026-05-28") == []


async def test_a_segment_reported_twice_counts_once(world: World) -> None:
    camera = await add_camera(world)
    part = [segment(NOON, 0)]
    await summarise(world, camera, part)
    await summarise(world, camera, part)
    (hour,) = await recordings.hours(context(world), "cam-front-01", "2026-05-29")
    assert hour.duration_us == 4 * SECOND


@pytest.mark.parametrize("date", ["2026-13-01", "today", "", "20260529", "2026-05-29T00:00"])
async def test_an_impossible_date_is_named(world: World, date: str) -> None:
    await add_camera(world)
    with pytest.raises(InvalidInput, match="date: want a date as YYYY-MM-DD"):
        await recordings.hours(context(world), "cam-front-01", date)


async def test_another_tenants_footage_is_absent(world: World) -> None:
    camera = await add_camera(world, "cam-a", "acme")
    await summarise(world, camera, [segment(NOON, 0)])
    await add_camera(world, "cam-a", "default")
    ctx = context(world, "default")
    assert await recordings.hours(ctx, "cam-a", "2026-05-29") == []
    parts = await recordings.coverage(ctx, "cam-a", Interval(NOON, NOON + 4 * SECOND))
    assert [part.gap_reason for part in parts] == ["nothing was recorded before"]
    with pytest.raises(NotFound):
        await recordings.hours(ctx, "cam-b", "2026-05-29")
    with pytest.raises(ScopeMissing):
        await recordings.hours(context(world, "default", Scope.CAMERAS_READ), "cam-a", "2026-05-29")


async def test_coverage_sums_exactly_to_the_range_and_gives_every_gap_a_reason(
    world: World,
) -> None:
    camera = await add_camera(world)
    await summarise(world, camera, [segment(NOON, 0)], "the camera closed the connection")
    await summarise(world, camera, [segment(NOON + 10 * SECOND, 4 * TICKS)], "stopped")
    wanted = Interval(NOON - SECOND, NOON + 20 * SECOND)
    parts = await recordings.coverage(context(world), "cam-front-01", wanted)
    assert [
        ((part.from_us - NOON) // SECOND, (part.to_us - NOON) // SECOND, part.gap_reason)
        for part in parts
    ] == [
        (-1, 0, "nothing was recorded before"),
        (0, 4, None),
        (4, 10, "the camera closed the connection"),
        (10, 14, None),
        (14, 20, "stopped"),
    ]
    assert sum(part.to_us - part.from_us for part in parts) == 21 * SECOND


async def test_coverage_of_the_middle_of_a_run_and_of_the_future(world: World) -> None:
    camera = await add_camera(world)
    await summarise(world, camera, [segment(NOON, 0)])
    inside = Interval(NOON + SECOND, NOON + 2 * SECOND)
    parts = await recordings.coverage(context(world), "cam-front-01", inside)
    assert [(part.from_us, part.to_us, part.gap_reason) for part in parts] == [
        (inside.from_us, inside.to_us, None)
    ]
    now = world.clock.now_us()
    ahead = Interval(now + 60 * SECOND, now + 90 * SECOND)
    parts = await recordings.coverage(context(world), "cam-front-01", ahead)
    assert [part.gap_reason for part in parts] == ["in the future"]


async def test_a_range_that_is_empty_or_endless_is_refused(world: World) -> None:
    await add_camera(world)
    for wanted in (Interval(NOON, NOON), Interval(0, NOON)):
        with pytest.raises(InvalidInput) as caught:
            await recordings.coverage(context(world), "cam-front-01", wanted)
        assert [each.field for each in caught.value.fields] == ["to"]


async def test_a_run_that_a_dead_worker_left_open_ends_where_its_footage_ends(
    world: World,
) -> None:
    camera = await add_camera(world)
    await summarise(world, camera, [segment(NOON, 0)])
    await ingest.close_open_runs("default", camera.key, "the recorder stopped without warning")
    parts = await recordings.coverage(
        context(world), "cam-front-01", Interval(NOON, NOON + 8 * SECOND)
    )
    assert [part.gap_reason for part in parts] == [None, "the recorder stopped without warning"]


async def test_a_run_that_repair_found_is_over_and_keeps_the_reason_it_has(world: World) -> None:
    camera = await add_camera(world)
    found = [segment(NOON, 0), segment(NOON + 10 * SECOND, 4 * TICKS)]
    await summarise(world, camera, found[:1], "the disk failed")
    for each in found:
        repaired = Repaired(0, (closed(world, camera, each),), ())
        await ingest.record(
            world, camera.tenant_id, {camera.key: camera.slug}, list(repaired.changes)
        )
    parts = await recordings.coverage(
        context(world), "cam-front-01", Interval(NOON, NOON + 20 * SECOND)
    )
    assert [part.gap_reason for part in parts] == [None, "the disk failed", None, DIED]


async def test_a_reason_that_quotes_a_cameras_garbage_is_kept(world: World) -> None:
    camera = await add_camera(world)
    await summarise(world, camera, [segment(NOON, 0)], "it said \0 and \ud800: stopped")
    wanted = Interval(NOON, NOON + 8 * SECOND)
    parts = await recordings.coverage(context(world), "cam-front-01", wanted)
    assert parts[1].gap_reason == "it said \N{REPLACEMENT CHARACTER} and ?: stopped"


async def test_footage_from_before_a_clock_was_set_back_is_no_gap(world: World) -> None:
    camera = await add_camera(world)
    await summarise(world, camera, [segment(NOON, 0, seconds=100)], "the clock was set")
    for number in range(5):
        later = segment(NOON + number * 10 * SECOND, (100 + number * 10) * TICKS)
        await summarise(world, camera, [later], "the camera hung up")
    inside = Interval(NOON + 60 * SECOND, NOON + 90 * SECOND)
    parts = await recordings.coverage(context(world), camera.slug, inside)
    assert reasons(parts, NOON) == [(60, 90, None)]


def reasons(parts: list[recordings.Covered], from_us: int) -> list[tuple[int, int, str | None]]:
    return [
        ((part.from_us - from_us) // SECOND, (part.to_us - from_us) // SECOND, part.gap_reason)
        for part in parts
    ]


async def test_what_is_switched_off_and_on_says_so_from_then_on(world: World) -> None:
    """Also while the camera is away: no run ends then that could tell."""
    camera = await add_camera(world)
    began = world.clock.now_us()
    now = began

    async def change(changes: CameraChanges) -> None:
        nonlocal now
        now += 10 * SECOND
        later = replace(world, clock=StandingClock(now))
        await camera_update(context(later), camera.slug, changes)

    await change(CameraChanges(enabled=True))
    await summarise(world, camera, [segment(now + SECOND, 0)], "the camera hung up")
    await change(CameraChanges(name="Gate"))
    for each in (
        CameraChanges(enabled=False),
        CameraChanges(record=False),
        CameraChanges(enabled=True),
        CameraChanges(record=True),
        CameraChanges(record=True, enabled=True),
    ):
        await change(each)
    wanted = Interval(began, now)
    late = replace(world, clock=StandingClock(now + 10 * SECOND))
    parts = await recordings.coverage(context(late), camera.slug, wanted)
    assert reasons(parts, began) == [
        (0, 10, "nothing was recorded before"),
        (10, 11, "no picture has come since it was switched on"),
        (11, 15, None),
        (15, 30, "the camera hung up"),
        (30, 50, "the camera was switched off"),
        (50, 60, "recording was switched off"),
        (60, 70, "no picture has come since it was switched on"),
    ]
    assert sum(part.to_us - part.from_us for part in parts) == now - began


async def test_while_the_worker_is_down_that_is_the_reason(world: World) -> None:
    camera = await add_camera(world)
    now = world.clock.now_us()
    await summarise(world, camera, [segment(now - 60 * SECOND, 0)])
    wanted = Interval(now - 60 * SECOND, now)
    lease = CameraLeaseTable.within("default").filter(camera_key=camera.key)

    async def reason() -> str | None:
        last = (await recordings.coverage(context(world), camera.slug, wanted))[-1]
        return last.gap_reason

    await CameraLeaseTable.create(
        tenant_id="default",
        camera_key=camera.key,
        worker_id=uuid4(),
        token=1,
        expires_us=now + 3 * SECOND,
    )
    assert await reason() == "not written yet"
    await lease.update(expires_us=now - 1)
    assert await reason() == "the worker that recorded it is down"
    await lease.update(expires_us=now + 3 * SECOND, worker_id=None)
    assert await reason() == "the worker that recorded it is down"


async def test_a_camera_that_was_never_recorded_says_why(world: World) -> None:
    camera = await add_camera(world)
    created = camera.created_us
    wanted = Interval(created - SECOND, created + 10 * SECOND)
    later = replace(world, clock=StandingClock(created + 5 * SECOND))

    async def told() -> list[tuple[int, int, str | None]]:
        parts = await recordings.coverage(context(later), camera.slug, wanted)
        return reasons(parts, created)

    def with_reason(reason: str) -> list[tuple[int, int, str | None]]:
        before = (-1, 0, "nothing was recorded before")
        return [before, (0, 5, reason), (5, 10, "in the future")]

    assert await told() == with_reason("the camera is switched off")
    await camera_update(context(world), camera.slug, CameraChanges(enabled=True))
    await RecordingRunTable.within("default").delete()  # as of a camera that was on from the start
    assert await told() == with_reason("no worker has taken the camera")
    told_state = StatusChanged(camera.key, CameraState.OFFLINE, "nobody answers", created, None)
    await ingest.record(later, "default", {camera.key: camera.slug}, [told_state])
    assert await told() == with_reason("nobody answers")
