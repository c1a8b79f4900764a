"""What of a tenant's footage may not go now: it is locked as evidence, or being exported."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from models.evidence import locks_that_hold
from models.export import exports_that_hold
from resolvers.access import Interval
from resolvers.errors import Conflict

MOST_NAMED = 3


async def held(tenant_id: str, now_us: int) -> dict[UUID, list[Interval]]:
    """The times that stay, by camera. To be asked just before something goes.

    An export holds its footage from when it is asked for until it is over, so whatever becomes of
    who makes it, nothing is held for longer than exports may wait.
    """
    found: dict[UUID, list[Interval]] = {}
    for lock in await locks_that_hold(tenant_id, now_us):
        found.setdefault(lock.camera_key, []).append(Interval(lock.from_us, lock.to_us))
    for export in await exports_that_hold(tenant_id):
        for key in export.camera_keys:
            found.setdefault(UUID(key), []).append(Interval(export.from_us, export.to_us))
    return found


async def check_free(tenant_id: str, key: UUID, slug: str, now_us: int) -> None:
    """Whether all of a camera's footage may go, in the transaction that makes it so.

    Raises:
        Conflict: names the locks or exports that hold some.
    """
    locks = [each.id for each in await locks_that_hold(tenant_id, now_us) if each.camera_key == key]
    if locks:
        raise Conflict("id", f"footage of {slug!r} is locked as evidence: {_named(locks)}")
    exports = [
        each.id for each in await exports_that_hold(tenant_id) if str(key) in each.camera_keys
    ]
    if exports:
        raise Conflict("id", f"footage of {slug!r} is being exported: {_named(exports)}")


def _named(ids: Sequence[UUID]) -> str:
    more = len(ids) - MOST_NAMED
    shown = ", ".join(map(str, ids[:MOST_NAMED]))
    return f"{shown} and {more} more" if more > 0 else shown
