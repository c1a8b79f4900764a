"""Makes the tables say what is on disk, after either was restored from a backup or lost its end.

The playlists are the truth. Footage that no row tells of gets its rows; rows of footage that is
not there go, and the gap says so.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

import msgspec

from media.playlist import Playlist
from media.repair import DIED
from media.store import Hour, RecordingNotFound
from media.types import MediaChange, RunEnded, SegmentClosed
from models.base import select
from models.camera import Camera
from models.evidence import locks_that_hold
from models.lease import WorkerTable
from models.recording import RecordingHour, RecordingHourTable, RecordingRunTable
from models.removal import RemovalCause
from resolvers import ingest
from resolvers.access import Interval
from resolvers.context import World
from resolvers.footage import folder_of
from resolvers.removal import tell
from resolvers.retention import tenants_with_footage

log = logging.getLogger(__name__)


class Differences(msgspec.Struct, frozen=True):
    """Hours on disk that the tables do not tell of, or not wholly, and rows without footage."""

    untold: list[Hour]
    lost: list[RecordingHour]


class Reconciler:
    """Looks at each camera once, and again when its footage is looked for in another store."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: set[UUID] = set()
        self._adopted = False

    async def look(self) -> None:
        """Reconciles every camera that has not been yet.

        Raises:
            OSError: the disk's.
            Unavailable: the database is away.
        """
        every = await tenants_with_footage(self._world)
        if not self._adopted:
            await _adopt([owned.tenant.id for owned in every], self._world.store.store_id)
            self._adopted = True
        for owned in every:
            for key, camera in owned.cameras.items():
                if key not in self._seen:
                    await reconcile(self._world, camera)
                    self._seen.add(key)


async def _adopt(tenant_ids: list[str], own: UUID) -> None:
    """Rows from before stores had names are of this one, unless there is another."""
    if await WorkerTable.exclude(store_id=own).exists():
        return
    for tenant_id in tenant_ids:
        for table in (RecordingHourTable, RecordingRunTable):
            await table.within(tenant_id).filter(store_id=None).update(store_id=own)


async def reconcile(world: World, camera: Camera) -> Differences:
    """Makes one camera's rows fit its footage in this process's store.

    Only which hours there are is compared, and the whole content of the last one that is told of:
    what is missing is missing from its end on. May run while the camera is recorded.

    Raises:
        OSError: the disk's.
        Unavailable: the database is away.
    """
    own = world.store.store_id
    rows = RecordingHourTable.within(camera.tenant_id).filter(camera_key=camera.key, store_id=own)
    told = await select(rows, RecordingHour)
    hours = await asyncio.to_thread(_hours_on_disk, world, camera)
    if hours is None:
        if told:
            log.warning("camera %s: its folder is missing; is its disk there?", camera.key)
        return Differences([], [])
    by_hour = {Hour(row.date, row.hour): row for row in told}
    last = max(by_hour, key=world.store.hour_bounds, default=None)
    untold = [hour for hour in hours if hour not in by_hour or hour == last]
    for hour in untold:
        await _tell_hour(world, camera, hour, by_hour.get(hour))
    lost = [row for hour, row in by_hour.items() if hour not in set(hours)]
    for row in lost:
        log.warning("camera %s: the footage of %s/%s is missing", camera.key, row.date, row.hour)
        await _complain_of_evidence(world, camera, row)
        await tell(world, camera, row, None, RemovalCause.LOST)
    return Differences([hour for hour in untold if hour not in by_hour], lost)


def _hours_on_disk(world: World, camera: Camera) -> list[Hour] | None:
    """In order; None when the camera has no folder: a disk that is not mounted has none."""
    store, folder = world.store, folder_of(camera)
    if not store.camera_path(folder).is_dir():
        return None
    return [hour for date in store.dates(folder) for hour in store.hours(folder, date)]


async def _tell_hour(world: World, camera: Camera, hour: Hour, row: RecordingHour | None) -> None:
    """As if its segments were listed just now: what is told already changes nothing."""
    try:
        found = await asyncio.to_thread(world.store.playlist, folder_of(camera), hour)
    except RecordingNotFound:
        return
    changes = [_closed(camera, hour, found, number) for number in range(len(found.segments))]
    fresh = changes if row is None else [each for each in changes if each.end_us > row.end_us + 1]
    if fresh:
        log.warning("camera %s: %d segments of %s get their rows", camera.key, len(fresh), hour)
        ended = await _ends(camera, fresh)
        slugs = {camera.key: camera.slug}
        await ingest.record(world, camera.tenant_id, slugs, [*fresh, *ended])
    elif row is not None and row.end_us > changes[-1].end_us + 1:
        await tell(world, camera, row, found, RemovalCause.LOST)


def _closed(camera: Camera, hour: Hour, found: Playlist, number: int) -> SegmentClosed:
    segment = found.segments[number]
    return SegmentClosed(
        camera.key,
        segment.run_id,
        hour.date,
        hour.hour,
        segment.name,
        segment.start_us,
        segment.end_us,
        segment.position,
        segment.end_position,
        segment.size_bytes,
    )


async def _complain_of_evidence(world: World, camera: Camera, lost: RecordingHour) -> None:
    for lock in await locks_that_hold(camera.tenant_id, world.clock.now_us()):
        locked = Interval(lock.from_us, lock.to_us)
        if lock.camera_key == camera.key and locked.overlaps(lost.start_us, lost.end_us):
            log.error("camera %s: it was locked as evidence: lock %s", camera.key, lock.id)


async def _ends(camera: Camera, told: list[SegmentClosed]) -> list[MediaChange]:
    """That those runs are over which no row tells of: one that goes on has had its row before."""
    last = {each.run_id: each for each in told}
    rows = RecordingRunTable.within(camera.tenant_id).filter(run_id__in=list(last))
    known = {UUID(str(each)) for each in await rows.values_list("run_id", flat=True)}
    gone = [each for run_id, each in last.items() if run_id not in known]
    return [RunEnded(camera.key, each.run_id, each.end_us, DIED) for each in gone]
