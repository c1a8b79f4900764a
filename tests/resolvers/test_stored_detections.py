"""Boxes of recorded footage: of what is listed, for who may play it, a page at a time."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from media.playlist import Segment
from media.store import CameraFolder
from media.stored_frames import FrameLog
from media.types import Box, Detection, DetectionFrame, Followed, RunClock
from models.camera import Camera
from resolvers.access import Actor, Interval, Scope
from resolvers.context import Context, World
from resolvers.errors import BadCursor, InvalidInput, NotFound, ScopeMissing
from resolvers.outcomes import value_of
from resolvers.stored_detections import FramePage, FramesOf, frame_cursor, frames_of_each
from tests.footage import TICKS, lay_down, segment, summarise
from tests.statements import counted
from tests.world import add_camera, context

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
MAN = Followed(Detection("person", "person", 0.8, Box(0.2, 0.4, 0.6, 0.8)), key=2, track_id=77)
EIGHT = Interval(NOON, NOON + 8 * SECOND)


async def recorded(world: World, camera: Camera, start_us: int = NOON) -> list[Segment]:
    """Eight seconds in two segments, with a frame each second from one before to one behind."""
    run = uuid4()
    segments = [
        segment(start_us, 0, run_id=run),
        segment(start_us + 4 * SECOND, 4 * TICKS, run_id=run),
    ]
    lay_down(world, camera, segments, ended=True)
    await summarise(world, camera, segments)
    add_frames(world, camera, run, start_us)
    return segments


def add_frames(world: World, camera: Camera, run: UUID, start_us: int) -> None:
    log = FrameLog(world.store, CameraFolder(camera.tenant_id, camera.folder))
    clock = RunClock(run, start_us, 0)
    for second in range(10):
        log.add(DetectionFrame(clock, second * TICKS, True, 320, 240, (MAN,)))


async def page(
    ctx: Context, wanted: Interval, first: int = 100, after: str | None = None
) -> FramePage:
    asked = FramesOf("cam-front-01", wanted, first, after)
    return value_of((await frames_of_each(ctx, [asked]))[0])


def seconds(found: FramePage) -> list[float]:
    return [(each.at_us - NOON) / SECOND for each in found.frames]


async def test_frames_of_recorded_footage_come_in_order(world: World) -> None:
    await recorded(world, await add_camera(world))

    found = await page(context(world), EIGHT)

    assert seconds(found) == list(range(8))
    assert not found.has_next
    (box,) = found.frames[3].objects
    assert (box.x, box.y, box.w, box.h) == (0.2, 0.4, 0.4, 0.4)
    assert (box.label, box.feature, box.score, box.track_id) == ("person", "person", 0.8, 77)
    assert seconds(await page(context(world), Interval(NOON + 2 * SECOND, NOON + 4 * SECOND))) == [
        *(2, 3),
    ]


async def test_a_page_goes_on_behind_the_one_before(world: World) -> None:
    await recorded(world, await add_camera(world))
    ctx, told, after = context(world), list[list[float]](), None
    while True:
        found = await page(ctx, EIGHT, 3, after)
        told.append(seconds(found))
        if not found.has_next:
            break
        after = frame_cursor(ctx, found.frames[-1])

    assert told == [[0, 1, 2], [3, 4, 5], [6, 7]]


async def test_a_cursor_of_another_tenant_or_list_is_refused(world: World) -> None:
    await recorded(world, await add_camera(world))
    frame = (await page(context(world), EIGHT)).frames[0]

    for after in (frame_cursor(context(world, "acme"), frame), "x", ""):
        with pytest.raises(BadCursor):
            await page(context(world), EIGHT, after=after)


async def test_frames_whose_footage_is_gone_are_not_told(world: World) -> None:
    camera = await add_camera(world)
    segments = await recorded(world, camera)
    lay_down(world, camera, segments[1:], ended=True)

    assert seconds(await page(context(world), EIGHT)) == [4, 5, 6, 7]


async def test_an_hours_last_segment_reaches_into_the_next(world: World) -> None:
    camera = await add_camera(world)
    start_us = NOON + 3600 * SECOND - 4 * SECOND - 500_000
    await recorded(world, camera, start_us)

    found = await page(context(world), Interval(start_us, start_us + 60 * SECOND))
    after = await page(context(world), Interval(NOON + 3600 * SECOND, NOON + 3660 * SECOND))

    assert [(each.at_us - start_us) // SECOND for each in found.frames] == list(range(8))
    assert [(each.at_us - start_us) // SECOND for each in after.frames] == [5, 6, 7]


async def test_where_nothing_was_looked_at_there_are_no_frames(world: World) -> None:
    camera = await add_camera(world)
    await summarise(world, camera, [segment(NOON, 0)])
    lay_down(world, camera, [segment(NOON, 0)])

    assert await page(context(world), EIGHT) == FramePage([], False)


async def test_a_grant_sees_frames_of_its_own_time_alone(world: World) -> None:
    await recorded(world, await add_camera(world))
    whole = context(world, "default", Scope.PLAYBACK_READ)
    granted = Interval(NOON + 2 * SECOND, NOON + 5 * SECOND)
    narrowed = replace(whole, actor=replace(whole.actor, interval=granted))

    assert seconds(await page(narrowed, EIGHT)) == [2, 3, 4]


async def test_another_tenants_frames_are_absent(world: World) -> None:
    await recorded(world, await add_camera(world, tenant_id="acme"))
    with pytest.raises(NotFound):
        await page(context(world), EIGHT)
    await add_camera(world)

    assert await page(context(world), EIGHT) == FramePage([], False)


@pytest.mark.parametrize(
    ("actor", "wanted", "error"),
    [
        (Actor("default", frozenset({Scope.LIVE_READ, Scope.EVENTS_READ})), EIGHT, ScopeMissing),
        (
            Actor("default", frozenset({Scope.PLAYBACK_READ}), cameras=frozenset({"cam-2"})),
            EIGHT,
            NotFound,
        ),
        (
            Actor("default", frozenset({Scope.PLAYBACK_READ})),
            Interval(NOON, NOON + 3601 * SECOND),
            InvalidInput,
        ),
    ],
    ids=["scope", "narrowed", "too long"],
)
async def test_a_refusal_says_why(
    world: World, actor: Actor, wanted: Interval, error: type[Exception]
) -> None:
    await recorded(world, await add_camera(world))

    with pytest.raises(error):
        await page(Context(actor, world), wanted)


async def test_many_cameras_are_one_statement(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        await recorded(world, await add_camera(world, f"cam-{number}"))
    ctx = context(world)
    asked = [FramesOf(f"cam-{number}", EIGHT, 100) for number in range(5)]
    await frames_of_each(ctx, asked[:1])
    async with counted(caplog) as few:
        await frames_of_each(ctx, asked[:1])
    async with counted(caplog) as many:
        found = await frames_of_each(ctx, asked)

    assert [len(value_of(each).frames) for each in found] == [8] * 5
    assert len(many) == len(few)
