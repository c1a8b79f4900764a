"""Footage that is locked as evidence: nothing removes it before the lock ends or is lifted."""

from __future__ import annotations

from uuid import UUID, uuid4

import msgspec
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from models.base import select
from models.camera import CameraTable
from models.evidence import EvidenceLock, EvidenceLockTable, locks_that_hold
from models.tenant import take_numbers
from resolvers import cursors
from resolvers.access import UNNAMED, Interval, Scope, demand
from resolvers.cameras import camera_for
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput, NotFound
from resolvers.lists import latest_first, place_in
from resolvers.recordings import check_range

MAX_LOCKED_US = 366 * 86_400 * 1_000_000
MAX_REASON_CHARACTERS = 500
ID_CHARACTERS = 36


class LockWish(msgspec.Struct, frozen=True):
    """What to lock and why; `until_us` None until it is lifted."""

    interval: Interval
    reason: str
    until_us: int | None = None


class LockPage(msgspec.Struct, frozen=True):
    locks: list[EvidenceLock]
    has_next: bool


async def evidence_lock(ctx: Context, camera_id: str, wish: LockWish) -> EvidenceLock:
    """Keeps a camera's footage of a range, also what of it is still to come.

    Raises:
        ScopeMissing: without `cameras:write`.
        NotFound: no such camera in this tenant.
        InvalidInput: the range, the reason or the end is wrong.
    """
    camera = await camera_for(ctx, camera_id, Scope.CAMERAS_WRITE)
    _check(ctx, wish)
    lock = EvidenceLock(
        tenant_id=camera.tenant_id,
        id=uuid4(),
        camera_key=camera.key,
        from_us=wish.interval.from_us,
        to_us=wish.interval.to_us,
        reason=wish.reason.strip(),
        until_us=wish.until_us,
        locked_by=ctx.actor.subject or UNNAMED,
        created_us=ctx.world.clock.now_us(),
        lifted_by=None,
        lifted_us=None,
    )
    async with in_transaction():
        await take_numbers(camera.tenant_id, "camera_seq", 0)  # nobody deletes cameras meanwhile
        if not await CameraTable.within(camera.tenant_id).filter(key=camera.key).exists():
            raise NotFound(f"there is no camera {camera_id!r}")
        await EvidenceLockTable.create(**msgspec.structs.asdict(lock))
    return lock


def _check(ctx: Context, wish: LockWish) -> None:
    check_range(wish.interval, MAX_LOCKED_US)
    wrong = []
    if not 1 <= len(wish.reason.strip()) <= MAX_REASON_CHARACTERS or "\0" in wish.reason:
        wrong.append(FieldError("reason", f"want 1 to {MAX_REASON_CHARACTERS} characters"))
    if wish.until_us is not None and wish.until_us <= ctx.world.clock.now_us():
        wrong.append(FieldError("until", "want a time to come"))
    if wrong:
        raise InvalidInput(*wrong)


async def evidence_lift(ctx: Context, lock_id: str) -> EvidenceLock:
    """Ends a lock; the row stays, with who lifted it and when. Lifting it again changes nothing.

    Raises:
        ScopeMissing: without `tenant:admin`: who may lock may not let go.
        NotFound: no such lock in this tenant.
    """
    demand(ctx.actor, Scope.TENANT_ADMIN)
    rows = _of(ctx).filter(id=_id_of(lock_id))
    await rows.filter(lifted_us=None).update(
        lifted_us=ctx.world.clock.now_us(), lifted_by=ctx.actor.subject or UNNAMED
    )
    found = await select(rows, EvidenceLock)
    if not found:
        raise _unknown(lock_id)
    return found[0]


def _id_of(lock_id: str) -> UUID:
    try:
        return UUID(lock_id[:ID_CHARACTERS])
    except ValueError as error:
        raise _unknown(lock_id) from error


def _unknown(lock_id: str) -> NotFound:
    return NotFound(f"there is no evidence lock {lock_id[:ID_CHARACTERS]!r}")


async def evidence_locks(ctx: Context, first: int, after: str | None) -> LockPage:
    """At most `first` locks, also those that ended, the latest made first.

    Raises:
        ScopeMissing: without `playback:read`.
        BadCursor: `after` is none of ours.
    """
    demand(ctx.actor, Scope.PLAYBACK_READ)
    place = place_in(cursors.LOCKS, ctx.actor.tenant_id, after)
    return LockPage(*await latest_first(_of(ctx), EvidenceLock, "created_us", first, place))


def lock_cursor(lock: EvidenceLock) -> str:
    return cursors.encode(cursors.LOCKS, lock.tenant_id, lock.created_us, str(lock.id))


def _of(ctx: Context) -> QuerySet[EvidenceLockTable]:
    """Who is narrowed to some cameras sees no lock: locks tell of other people's work."""
    rows = EvidenceLockTable.within(ctx.actor.tenant_id)
    return rows if ctx.actor.cameras is None else rows.filter(id__in=[])


async def holding(tenant_id: str, now_us: int) -> dict[UUID, list[Interval]]:
    """The times that are locked now, by camera."""
    found: dict[UUID, list[Interval]] = {}
    for lock in await locks_that_hold(tenant_id, now_us):
        found.setdefault(lock.camera_key, []).append(Interval(lock.from_us, lock.to_us))
    return found
