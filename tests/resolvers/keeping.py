"""Footage of some hours for tests of what is kept, and looks at what is left of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import uuid4

from media.playlist import Segment
from models.base import select
from models.camera import Camera
from models.recording import RecordingHour, RecordingHourTable
from resolvers import recordings
from resolvers.access import Interval
from resolvers.context import World
from resolvers.footage import folder_of
from tests.footage import TICKS, lay_down, segment, summarise
from tests.world import StandingClock, context

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def at(world: World, now_us: int) -> World:
    """The same world at that time."""
    return replace(world, clock=StandingClock(now_us))


async def record(
    world: World, camera: Camera, hours: Sequence[int], *, each: int = 4, gap: bool = False
) -> list[Segment]:
    """Hours since NOON with `each` segments of 4 s, 1,000 bytes each; one run, or one an hour."""
    run, made, position = uuid4(), list[Segment](), 0
    for hour in hours:
        if gap:
            run = uuid4()
        begin = NOON + hour * HOUR
        some = [
            segment(begin + n * 4 * SECOND, position + n * 4 * TICKS, run_id=run)
            for n in range(each)
        ]
        position += each * 4 * TICKS
        lay_down(world, camera, some, ended=True)
        await summarise(world, camera, some, "the camera went away" if gap else None)
        made += some
    return made


async def record_at_random(world: World, camera: Camera, random: Random) -> list[Segment]:
    hours = sorted(random.sample(range(-20, 0), random.randint(1, 8)))
    made: list[Segment] = []
    for hour in hours:
        made += await record(world, camera, [hour], each=random.randint(1, 6), gap=True)
    return made


def on_disk(world: World, camera: Camera) -> list[Segment]:
    """What is listed, in order; each listed file must be there, and no other."""
    store, folder = world.store, folder_of(camera)
    hours = [hour for date in store.dates(folder) for hour in store.hours(folder, date)]
    found: list[Segment] = []
    paths: set[Path] = set()
    for hour in hours:
        listed = store.playlist(folder, hour).segments
        paths |= {store.hour_path(folder, hour) / one.name for one in listed}
        found += listed
    assert set(store.camera_path(folder).rglob("*.m4s")) == paths
    return found


def times(segments: Sequence[Segment]) -> list[int]:
    return [(one.start_us - NOON) // SECOND for one in segments]


async def hour_rows(camera: Camera) -> list[RecordingHour]:
    rows = RecordingHourTable.within(camera.tenant_id).filter(camera_key=camera.key)
    return await select(rows.order_by("start_us"), RecordingHour)


async def rows_fit(world: World, camera: Camera) -> None:
    """The rows tell of just the footage there is."""
    left = on_disk(world, camera)
    rows = await hour_rows(camera)
    assert sum(row.size_bytes for row in rows) == sum(one.size_bytes for one in left)
    assert sum(row.segments for row in rows) == len(left)
    assert sum(row.duration_us for row in rows) == sum(one.duration_us for one in left)
    for row in rows:
        inside = [one for one in left if row.start_us <= one.start_us < row.end_us]
        assert (row.start_us, len(inside)) == (inside[0].start_us, row.segments)
        assert abs(row.end_us - inside[-1].end_us) <= 1


Gap = tuple[int, int, str]
"""From and to, in seconds since NOON, and why."""


async def gaps(world: World, camera: Camera, from_us: int, to_us: int) -> list[Gap]:
    ctx = context(world, camera.tenant_id)
    parts = await recordings.coverage(ctx, camera.slug, Interval(from_us, to_us))
    return [
        ((part.from_us - NOON) // SECOND, (part.to_us - NOON) // SECOND, part.gap_reason)
        for part in parts
        if part.gap_reason is not None
    ]


async def covered(world: World, camera: Camera, one: Segment) -> str | None:
    """Why a segment's middle is not covered; None when it is."""
    middle = (one.start_us + one.end_us) // 2
    ctx = context(world, camera.tenant_id)
    (part,) = await recordings.coverage(ctx, camera.slug, Interval(middle, middle + 1))
    return part.gap_reason
