"""Which worker owns which camera: leases that expire, with tokens that tell earlier owners."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import msgspec
from tortoise.expressions import F, Q
from tortoise.functions import Count
from tortoise.transactions import in_transaction

from media.types import (
    ChangeKind,
    EventChange,
    MediaChange,
    ModelStatus,
    RunBegan,
    SegmentClosed,
    StatusChanged,
)
from models.base import select
from models.lease import (
    CameraLease,
    CameraLeaseTable,
    Worker,
    WorkerTable,
    WorkerWithModels,
    database_now_us,
    every_lease,
)
from models.recording import RecordingRunTable
from resolvers.access import Scope, demand
from resolvers.context import Context, World

LEASE_US = 3_000_000
RENEW_SECONDS = 1.0
OVERDUE_US = 1_100_000
"""A lease that was not renewed for so long may be about to expire."""
_FORGET_US = 60_000_000
_FORGET_STORE_US = 30 * 86_400 * 1_000_000
"""How long dead workers are remembered; the last one with a store tells that there is footage."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A camera that somebody must own."""

    tenant_id: str
    key: UUID


@dataclass(frozen=True, slots=True)
class Standing:
    """What a worker owns by the database's word, and among how many it shares.

    `tokens` is by camera. `overdue` are leases of others that are not renewed as they should be.
    """

    now_us: int
    tokens: dict[UUID, int]
    workers: int
    overdue: tuple[CameraLease, ...]


class WorkerStatus(Worker, frozen=True):
    """A worker as an operator sees it. `alive`: it was heard of within the last seconds."""

    alive: bool
    cameras: int
    models: Sequence[ModelStatus]


async def workers(ctx: Context) -> list[WorkerStatus]:
    """Every worker that is remembered, the longest running first, with how many cameras it owns.

    Raises:
        ScopeMissing: without `platform:admin`.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    now_us = await database_now_us(ctx.world.clock.now_us())
    held = every_lease().filter(worker_id__not_isnull=True, expires_us__gt=now_us)
    rows = held.annotate(count=Count("camera_key")).group_by("worker_id")
    counts = dict(await rows.values_list("worker_id", "count"))
    found = await select(WorkerTable.all().order_by("started_us", "id"), WorkerWithModels)
    return [_status(each, now_us, counts.get(each.id, 0)) for each in found]


def _status(worker: WorkerWithModels, now_us: int, cameras: int) -> WorkerStatus:
    told = msgspec.structs.asdict(worker)
    return WorkerStatus(
        **told
        | {
            "alive": _is_alive(worker.seen_us, now_us),
            "cameras": cameras,
            "models": msgspec.convert(worker.models or [], list[ModelStatus]),
        }
    )


async def renew(world: World, me: Worker) -> Standing:
    """Says that the worker lives and renews all its leases, also those that nobody took meanwhile.

    A worker that is not known, any more or yet, is registered.

    Raises:
        Unavailable: the database is away.
    """
    async with in_transaction():
        now_us = await database_now_us(world.clock.now_us())
        seen = {"seen_us": now_us, "address": me.address}
        if not await WorkerTable.filter(id=me.id).update(**seen):
            models = [asdict(each) for each in world.models()]
            await WorkerTable.create(**{**msgspec.structs.asdict(me), **seen}, models=models)
        mine = every_lease().filter(worker_id=me.id)
        await mine.update(expires_us=now_us + LEASE_US)
        tokens = dict(await mine.values_list("camera_key", "token"))
        known = await select(WorkerTable.all(), Worker)
        others = every_lease().filter(worker_id__not=me.id)
        overdue = await select(others.filter(_suspicious(now_us)), CameraLease)
    await _forget_dead(known, now_us)
    alive = sum(_is_alive(each.seen_us, now_us) or each.id == me.id for each in known)
    return Standing(now_us, tokens, alive, tuple(overdue))


def _is_alive(seen_us: int, now_us: int) -> bool:
    return abs(now_us - seen_us) < LEASE_US


def _suspicious(now_us: int) -> Q:
    """Not renewed for too long; or valid for longer than any lease is: the clock stepped back."""
    late = Q(expires_us__lt=now_us + LEASE_US - OVERDUE_US)
    return late | Q(expires_us__gt=now_us + LEASE_US + OVERDUE_US)


def has_expired(lease: CameraLease, now_us: int) -> bool:
    return not now_us < lease.expires_us <= now_us + LEASE_US + OVERDUE_US


async def _forget_dead(known: Sequence[Worker], now_us: int) -> None:
    last = {each.store_id: each.id for each in sorted(known, key=lambda each: each.seen_us)}
    dead = [
        each.id
        for each in known
        if now_us - each.seen_us
        > (_FORGET_STORE_US if last[each.store_id] == each.id else _FORGET_US)
    ]
    if dead:
        await WorkerTable.filter(id__in=dead).delete()


async def untended(world: World, tenant_id: str, keys: Iterable[UUID]) -> set[UUID]:
    """Of a tenant's cameras those that no living worker has."""
    wanted = set(keys)
    if not wanted:
        return wanted
    now_us = await database_now_us(world.clock.now_us())
    rows = CameraLeaseTable.within(tenant_id).filter(camera_key__in=list(wanted))
    held = await select(rows.filter(worker_id__not_isnull=True), CameraLease)
    return wanted - {each.camera_key for each in held if not has_expired(each, now_us)}


async def be_alone(world: World, me: Worker) -> None:
    """Frees every camera at once: there can be no other worker on this database."""
    await WorkerTable.exclude(id=me.id).update(seen_us=F("seen_us") - LEASE_US)
    await every_lease().exclude(worker_id=me.id).update(worker_id=None, expires_us=0)


async def free_among(wanted: Iterable[Wanted]) -> list[Wanted]:
    """Those that nobody owns: never leased, or given back."""
    leased = set(await _owned_keys())
    return [each for each in wanted if each.key not in leased]


async def _owned_keys() -> list[UUID]:
    rows = every_lease().filter(worker_id__not_isnull=True)
    return [key for (key,) in await rows.values_list("camera_key")]


async def take(
    world: World, worker_id: UUID, wanted: Sequence[Wanted], expired: Sequence[CameraLease] = ()
) -> dict[UUID, int]:
    """Makes free cameras, and leases that expired and stand as they were seen, the worker's.

    Returns:
        The tokens of those that it got: what another took first is left out.
    """
    got = []
    async with in_transaction():
        now_us = await database_now_us(world.clock.now_us())
        known = (
            await every_lease()
            .filter(camera_key__in=[each.key for each in wanted])
            .values_list("camera_key", flat=True)
        )
        fresh = [each for each in wanted if each.key not in set(known)]
        rows = [
            CameraLeaseTable(tenant_id=e.tenant_id, camera_key=e.key, token=0, expires_us=0)
            for e in fresh
        ]
        if rows:
            await every_lease().bulk_create(rows, ignore_conflicts=True)
        theirs = {"worker_id": worker_id, "token": F("token") + 1, "expires_us": now_us + LEASE_US}
        for each in sorted(wanted, key=lambda one: one.key):
            free = every_lease().filter(camera_key=each.key, worker_id=None)
            got += [each.key] if await free.update(**theirs) else []
        for lease in sorted(expired, key=lambda one: one.camera_key):
            as_seen = every_lease().filter(**msgspec.structs.asdict(lease))
            got += [lease.camera_key] if await as_seen.update(**theirs) else []
        mine = every_lease().filter(worker_id=worker_id, camera_key__in=got)
        return dict(await mine.values_list("camera_key", "token"))


async def raise_token(worker_id: UUID, key: UUID, above: int) -> int | None:
    """A token of the worker's own camera higher than `above`, so that whoever has that is out.

    None when the camera is no longer the worker's.
    """
    async with in_transaction():
        mine = every_lease().filter(worker_id=worker_id, camera_key=key)
        await mine.filter(token__lte=above).update(token=above)
        await mine.update(token=F("token") + 1)
        found = await mine.values_list("token", flat=True)
    return int(str(found[0])) if found else None


async def release(worker_id: UUID, keys: Iterable[UUID]) -> None:
    """Gives cameras back; others take them at once when the bell rings."""
    mine = every_lease().filter(worker_id=worker_id, camera_key__in=list(keys))
    await mine.update(worker_id=None, expires_us=0)


async def leave(worker_id: UUID) -> None:
    """The worker ends: it gives back all it has, and is no more counted."""
    async with in_transaction():
        await every_lease().filter(worker_id=worker_id).update(worker_id=None, expires_us=0)
        # What it recorded is still its store's: it is forgotten in time, not at once.
        await WorkerTable.filter(id=worker_id).update(seen_us=F("seen_us") - LEASE_US)


async def owned_elsewhere(store_id: UUID) -> set[UUID]:
    """Cameras whose owners write to another store than this."""
    rows = await WorkerTable.exclude(store_id=store_id).values_list("id")
    held = every_lease().filter(worker_id__in=[key for (key,) in rows])
    return {key for (key,) in await held.values_list("camera_key")}


async def forget_camera(tenant_id: str, key: UUID) -> None:
    """It was deleted and nothing is left of it: nobody needs its token."""
    await CameraLeaseTable.within(tenant_id).filter(camera_key=key).delete()


async def rightful(tenant_id: str, changes: Sequence[MediaChange]) -> list[MediaChange]:
    """The changes without those that an earlier owner of a camera may not make any more.

    What tells of the past, from before the later owner's footage began, is still taken: events,
    segments, runs. States tell of the present, so an earlier owner's are dropped.
    """
    keys = {change.camera_key for change in changes if change.token is not None}
    if not keys:
        return list(changes)
    rows = CameraLeaseTable.within(tenant_id).filter(camera_key__in=keys)
    tokens: dict[UUID, int] = dict(await rows.values_list("camera_key", "token"))
    late = {
        (change.camera_key, change.token)
        for change in changes
        if change.token is not None and change.token < tokens.get(change.camera_key, 0)
    }
    ends = {pair: await ended_us(tenant_id, *pair) for pair in late}
    return [change for change in changes if _is_rightful(change, ends)]


async def ended_us(tenant_id: str, key: UUID, token: int) -> int | None:
    """Where the footage of later owners begins, by their own wall clocks; None without any."""
    rows = RecordingRunTable.within(tenant_id).filter(camera_key=key, token__gt=token)
    first = await rows.order_by("started_us").limit(1).values_list("started_us", flat=True)
    return int(str(first[0])) if first else None


def _is_rightful(change: MediaChange, ends: dict[tuple[UUID, int], int | None]) -> bool:
    pair = (change.camera_key, change.token or 0)
    if change.token is None or pair not in ends:
        return True
    began_us: int | None = None
    if isinstance(change, StatusChanged):
        return False
    if isinstance(change, RunBegan):
        began_us = change.started_at_us
    elif isinstance(change, SegmentClosed):
        began_us = change.start_us
    elif isinstance(change, EventChange) and change.kind is ChangeKind.BEGAN:
        began_us = change.at_us
    end_us = ends[pair]
    return began_us is None or end_us is None or began_us < end_us
