"""What was removed: who, what, why, when and how much. `resolvers.removal` writes it down."""

from __future__ import annotations

from uuid import UUID

import msgspec

from models.base import select
from models.removal import Removal, RemovalTable
from resolvers import cursors
from resolvers.access import Scope, visible
from resolvers.context import Context
from resolvers.errors import BadCursor, FieldError

ID_CHARACTERS = 36


class RemovalPage(msgspec.Struct, frozen=True):
    removals: list[Removal]
    has_next: bool


async def removals(ctx: Context, first: int, after: str | None) -> RemovalPage:
    """At most `first` removals, the latest begun first.

    Raises:
        ScopeMissing: without `tenant:admin`.
        BadCursor: `after` is none of ours.
    """
    rows = visible(ctx.actor, RemovalTable, Scope.TENANT_ADMIN).order_by("-began_us", "-id")
    found: list[Removal] = []
    if after is not None:
        began_us, removal_id = _place(ctx, after)
        same = rows.filter(began_us=began_us, id__lt=removal_id)
        found = await select(same.limit(first + 1), Removal)
        rows = rows.filter(began_us__lt=began_us)
    found += await select(rows.limit(first + 1), Removal)
    return RemovalPage(found[:first], len(found) > first)


def removal_cursor(removal: Removal) -> str:
    return cursors.encode(cursors.REMOVALS, removal.tenant_id, removal.began_us, str(removal.id))


def _place(ctx: Context, after: str) -> tuple[int, UUID]:
    parts = cursors.decode(cursors.REMOVALS, ctx.actor.tenant_id, after, "after")
    began_us, removal_id = cursors.decode_place(parts, ID_CHARACTERS, "after")
    try:
        return began_us, UUID(removal_id)
    except ValueError as error:
        raise BadCursor(FieldError("after", "not a cursor that this server gave out")) from error
