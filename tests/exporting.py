"""Footage that can be exported, and exports of it, for tests of all rooms."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from media.playlist import Segment
from models.camera import Camera
from models.export import Export
from resolvers import export_jobs, exports
from resolvers.access import Interval
from resolvers.context import Context, World
from resolvers.exporting import Making, Progress
from resolvers.exports import ExportWish
from resolvers.footage import folder_of
from tests.footage import summarise
from tests.reel import Shot, encoding, lay, reel
from tests.world import StandingClock, context

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
LATER = NOON + 3600 * SECOND
WANTED = Interval(NOON, NOON + 4 * SECOND)
"""What `filmed` lays down: 100 pictures of 25 a second."""


def at(world: World, now_us: int = LATER) -> World:
    return replace(world, clock=StandingClock(now_us))


async def filmed(world: World, camera: Camera, bframes: int = 2) -> list[Segment]:
    """Four seconds from NOON on, numbered from 0, in files and in the tables."""
    shot = Shot(reel(encoding(bframes=bframes)), 0, 10, NOON, 0)
    segments = lay(world.store, folder_of(camera), shot)
    await summarise(world, camera, segments, "the camera went away")
    return segments


def wish(*camera_ids: str, wanted: Interval = WANTED) -> ExportWish:
    return ExportWish(camera_ids, wanted)


async def created(ctx: Context, *camera_ids: str, wanted: Interval = WANTED) -> Export:
    return await exports.export_create(ctx, wish(*camera_ids, wanted=wanted))


async def made(world: World, tenant_id: str = "default") -> Export:
    """Makes the oldest export that waits, as a worker does."""
    job = await export_jobs.take(world)
    assert job is not None
    package = await Making(world, job, Progress(job.expected_bytes)).make()
    await export_jobs.finish(world, job, package)
    return await exports.export(context(world, tenant_id), str(job.id))


def unknown() -> str:
    return str(uuid4())
