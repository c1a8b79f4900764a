"""What was removed: who, what, why, when and how much. `resolvers.removal` writes it down."""

from __future__ import annotations

import msgspec

from models.removal import Removal, RemovalTable
from resolvers import cursors
from resolvers.access import Scope, visible
from resolvers.context import Context
from resolvers.lists import latest_first, place_in


class RemovalPage(msgspec.Struct, frozen=True):
    removals: list[Removal]
    has_next: bool


async def removals(ctx: Context, first: int, after: str | None) -> RemovalPage:
    """At most `first` removals, the latest begun first.

    Raises:
        ScopeMissing: without `tenant:admin`.
        BadCursor: `after` is none of ours.
    """
    rows = visible(ctx.actor, RemovalTable, Scope.TENANT_ADMIN)
    place = place_in(cursors.REMOVALS, ctx.actor.tenant_id, after)
    return RemovalPage(*await latest_first(rows, Removal, "began_us", first, place))


def removal_cursor(removal: Removal) -> str:
    return cursors.encode(cursors.REMOVALS, removal.tenant_id, removal.began_us, str(removal.id))
