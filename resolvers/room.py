"""Room on a disk that is nearly full: whose footage makes it, so that recording goes on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from tortoise.queryset import QuerySet

from media.disk import DiskMarks, Room, halted, room_of
from models.base import select
from models.recording import RecordingHour, RecordingHourTable
from models.removal import RemovalCause
from resolvers import export_jobs
from resolvers.access import Interval, Scope, demand
from resolvers.context import Context, World
from resolvers.errors import Unavailable
from resolvers.footage import overlapping
from resolvers.retention import Owned, Wanted, size_of, take, tenants_with_footage

SHARES = 16
"""Room is made in so many steps, after each of which it is asked anew whose turn it is."""


@dataclass(slots=True)
class _Holder:
    """A tenant, and the bytes it has in this store for each camera that has any."""

    owned: Owned
    bytes_per_camera: float


async def make_room(world: World, wanted_bytes: int) -> int:
    """Removes the oldest footage of this store that nothing holds until so many bytes are free.

    The tenant with the most bytes per camera gives its oldest, again and again: whoever keeps the
    most gives first, and nobody loses for having more cameras. Of footage that is just being
    recorded the last segment stays.

    Recording goes before copies: where only exports hold what might go, they fail, the latest
    first, and then their footage may.

    Returns:
        The bytes that went, less than wanted when nothing else may go.

    Raises:
        OSError: the disk's.
        Unavailable: the database is away.
    """
    freed = await _give(world, wanted_bytes)
    while freed < wanted_bytes and await _end_an_export(world):
        freed += await _give(world, wanted_bytes - freed)
    return freed


async def _give(world: World, wanted_bytes: int) -> int:
    holders = [await _holder(world, each) for each in await tenants_with_footage(world)]
    step = max(1, wanted_bytes // SHARES)
    freed = 0
    while freed < wanted_bytes:
        holder = max(holders, key=lambda each: each.bytes_per_camera, default=None)
        if holder is None or holder.bytes_per_camera == 0:
            return freed
        some = Wanted(min(step, wanted_bytes - freed), RemovalCause.DISK, wanted_bytes)
        gone = await take(world, holder.owned, _here(world, holder.owned), some)
        freed += gone
        holders.remove(holder)
        if gone:
            holders.append(await _holder(world, holder.owned))
    return freed


async def _end_an_export(world: World) -> bool:
    """False where none holds footage of this store that would go without it."""
    owned = {each.tenant.id: each for each in await tenants_with_footage(world)}
    for export in await export_jobs.unfinished():
        of = owned[export.tenant_id]
        rows = _here(world, of).filter(camera_key__in=export.camera_keys)
        exported = Interval(export.from_us, export.to_us)
        hours = await select(overlapping(world.store, rows, exported), RecordingHour)
        if any(not of.is_locked(hour) for hour in hours):
            await export_jobs.end_for_room(world, export)
            return True
    return False


async def _holder(world: World, owned: Owned) -> _Holder:
    rows = _here(world, owned)
    cameras = await rows.distinct().values_list("camera_key", flat=True)
    return _Holder(owned, await size_of(rows) / max(1, len(cameras)))


async def locked_bytes(world: World) -> int:
    """About how much of this store is locked as evidence: whole hours that a lock touches."""
    found = 0
    for owned in await tenants_with_footage(world):
        for key, times in owned.locked.items():
            for each in times:
                rows = _here(world, owned).filter(camera_key=key)
                found += await size_of(overlapping(world.store, rows, each))
    return found


def _here(world: World, owned: Owned) -> QuerySet[RecordingHourTable]:
    return owned.hours.filter(store_id=world.store.store_id)


class Storage(msgspec.Struct, frozen=True):
    """The recordings' disk as this process sees it. `waits_because`: nothing is recorded now."""

    room: Room
    marks: DiskMarks
    waits_because: str | None

    @property
    def is_low(self) -> bool:
        return self.room.free_bytes < self.marks.low_bytes


async def storage(ctx: Context) -> Storage:
    """How the disk is doing.

    Raises:
        ScopeMissing: without `platform:admin`.
        Unavailable: the disk does not answer.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    root = ctx.world.store.root
    try:
        room = await asyncio.to_thread(room_of, root)
        return Storage(room, ctx.world.marks, await asyncio.to_thread(halted, root))
    except OSError as error:
        raise Unavailable("the recordings' disk does not answer") from error
