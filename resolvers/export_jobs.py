"""Who makes an export: taken by one worker at a time, told of as it goes on, ended in the tables.

A worker that says nothing for STALE_US has lost its export: another begins it from the start. What
the first one still says is refused, as it no longer has the claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from tortoise.expressions import F, Q
from tortoise.queryset import QuerySet

from media.export.package import Package
from models.base import select, select_first
from models.export import UNFINISHED, Export, ExportState, ExportTable, every_export
from models.lease import database_now_us
from resolvers.bus import EXPORTS, exports_of
from resolvers.context import World
from resolvers.retention import FORGET_US

STALE_US = 15_000_000
MOST_ATTEMPTS = 3
RETRY_US = 5_000_000
LONGEST_WAIT_US = 86_400_000_000
"""So long an export waits at most, and holds its footage meanwhile."""
SOONEST_LOOK_US, LATEST_LOOK_US = 5_000_000, 60_000_000
"""Between looks whether what it waits for is there: a tenth of how long it has waited already."""


class ExportLost(Exception):
    """The export is another's by now, or was deleted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an export failed: a stable code, and words.

    `passes`: another attempt may help. `waits`: it is for others to change, and may take hours.
    """

    code: str
    text: str
    passes: bool = False
    waits: bool = False


CUT_SHORT = Fault("CUT_SHORT", "whoever made it was stopped, again and again")
NOT_BEGUN = Fault("NOT_BEGUN", "no worker came to it within a day")
DISK_FULL = Fault("NO_ROOM", "the disk was full, and only what it held could make room")


async def take(world: World) -> Export | None:
    """The oldest export that waits, or was lost, for the caller alone; None when there is none.

    Raises:
        Unavailable: the database is away.
    """
    now_us = await database_now_us(world.clock.now_us())
    lost = Q(state=ExportState.RUNNING, seen_us__lt=now_us - STALE_US)
    free = Q(state=ExportState.WAITING, due_us__lte=world.clock.now_us()) | lost
    found = await select_first(every_export().filter(free).order_by("created_us", "id"), Export)
    if found is None:
        return None
    if found.attempts >= MOST_ATTEMPTS:
        await _change(world, found, _failed(CUT_SHORT))
        return await take(world)
    taken: dict[str, object] = {
        "state": ExportState.RUNNING.value,
        "claim": uuid4(),
        "seen_us": now_us,
        "attempts": found.attempts + 1,
        "store_id": world.store.store_id,
        "done_bytes": 0,
        **_NO_FAULT,
    }
    return await _change(world, found, taken) or await take(world)


async def keep(world: World, job: Export, done_bytes: int, expected_bytes: int) -> None:
    """Says that the export goes on, and how far it is.

    Raises:
        ExportLost: it is not the caller's any more.
        Unavailable: the database is away.
    """
    now_us = await database_now_us(world.clock.now_us())
    # The revision moves where there is something new to tell, so that followers hear no echo.
    changed = (
        await _mine(job)
        .exclude(done_bytes=done_bytes, expected_bytes=expected_bytes)
        .update(
            seen_us=now_us,
            done_bytes=done_bytes,
            expected_bytes=expected_bytes,
            revision=F("revision") + 1,
        )
    )
    if changed:
        await world.bus.ring(exports_of(job.tenant_id))
    elif not await _mine(job).update(seen_us=now_us):
        raise ExportLost


async def finish(world: World, job: Export, package: Package) -> None:
    """Its file is whole on disk: from now on it is served. Raises ExportLost, Unavailable."""
    now_us = world.clock.now_us()
    await _end(
        world,
        job,
        {
            "state": ExportState.READY.value,
            "done_bytes": F("expected_bytes"),
            "file_name": package.file_name,
            "size_bytes": package.size_bytes,
            "ready_us": now_us,
            "expires_us": now_us + world.exports.kept_us,
        },
    )


async def fail(world: World, job: Export, fault: Fault) -> None:
    """Ends it with a fault, or puts it back where another attempt may help.

    Raises:
        ExportLost: it is not the caller's any more.
        Unavailable: the database is away.
    """
    now_us = world.clock.now_us()
    if fault.waits and now_us < job.created_us + LONGEST_WAIT_US:
        look_us = min(LATEST_LOOK_US, max(SOONEST_LOOK_US, (now_us - job.created_us) // 10))
        await put_back(world, job, job.attempts - 1, now_us + look_us, fault)
    elif fault.passes and job.attempts < MOST_ATTEMPTS:
        await put_back(world, job, job.attempts, now_us + RETRY_US, fault)
    else:
        await _end(world, job, _failed(fault))


async def put_back(
    world: World, job: Export, attempts: int, due_us: int, fault: Fault | None = None
) -> None:
    """Leaves it to whoever takes it next, with why it waits. Raises ExportLost, Unavailable."""
    changes = {"attempts": attempts, "due_us": due_us, "claim": None, "done_bytes": 0}
    waiting = {"state": ExportState.WAITING.value, **changes, **_words(fault)}
    await _end(world, job, waiting)
    await world.bus.ring(EXPORTS)


async def unfinished() -> list[Export]:
    """Of all tenants, the latest first."""
    rows = every_export().filter(state__in=UNFINISHED)
    return await select(rows.order_by("-created_us", "-id"), Export)


async def end_for_room(world: World, export: Export) -> None:
    """An export fails, so that its footage may go. Who makes it is refused from then on."""
    await _change(world, export, _failed(DISK_FULL))


_NO_FAULT: dict[str, object] = {"fault_code": None, "fault": None}


def _words(fault: Fault | None) -> dict[str, object]:
    return _NO_FAULT if fault is None else {"fault_code": fault.code, "fault": fault.text}


def _failed(fault: Fault) -> dict[str, object]:
    return {"state": ExportState.FAILED.value, **_words(fault)}


async def _end(world: World, job: Export, changes: dict[str, object]) -> None:
    if not await _mine(job).update(**changes, revision=F("revision") + 1):
        raise ExportLost
    await world.bus.ring(exports_of(job.tenant_id))


def _mine(job: Export) -> QuerySet[ExportTable]:
    rows = ExportTable.within(job.tenant_id)
    return rows.filter(id=job.id, claim=job.claim, state=ExportState.RUNNING)


async def _change(world: World, found: Export, changes: dict[str, object]) -> Export | None:
    """None when it has changed since it was read."""
    revision = found.revision + 1
    rows = ExportTable.within(found.tenant_id).filter(id=found.id)
    if not await rows.filter(revision=found.revision).update(**changes, revision=revision):
        return None
    await world.bus.ring(exports_of(found.tenant_id))
    [changed] = await select(rows, Export)
    return changed


async def expire(world: World) -> int:
    """Ends the exports whose time is over, and forgets the records of old ones; how many ended.

    So do those that waited for too long; they keep why.
    """
    now_us = world.clock.now_us()
    waiting = every_export().filter(state=ExportState.WAITING)
    for late in await select(waiting.filter(created_us__lte=now_us - LONGEST_WAIT_US), Export):
        fault = Fault(late.fault_code, late.fault) if late.fault_code and late.fault else NOT_BEGUN
        await _change(world, late, _failed(fault))
    over = every_export().filter(state=ExportState.READY, expires_us__lte=now_us)
    gone = {"state": ExportState.DELETED.value, "deleted_us": now_us}
    ended = await over.update(**gone, revision=F("revision") + 1)
    ends = (ExportState.DELETED, ExportState.FAILED)
    await every_export().filter(state__in=ends, created_us__lt=now_us - FORGET_US).delete()
    return ended


async def claims_in_use() -> set[UUID]:
    """Those whose folders hold what is served, or is being made."""
    states = (ExportState.RUNNING, ExportState.READY)
    return await _claims(every_export().filter(state__in=states))


async def ready_claims(store_id: UUID) -> set[UUID]:
    """Those whose folders lie in a store and hold what is served."""
    return await _claims(every_export().filter(state=ExportState.READY, store_id=store_id))


async def _claims(rows: QuerySet[ExportTable]) -> set[UUID]:
    found = await rows.filter(claim__isnull=False).values_list("claim", flat=True)
    return {UUID(str(each)) for each in found}


async def lose(world: World, claims: set[UUID]) -> None:
    """Says of exports that their files are gone: a database was restored without them."""
    rows = every_export().filter(claim__in=claims, state=ExportState.READY)
    gone = {"state": ExportState.DELETED.value, "deleted_us": world.clock.now_us()}
    await rows.update(**gone, revision=F("revision") + 1)
