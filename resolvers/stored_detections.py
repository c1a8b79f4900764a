"""What was followed in recorded footage, frame by frame, for playback."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from uuid import UUID

import msgspec

from media.playlist import Segment
from media.store import Hour, RecordingNotFound
from media.stored_frames import read_frames
from media.types import DetectionFrame
from models.camera import Camera
from resolvers import cursors
from resolvers.access import Interval, Scope
from resolvers.cameras import cameras_for
from resolvers.context import Context
from resolvers.detections import ShownFrame, shown
from resolvers.errors import FootageAway
from resolvers.footage import Footage, HourOf, folder_of, of_hours
from resolvers.outcomes import Outcome, answered, attempt, value_of
from resolvers.recordings import check_range
from resolvers.stores import StoredHour

MAX_RANGE_US = 3_600_000_000


class FramesOf(msgspec.Struct, frozen=True):
    """A question: a camera by its id, a stretch of time of it, and how many frames at most.

    `after` is a cursor of `frame_cursor`.
    """

    camera_id: str
    wanted: Interval
    first: int
    after: str | None = None


class FramePage(msgspec.Struct, frozen=True):
    """Frames in order."""

    frames: list[ShownFrame]
    has_next: bool


class _Asked(msgspec.Struct, frozen=True):
    camera: Camera
    wanted: Interval
    first: int


class _File(msgspec.Struct, frozen=True):
    """Of a run in one hour of one store, and the run's segments, which tell what is recorded."""

    store_id: UUID
    hour: Hour
    run_id: UUID
    segments: list[Segment]


async def frames_of_each(ctx: Context, asked: Sequence[FramesOf]) -> list[Outcome[FramePage]]:
    """A page of each, in one statement for all; only of frames whose footage is listed.

    What lies in stores that can't be reached is left out. Refused are, each for itself, an unknown
    camera (NotFound), a range that is empty or longer than an hour (InvalidInput), and a cursor
    that is none of ours (BadCursor).

    Raises:
        ScopeMissing: without `playback:read`.
    """
    cameras = await cameras_for(ctx, [each.camera_id for each in asked], Scope.PLAYBACK_READ)
    known = [attempt(_asked, ctx, *each) for each in zip(cameras, asked, strict=True)]

    async def answer(asked: list[_Asked]) -> list[FramePage]:
        hours = [_hours(ctx, each.wanted) for each in asked]
        places = [
            HourOf(each.camera, hour)
            for each, some in zip(asked, hours, strict=True)
            for hour in some
        ]
        found = iter(await of_hours(ctx, places))
        parts = [[next(found) for _ in some] for some in hours]
        pages = (_page(ctx, *each) for each in zip(asked, hours, parts, strict=True))
        return await asyncio.gather(*pages)

    return await answered(known, answer)


def _asked(ctx: Context, camera: Outcome[Camera], asked: FramesOf) -> _Asked:
    check_range(asked.wanted, MAX_RANGE_US)
    wanted, granted = asked.wanted, ctx.actor.interval
    if granted is not None:
        from_us = max(wanted.from_us, granted.from_us)
        wanted = Interval(from_us, max(from_us, min(wanted.to_us, granted.to_us)))
    if asked.after is not None:
        wanted = replace(wanted, from_us=max(wanted.from_us, _place(ctx, asked.after) + 1))
    return _Asked(value_of(camera), wanted, asked.first)


def frame_cursor(ctx: Context, frame: ShownFrame) -> str:
    return cursors.encode(cursors.FRAMES, ctx.actor.tenant_id, frame.at_us)


def _place(ctx: Context, after: str) -> int:
    (at_us, *_) = cursors.decode(cursors.FRAMES, ctx.actor.tenant_id, after, "after")
    return cursors.decode_number(at_us, "after")


def _hours(ctx: Context, wanted: Interval) -> list[Hour]:
    """Those of the range, and the one before: its last segment may reach into the range."""
    store = ctx.world.store
    hour = store.hour_of(wanted.from_us)
    hours = [store.previous_hour(hour)]
    while store.hour_bounds(hour)[0] < wanted.to_us:
        hours.append(hour)
        hour = store.next_hour(hour)
    return hours


async def _page(
    ctx: Context, asked: _Asked, hours: Sequence[Hour], parts: Sequence[Footage]
) -> FramePage:
    found: list[ShownFrame] = []
    segments = [segment for part in parts for segment in part.segments]
    for hour in hours[1:]:
        for file in _files(ctx, asked.wanted, hour, segments):
            content = await _content(ctx, asked.camera, file)
            found += await asyncio.to_thread(_wanted, content, file, asked)
        if len(found) > asked.first:
            break
    found.sort(key=lambda each: each.at_us)
    return FramePage(found[: asked.first], len(found) > asked.first)


def _files(
    ctx: Context, wanted: Interval, hour: Hour, segments: Sequence[Segment]
) -> Iterator[_File]:
    """Of runs with footage in this hour of the range."""
    start_us, end_us = ctx.world.store.hour_bounds(hour)
    part = Interval(max(start_us, wanted.from_us), min(end_us, wanted.to_us))
    runs: dict[tuple[UUID, UUID], list[Segment]] = {}
    for each in segments:
        if part.overlaps(each.start_us, each.end_us):
            store_id = UUID(each.name.partition("/")[0])
            runs.setdefault((store_id, each.run_id), []).append(each)
    for (store_id, run_id), some in runs.items():
        yield _File(store_id, hour, run_id, some)


async def _content(ctx: Context, camera: Camera, file: _File) -> bytes:
    """Nothing where there is none, or it is out of reach."""
    world, folder = ctx.world, folder_of(camera)
    try:
        if file.store_id == world.store.store_id:
            return await asyncio.to_thread(world.store.frames, folder, file.hour, file.run_id)
        if world.far is not None:
            place = StoredHour(file.store_id, folder, file.hour)
            return await world.far.frames(place, file.run_id)
    except (RecordingNotFound, FootageAway):
        pass
    return b""


def _wanted(content: bytes, file: _File, asked: _Asked) -> list[ShownFrame]:
    """One more than there shall be, where there is one."""
    segments = sorted(file.segments, key=lambda each: each.position)
    starts = [each.position for each in segments]

    def is_recorded(frame: DetectionFrame) -> bool:
        place = bisect_right(starts, frame.position) - 1
        return place >= 0 and frame.position < segments[place].end_position

    frames = read_frames(content, asked.wanted.from_us, asked.wanted.to_us)
    return [shown(each) for each in islice(filter(is_recorded, frames), asked.first + 1)]
