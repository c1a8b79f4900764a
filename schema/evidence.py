"""Footage locked as evidence: who locked what, why and until when, and the mutations for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import evidence
from resolvers.access import Interval, Scope
from resolvers.context import Context
from resolvers.errors import InvalidInput, NotFound, VmsError
from schema.context import Info
from schema.errors import UserError, user_errors
from schema.fields import OF_PARENT, field
from schema.inputs import or_none
from schema.paging import PageInfo, page_info
from schema.scalars import Instant

if TYPE_CHECKING:
    from models.evidence import EvidenceLock as LockValue
    from schema.cameras import Camera


@strawberry.type(description="A stretch of a camera's footage that nothing removes while it holds.")
class EvidenceLock:
    def __init__(self, lock: LockValue) -> None:
        self._lock = lock

    @field(description="Names it, to lift it.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self._lock.id))

    @field(
        description="Whose footage; null once the camera was deleted.",
        scope=Scope.CAMERAS_READ,
        cost=10,
    )
    async def camera(
        self, info: Info
    ) -> Annotated[Camera, strawberry.lazy("schema.cameras")] | None:
        return await info.context.cameras.load(self._lock.camera_key)

    @field(name="from", description="Start of the stretch.")
    def from_(self) -> Instant:
        return Instant(self._lock.from_us)

    @field(description="End of the stretch, exclusive.")
    def to(self) -> Instant:
        return Instant(self._lock.to_us)

    @field(description="Why, in the words of who locked it.")
    def reason(self) -> str:
        return self._lock.reason

    @field(description="When it ends by itself; null when it does not.")
    def until(self) -> Instant | None:
        return None if self._lock.until_us is None else Instant(self._lock.until_us)

    @field(description="Whether it keeps the footage now.", scope=OF_PARENT)
    def holds(self, info: Info) -> bool:
        return self._lock.holds(info.context.ctx.world.clock.now_us())

    @field(description="The subject of the token that locked it.")
    def locked_by(self) -> str:
        return self._lock.locked_by

    @field(description="When it was locked.")
    def created_at(self) -> Instant:
        return Instant(self._lock.created_us)

    @field(description="The subject of the token that lifted it; null while nobody has.")
    def lifted_by(self) -> str | None:
        return self._lock.lifted_by

    @field(description="When it was lifted; null while nobody has.")
    def lifted_at(self) -> Instant | None:
        return None if self._lock.lifted_us is None else Instant(self._lock.lifted_us)


@strawberry.type(description="An evidence lock in a page.")
class EvidenceLockEdge:
    node: EvidenceLock = strawberry.field(description="The lock.")
    cursor: str = strawberry.field(description="Its place in this list, for `after`.")


@strawberry.type(description="A page of evidence locks, the latest made first.")
class EvidenceLockConnection:
    edges: list[EvidenceLockEdge] = strawberry.field(description="The locks with their places.")
    nodes: list[EvidenceLock] = strawberry.field(description="The locks alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")

    @classmethod
    def of(cls, page: evidence.LockPage, after: str | None) -> EvidenceLockConnection:
        nodes = [EvidenceLock(each) for each in page.locks]
        cursors = [evidence.lock_cursor(each) for each in page.locks]
        return cls(
            edges=[EvidenceLockEdge(node=n, cursor=c) for n, c in zip(nodes, cursors, strict=True)],
            nodes=nodes,
            page_info=page_info(cursors, page.has_next, after),
        )


@strawberry.input(description="What to keep, and why.")
class EvidenceLockInput:
    from_: Instant = strawberry.field(name="from", description="Start of the stretch, inclusive.")
    to: Instant = strawberry.field(
        description="End of the stretch, exclusive; at most 366 days later, also in the future."
    )
    reason: str = strawberry.field(description="Why, 1 to 500 characters.")
    until: Instant | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it ends by itself; else once it is lifted.",
    )


@strawberry.type(description="An evidence lock as written.")
class EvidenceLockPayload:
    lock: EvidenceLock | None = strawberry.field(description="As it is now; null when refused.")
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was written."
    )


async def lock(ctx: Context, camera_id: str, given: EvidenceLockInput) -> EvidenceLockPayload:
    wish = evidence.LockWish(Interval(given.from_, given.to), given.reason, or_none(given.until))
    try:
        made = await evidence.evidence_lock(ctx, camera_id, wish)
    except (InvalidInput, NotFound) as error:
        return _refused(error)
    return EvidenceLockPayload(lock=EvidenceLock(made), user_errors=[])


async def lift(ctx: Context, lock_id: str) -> EvidenceLockPayload:
    try:
        lifted = await evidence.evidence_lift(ctx, lock_id)
    except NotFound as error:
        return _refused(error)
    return EvidenceLockPayload(lock=EvidenceLock(lifted), user_errors=[])


def _refused(error: VmsError) -> EvidenceLockPayload:
    return EvidenceLockPayload(lock=None, user_errors=user_errors(error))
