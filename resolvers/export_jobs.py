"""Who makes an export, as the tables have it: see `resolvers.jobs`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tortoise.expressions import F
from tortoise.queryset import QuerySet

from media.export.package import Package
from models.base import select
from models.export import Export, ExportTable
from models.job import UNFINISHED, JobState
from resolvers.bus import EXPORTS, exports_of
from resolvers.context import World
from resolvers.jobs import LONGEST_WAIT_US, Fault, Jobs
from resolvers.retention import FORGET_US

NOT_BEGUN = Fault("NOT_BEGUN", "no worker came to it within a day")
DISK_FULL = Fault("NO_ROOM", "the disk was full, and only what it held could make room")

JOBS = Jobs(ExportTable, Export, EXPORTS, exports_of)


async def take(world: World) -> Export | None:
    """See `Jobs.take`."""
    return await JOBS.take(world, more={"store_id": world.store.store_id, "done_bytes": 0})


async def keep(world: World, job: Export, done_bytes: int, expected_bytes: int) -> None:
    """See `Jobs.keep`."""
    await JOBS.keep(world, job, done_bytes=done_bytes, expected_bytes=expected_bytes)


async def finish(world: World, job: Export, package: Package) -> None:
    """Its file is whole on disk: from now on it is served. Raises JobLost, Unavailable."""
    now_us = world.clock.now_us()
    await JOBS.end(
        job,
        {
            "state": JobState.READY.value,
            "done_bytes": F("expected_bytes"),
            "file_name": package.file_name,
            "size_bytes": package.size_bytes,
            "ready_us": now_us,
            "expires_us": now_us + world.exports.kept_us,
        },
    )
    await world.bus.ring(exports_of(job.tenant_id))


async def fail(world: World, job: Export, fault: Fault) -> None:
    """See `Jobs.fail`."""
    await JOBS.fail(world, job, fault, done_bytes=0)


async def put_back(
    world: World, job: Export, attempts: int, due_us: int, fault: Fault | None = None
) -> None:
    """See `Jobs.put_back`."""
    await JOBS.put_back(world, job, attempts, due_us, fault, done_bytes=0)


async def unfinished() -> list[Export]:
    """Of all tenants, the latest first."""
    rows = JOBS.every().filter(state__in=UNFINISHED)
    return await select(rows.order_by("-created_us", "-id"), Export)


async def end_for_room(world: World, export: Export) -> None:
    """An export fails, so that its footage may go. Who makes it is refused from then on."""
    await JOBS.give_up(world, export, DISK_FULL)


async def expire(world: World) -> int:
    """Ends the exports whose time is over, and forgets the records of old ones; how many ended.

    So do those that waited for too long; they keep why.
    """
    now_us = world.clock.now_us()
    waiting = JOBS.every().filter(state=JobState.WAITING)
    for late in await select(waiting.filter(created_us__lte=now_us - LONGEST_WAIT_US), Export):
        fault = Fault(late.fault_code, late.fault) if late.fault_code and late.fault else NOT_BEGUN
        await JOBS.give_up(world, late, fault)
    over = JOBS.every().filter(state=JobState.READY, expires_us__lte=now_us)
    gone = {"state": JobState.DELETED.value, "deleted_us": now_us}
    ended = await over.update(**gone, revision=F("revision") + 1)
    ends = (JobState.DELETED, JobState.FAILED)
    await JOBS.every().filter(state__in=ends, created_us__lt=now_us - FORGET_US).delete()
    return ended


async def claims_in_use() -> set[UUID]:
    """Those whose folders hold what is served, or is being made."""
    states = (JobState.RUNNING, JobState.READY)
    return await _claims(JOBS.every().filter(state__in=states))


async def ready_claims(store_id: UUID) -> set[UUID]:
    """Those whose folders lie in a store and hold what is served."""
    return await _claims(JOBS.every().filter(state=JobState.READY, store_id=store_id))


async def _claims(rows: QuerySet[Any]) -> set[UUID]:
    found = await rows.filter(claim__isnull=False).values_list("claim", flat=True)
    return {UUID(str(each)) for each in found}


async def lose(world: World, claims: set[UUID]) -> None:
    """Says of exports that their files are gone: a database was restored without them."""
    rows = JOBS.every().filter(claim__in=claims, state=JobState.READY)
    gone = {"state": JobState.DELETED.value, "deleted_us": world.clock.now_us()}
    await rows.update(**gone, revision=F("revision") + 1)
