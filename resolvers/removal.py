"""Removes footage of an hour, and says so in the tables: what is gone is a gap with its reason.

The disk comes first and the rows last, so that what a crash cuts short is still told by its row
and done again. What is held stays, whatever the cause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import uuid4

import msgspec
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from media.playlist import Playlist, Segment
from media.retention import clear_hour, is_closed, thin_hour
from media.store import Hour, RecordingNotFound
from models.base import select, select_first
from models.camera import Camera, CameraDeletion
from models.recording import (
    RecordingHour,
    RecordingHourTable,
    RecordingRun,
    RecordingRunTable,
)
from models.removal import Gone, RemovalCause, note
from resolvers.access import Interval
from resolvers.context import World
from resolvers.footage import folder_of

BY_RETENTION = "deleted by retention"
FOR_ROOM = "deleted to make room on a full disk"
LOST = "its footage is missing from the disk"
REASONS = {
    RemovalCause.AGE: BY_RETENTION,
    RemovalCause.BYTES: BY_RETENTION,
    RemovalCause.DISK: FOR_ROOM,
    RemovalCause.LOST: LOST,
}
"""What the gap says."""

_ROUNDING_US = 1000
"""Ends and starts that should be equal are within a microsecond; no frame is as short as this."""


class Doomed(msgspec.Struct, frozen=True):
    """Footage of a camera's hour that may go.

    `held` are times that stay. `enough_bytes`: no more than that need go, None means all; the
    whole hour goes where that is at most `slack_bytes` more.
    """

    camera: Camera
    hour: RecordingHour
    held: Sequence[Interval]
    cause: RemovalCause
    enough_bytes: int | None = None
    slack_bytes: int = 0

    @property
    def whole(self) -> bool:
        """Whether all of it may go, as far as its size is concerned."""
        enough = self.enough_bytes
        return enough is None or self.hour.size_bytes <= enough + self.slack_bytes


async def remove(world: World, doomed: Doomed) -> int:
    """Removes it, whole segments from the front, and says so in the tables.

    Returns:
        The bytes of footage that went; of the hour that is being recorded one segment stays.

    Raises:
        OSError: the disk's; to be tried again.
        Unavailable: the database is away; to be tried again.
    """
    hour = doomed.hour
    left = await asyncio.to_thread(_from_disk, world, doomed)
    await tell(world, doomed.camera, hour, left, doomed.cause)
    return max(0, hour.size_bytes - (left.size_bytes if left else 0))


def _from_disk(world: World, doomed: Doomed) -> Playlist | None:
    """What is left of the hour; None when nothing is."""
    store, folder = world.store, folder_of(doomed.camera)
    hour = Hour(doomed.hour.date, doomed.hour.hour)
    closed = is_closed(store, hour, world.clock.now_us())
    held = any(each.overlaps(doomed.hour.start_us, doomed.hour.end_us) for each in doomed.held)
    if closed and doomed.whole and not held:
        clear_hour(store, folder, hour)
        return None
    try:
        left = thin_hour(store, folder, hour, _keeps(doomed), closed=closed)
    except RecordingNotFound:
        left = Playlist((), ended=True)
    if left.segments:
        return left
    if closed:
        clear_hour(store, folder, hour)
    return None


def _keeps(doomed: Doomed) -> Callable[[Segment], bool]:
    """Says of segments in their order which stay."""
    gone_bytes = 0

    def keeps(segment: Segment) -> bool:
        nonlocal gone_bytes
        if any(each.overlaps(segment.start_us, segment.end_us) for each in doomed.held):
            return True
        if doomed.enough_bytes is not None and gone_bytes >= doomed.enough_bytes:
            return True
        gone_bytes += segment.size_bytes
        return False

    return keeps


async def tell(
    world: World, camera: Camera, hour: RecordingHour, left: Playlist | None, cause: RemovalCause
) -> None:
    """Makes the tables say of an hour what is left of it, why the rest is not, and what went.

    `hour` is as it was read before `left` was: what was recorded since is not touched. The
    end is late by a microsecond rather than early, or the last segment would be counted again.
    """
    async with in_transaction():
        times = _gone(hour, left)
        for gone in times:
            await _cut_runs(camera, gone, REASONS[cause])
        if await _shorten(camera, hour, left) and times:
            await note(
                Gone(
                    camera.tenant_id,
                    cause,
                    world.clock.now_us(),
                    camera=(camera.key, camera.slug),
                    from_us=times[0].from_us,
                    to_us=times[-1].to_us,
                    size_bytes=max(0, hour.size_bytes - (left.size_bytes if left else 0)),
                    segments=max(0, hour.segments - (len(left.segments) if left else 0)),
                )
            )


def gone_with(
    deletion: CameraDeletion,
    at_us: int,
    removed_by: str | None = None,
    hours: Sequence[RecordingHour] = (),
) -> Gone:
    """That somebody deletes a camera; later, that these hours of it are gone."""
    return Gone(
        deletion.tenant_id,
        RemovalCause.CAMERA,
        at_us,
        camera=(deletion.key, deletion.slug),
        removed_by=removed_by,
        from_us=min((each.start_us for each in hours), default=None),
        to_us=max((each.end_us for each in hours), default=None),
        size_bytes=sum(each.size_bytes for each in hours),
        segments=sum(each.segments for each in hours),
    )


async def _shorten(camera: Camera, hour: RecordingHour, left: Playlist | None) -> int:
    """0 where more was recorded since the hour was read: then it is done again another time."""
    rows = RecordingHourTable.within(camera.tenant_id).filter(
        camera_key=camera.key, date=hour.date, hour=hour.hour, store_id=hour.store_id
    )
    if left is None or not left.segments:
        return await rows.filter(end_us__lte=hour.end_us).delete()
    last_us = left.segments[-1].end_us
    return await rows.filter(end_us__lte=max(last_us + 1, hour.end_us)).update(
        start_us=left.segments[0].start_us,
        end_us=last_us if last_us == hour.end_us else last_us + 1,
        duration_us=left.duration_us,
        size_bytes=left.size_bytes,
        segments=len(left.segments),
    )


def _gone(hour: RecordingHour, left: Playlist | None) -> list[Interval]:
    """The times between the hour's footage as its row has it that are in no segment any more."""
    gone: list[Interval] = []
    place = hour.start_us
    for segment in left.segments if left else ():
        if segment.start_us - place >= _ROUNDING_US:
            gone.append(Interval(place, segment.start_us))
        place = max(place, segment.end_us)
    if hour.end_us - place >= _ROUNDING_US:
        gone.append(Interval(place, hour.end_us))
    return gone


def _runs(camera: Camera) -> QuerySet[RecordingRunTable]:
    return RecordingRunTable.within(camera.tenant_id).filter(camera_key=camera.key)


async def _cut_runs(camera: Camera, gone: Interval, reason: str) -> None:
    """Takes a time out of the runs that cover it.

    A run keeps what lies behind it, at the least its end, as a worker may still be adding to it.
    What lies before becomes a run of its own that ended for that reason; where nothing does, an
    empty one stands for it.
    """
    rows = _runs(camera).filter(started_us__lt=gone.to_us, recorded_until_us__gt=gone.from_us)
    for run in await select(rows.order_by("started_us"), RecordingRun):
        first_us = max(run.started_us, gone.from_us)
        cut_us = min(run.recorded_until_us, gone.to_us)
        if first_us > run.started_us or not await _said_before(camera, run, reason):
            await RecordingRunTable.create(
                run_id=uuid4(),
                tenant_id=camera.tenant_id,
                camera_key=camera.key,
                started_us=run.started_us,
                recorded_until_us=first_us,
                store_id=run.store_id,
                ended_us=first_us,
                end_reason=reason,
            )
        await _runs(camera).filter(run_id=run.run_id).update(started_us=cut_us)


async def _said_before(camera: Camera, run: RecordingRun, reason: str) -> bool:
    """Whether what precedes the run already says so of the time up to it, or can be made to."""
    earlier = _runs(camera).filter(started_us__lte=run.started_us, run_id__not=run.run_id)
    before = await select_first(earlier.order_by("-started_us"), RecordingRun)
    if before is None or before.recorded_until_us > run.started_us:
        return False
    if before.started_us == run.started_us:
        await _runs(camera).filter(run_id=before.run_id).update(end_reason=reason)
        return True
    return before.end_reason == reason
