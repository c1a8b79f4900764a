"""What the plans no longer keep goes: footage by age and by bytes, events by age, oldest first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tortoise.expressions import F
from tortoise.functions import Sum
from tortoise.queryset import QuerySet

from media.retention import clear_snapshots
from models.base import select
from models.camera import Camera, CameraTable
from models.event_days import DAY_US, Dropped, drop_event_days
from models.recording import RecordingHour, RecordingHourTable, RecordingRunTable
from models.removal import RemovalCause, RemovalTable
from models.tenant import Tenant, TenantTable
from resolvers import evidence, holds
from resolvers.access import Interval
from resolvers.context import World
from resolvers.footage import folder_of
from resolvers.removal import Doomed, remove

BATCH = 200
SLACK_SHARE = 100
"""An hour goes whole where that is at most this part of the limit more than the limit asks for."""


FORGET_US = 400 * DAY_US
"""So long the reason of a gap is kept after its footage went; a flaky camera has many."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much has to go, None for all, and why.

    An hour goes whole where that is at most `slack_bytes` more.
    """

    size_bytes: int | None = None
    cause: RemovalCause = RemovalCause.AGE
    slack_bytes: int = 0


ALL = Wanted()


@dataclass(frozen=True, slots=True)
class Owned:
    """A tenant, its cameras by key, and what of each is locked as evidence."""

    tenant: Tenant
    cameras: Mapping[UUID, Camera]
    locked: Mapping[UUID, Sequence[Interval]] = field(default_factory=dict)

    @property
    def hours(self) -> QuerySet[RecordingHourTable]:
        return RecordingHourTable.within(self.tenant.id)

    def is_locked(self, hour: RecordingHour) -> bool:
        """Whether one lock keeps all of it, so that nobody need look."""
        locked = self.locked.get(hour.camera_key, ())
        return any(one.from_us <= hour.start_us and hour.end_us <= one.to_us for one in locked)


async def tenants_with_footage(world: World) -> list[Owned]:
    """Every tenant, with its cameras and its locks as they are now."""
    found = []
    for tenant in await select(TenantTable.all().order_by("id"), Tenant):
        cameras = await select(CameraTable.within(tenant.id), Camera)
        locked = await evidence.holding(tenant.id, world.clock.now_us())
        found.append(Owned(tenant, {each.key: each for each in cameras}, locked))
    return found


async def keep_to_plans(world: World) -> int:
    """Removes what footage of this process's store no plan and no camera's own limit keeps.

    Running it again changes nothing. To be run by one process for each store at a time.

    Returns:
        The bytes that went.

    Raises:
        OSError: the disk's.
        Unavailable: the database is away.
    """
    freed = 0
    for owned in await tenants_with_footage(world):
        freed += await _by_age(world, owned)
        freed += await _by_bytes(world, owned)
    return freed


async def _by_age(world: World, owned: Owned) -> int:
    """An hour goes once all of it is too old."""
    now_us = world.clock.now_us()
    freed = 0
    plan_days = owned.tenant.retention_days
    if plan_days is not None:
        rows = owned.hours.filter(end_us__lte=now_us - plan_days * DAY_US)
        freed += await take(world, owned, rows)
    for camera in owned.cameras.values():
        days = camera.retention_days
        if days is not None and (plan_days is None or days < plan_days):
            rows = owned.hours.filter(camera_key=camera.key, end_us__lte=now_us - days * DAY_US)
            freed += await take(world, owned, rows)
    return freed


async def _by_bytes(world: World, owned: Owned) -> int:
    """Each camera's own limit first, then the tenant's over what is left of all."""
    freed = 0
    for camera in owned.cameras.values():
        if camera.retention_bytes is not None:
            rows = owned.hours.filter(camera_key=camera.key)
            freed += await _down_to(world, owned, rows, camera.retention_bytes)
    if owned.tenant.retention_bytes is not None:
        freed += await _down_to(world, owned, owned.hours, owned.tenant.retention_bytes)
    return freed


async def _down_to(
    world: World, owned: Owned, rows: QuerySet[RecordingHourTable], limit_bytes: int
) -> int:
    surplus = await size_of(rows) - limit_bytes
    if surplus <= 0:
        return 0
    wanted = Wanted(surplus, RemovalCause.BYTES, slack_bytes=limit_bytes // SLACK_SHARE)
    return await take(world, owned, rows, wanted)


async def size_of(rows: QuerySet[RecordingHourTable]) -> int:
    """The bytes of footage of these hours."""
    (found,) = await rows.annotate(n=Sum("size_bytes")).values_list("n", flat=True)
    return int(str(found or 0))


async def take(
    world: World, owned: Owned, rows: QuerySet[RecordingHourTable], wanted: Wanted = ALL
) -> int:
    """Removes footage of these hours, the oldest first, but none that is held.

    Hours in other stores are left to who has those, and counted as if they were gone.

    Returns:
        The bytes that went from this store.
    """
    freed = elsewhere = 0
    own = world.store.store_id
    async for hour in _oldest(rows):
        enough = None
        if wanted.size_bytes is not None:
            enough = wanted.size_bytes - freed - elsewhere
            if enough <= 0:
                break
        camera = owned.cameras.get(hour.camera_key)
        if hour.store_id != own:
            elsewhere += hour.size_bytes
        elif camera is not None and not owned.is_locked(hour):
            held = (await holds.held(owned.tenant.id, world.clock.now_us())).get(camera.key, ())
            doomed = Doomed(camera, hour, held, wanted.cause, enough, wanted.slack_bytes)
            freed += await remove(world, doomed)
    return freed


async def _oldest(rows: QuerySet[RecordingHourTable]) -> AsyncIterator[RecordingHour]:
    """In batches: each is read when the one before has been dealt with."""
    after_us = 0
    while True:
        batch = rows.filter(start_us__gt=after_us).order_by("start_us").limit(BATCH)
        found = await select(batch, RecordingHour)
        for hour in found:
            yield hour
        if len(found) < BATCH:
            return
        after_us = found[-1].start_us


async def forget_runs(world: World) -> int:
    """Removes runs that have had no footage for long: coverage then says that nothing was recorded.

    The record of what went is as old then, and goes too.

    Returns:
        How many runs went.
    """
    before_us = world.clock.now_us() - FORGET_US
    forgotten = 0
    for tenant_id in await TenantTable.all().values_list("id", flat=True):
        rows = RecordingRunTable.within(str(tenant_id)).filter(ended_us__lt=before_us)
        forgotten += await rows.filter(recorded_until_us=F("started_us")).delete()
        await RemovalTable.within(str(tenant_id)).filter(last_us__lt=before_us).delete()
    return forgotten


async def drop_events(world: World) -> Dropped:
    """Removes events that no plan keeps, and their snapshots in this process's store.

    Of a tenant with locked evidence everything stays from the day on that its first lock begins.

    Raises:
        OSError: the disk's.
        Unavailable: the database is away, or too busy.
    """
    now_us = world.clock.now_us()
    firsts: dict[str, int] = {}
    for owned in await tenants_with_footage(world):
        days = owned.tenant.event_retention_days
        if days is not None:
            locked = [each.from_us for times in owned.locked.values() for each in times]
            first_us = min([now_us - days * DAY_US, *locked]) // DAY_US * DAY_US
            firsts[owned.tenant.id] = first_us
            await asyncio.to_thread(_drop_snapshots, world, owned, first_us)
    return await drop_event_days(firsts, now_us)


def _drop_snapshots(world: World, owned: Owned, first_us: int) -> None:
    first_date = world.store.hour_of(max(0, first_us)).date
    for camera in owned.cameras.values():
        folder = folder_of(camera)
        for date in world.store.dates(folder):
            if date < first_date:
                clear_snapshots(world.store, folder, date)
