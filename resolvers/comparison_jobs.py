"""Who makes a comparison, as the tables have it: see `resolvers.jobs`."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from uuid import uuid4

from tortoise.expressions import F, Q
from tortoise.transactions import in_transaction

from media.appearances import Appearance
from media.appearances import Comparison as Found
from models.bulk import NewRows, insert
from models.comparison import Comparison, ComparisonTable, DifferenceKind, DifferenceTable
from models.job import JobState
from models.lease import database_now_us
from resolvers.bus import COMPARISONS, comparisons_of
from resolvers.context import World
from resolvers.jobs import LONGEST_WAIT_US, RETRY_US, STALE_US, Fault, Jobs

JOBS = Jobs(ComparisonTable, Comparison, COMPARISONS, comparisons_of)

NO_WORKER = Fault("NO_WORKER", "no worker with these models came to it within a day")

_COLUMNS = {
    **{"tenant_id": "text", "id": "uuid", "comparison_id": "uuid", "number": "int"},
    **{"kind": "text", "type": "text", "before": "jsonb", "after": "jsonb", "overlap": "float8"},
}


async def take(world: World, models: Collection[str]) -> Comparison | None:
    """The oldest that waits, or was lost, and that these models can make; of each tenant one runs.

    Raises:
        Unavailable: the database is away.
    """
    busy = await _busy(world)
    names = sorted(models)
    have = Q(model__in=names) & (Q(against__isnull=True) | Q(against__in=names))
    job = await JOBS.take(world, have & ~Q(tenant_id__in=busy), {"done_us": 0})
    if job is not None and (await _busy(world)).count(job.tenant_id) > 1:
        # Another worker took one of the same tenant at this moment.
        due_us = world.clock.now_us() + RETRY_US
        await JOBS.put_back(world, job, job.attempts - 1, due_us)
        return None
    return job


async def _busy(world: World) -> list[str]:
    """The tenant of each that somebody makes."""
    now_us = await database_now_us(world.clock.now_us())
    rows = JOBS.every().filter(state=JobState.RUNNING, seen_us__gte=now_us - STALE_US)
    return [str(each) for each in await rows.values_list("tenant_id", flat=True)]


async def keep(world: World, job: Comparison, done_us: int, expected_us: int) -> None:
    """See `Jobs.keep`."""
    await JOBS.keep(world, job, done_us=done_us, expected_us=expected_us)


async def finish(world: World, job: Comparison, found: Found, versions: Sequence[str]) -> None:
    """What was found is told from now on. `versions`: of `model`, and of `against` where it is one.

    Raises:
        JobLost: it is not the caller's any more, and nothing is kept.
        Unavailable: the database is away.
    """
    model_version, against_version = (*versions, None)[:2]
    ready = {
        "state": JobState.READY.value,
        "done_us": F("expected_us"),
        "model_version": model_version,
        "against_version": against_version,
        "same": len(found.same),
        "changed": len(found.changed),
        "lost": len(found.lost),
        "new": len(found.new),
        "ready_us": world.clock.now_us(),
    }
    async with in_transaction():
        await JOBS.end(job, ready)
        await insert("comparison_difference", NewRows(_COLUMNS, _records(job, found)))
    await world.bus.ring(comparisons_of(job.tenant_id))


def _records(job: Comparison, found: Found) -> list[tuple[object, ...]]:
    """By time; a changed one's is that of `before`."""
    told: list[tuple[DifferenceKind, Appearance | None, Appearance | None, float | None]] = [
        *((DifferenceKind.LOST, each, None, None) for each in found.lost),
        *((DifferenceKind.NEW, None, each, None) for each in found.new),
        *(
            (DifferenceKind.CHANGED, each.before, each.after, each.overlap)
            for each in found.changed
        ),
    ]
    told.sort(key=lambda each: _time(each[1] or each[2]))
    return [
        (
            *(job.tenant_id, uuid4(), job.id, number, kind.value),
            *(_type(before or after), _json(before), _json(after), overlap),
        )
        for number, (kind, before, after, overlap) in enumerate(told)
    ]


def _time(each: Appearance | None) -> tuple[int, str]:
    return (0, "") if each is None else (each.at_us, each.event_id)


def _type(each: Appearance | None) -> str:
    return "" if each is None else each.feature


def _json(each: Appearance | None) -> str | None:
    if each is None:
        return None
    box = each.box
    told = {
        "id": each.event_id,
        "at_us": each.at_us,
        "position": each.position,
        "score": each.score,
        "box": {"x": box.x0, "y": box.y0, "w": box.x1 - box.x0, "h": box.y1 - box.y0},
        "zones": list(each.zones),
    }
    return json.dumps(told)


async def fail(world: World, job: Comparison, fault: Fault) -> None:
    """See `Jobs.fail`."""
    await JOBS.fail(world, job, fault, done_us=0)


async def put_back(world: World, job: Comparison, attempts: int, due_us: int) -> None:
    """See `Jobs.put_back`."""
    await JOBS.put_back(world, job, attempts, due_us, done_us=0)


async def expire(world: World) -> int:
    """Forgets those whose time is over, with what they found, and ends what nobody can make.

    Returns:
        How many were forgotten.

    Raises:
        Unavailable: the database is away.
    """
    now_us = world.clock.now_us()
    late = JOBS.every().filter(state=JobState.WAITING, created_us__lt=now_us - LONGEST_WAIT_US)
    given_up = {"state": JobState.FAILED.value, "fault_code": NO_WORKER.code}
    await late.update(**given_up, fault=NO_WORKER.text, revision=F("revision") + 1)
    over = JOBS.every().filter(expires_us__lte=now_us)
    for tenant_id, comparison_id in await over.values_list("tenant_id", "id"):
        rows = DifferenceTable.within(str(tenant_id))
        await rows.filter(comparison_id=comparison_id).delete()
    return await over.delete()
