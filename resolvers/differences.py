"""What comparisons have found: pages of the events that differ."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from models.bulk import NewRows
from models.comparison import Comparison, Difference, DifferenceTable
from models.each import select_each
from resolvers import cursors
from resolvers.access import Scope, demand
from resolvers.context import Context
from resolvers.jobs import ID_CHARACTERS
from resolvers.outcomes import Outcome, answered, attempt, in_groups


class DifferencesOf(msgspec.Struct, frozen=True):
    """A question: some differences of a comparison that the actor was shown, by time.

    `kinds` are those of `DifferenceKind`; None is all.
    """

    of: Comparison
    kinds: tuple[str, ...] | None
    first: int
    after: str | None


class DifferencePage(msgspec.Struct, frozen=True):
    differences: list[Difference]
    has_next: bool


class ComparedFrame(msgspec.Struct, frozen=True):
    """The frame of a compared event, as `resolvers.playback` asks for it."""

    id: str
    camera_slug: str
    camera_key: UUID
    at_us: int
    position: int | None
    payload: None = None


async def differences_of_each(
    ctx: Context, asked: Sequence[DifferencesOf]
) -> list[Outcome[DifferencePage]]:
    """Each page, or BadCursor; one statement for all that ask the same.

    Raises:
        ScopeMissing: without `events:read`.
    """
    demand(ctx.actor, Scope.EVENTS_READ)
    known = [attempt(_begun, each) for each in asked]
    return await answered(known, partial(in_groups, alike=_alike, answer=_pages))


class _Begun(msgspec.Struct, frozen=True):
    """`behind`: the number of the last that was shown."""

    asked: DifferencesOf
    behind: int


def _begun(asked: DifferencesOf) -> _Begun:
    if asked.after is None:
        return _Begun(asked, -1)
    parts = cursors.decode(cursors.DIFFERENCES, asked.of.tenant_id, asked.after, "after")
    number, comparison_id = cursors.decode_place(parts, ID_CHARACTERS, "after")
    if comparison_id != str(asked.of.id):
        raise cursors.bad("after")
    return _Begun(asked, number)


def _alike(each: _Begun) -> Hashable:
    return each.asked.of.tenant_id, each.asked.kinds, each.asked.first, each.behind


async def _pages(alike: list[_Begun]) -> list[DifferencePage]:
    first, asked = alike[0].asked.first, alike[0].asked
    rows = DifferenceTable.within(asked.of.tenant_id).filter(number__gt=alike[0].behind)
    if asked.kinds is not None:
        rows = rows.filter(kind__in=list(asked.kinds))
    keys = NewRows({"comparison_id": "uuid"}, [(each.asked.of.id,) for each in alike])
    found = await select_each(rows.order_by("number").limit(first + 1), Difference, keys)
    return [DifferencePage(each[:first], len(each) > first) for each in found]


def difference_cursor(found: Difference) -> str:
    place = found.number, str(found.comparison_id)
    return cursors.encode(cursors.DIFFERENCES, found.tenant_id, *place)


def frame_of(of: Comparison, told: dict[str, Any]) -> ComparedFrame:
    """Of one side of a difference."""
    frame = of.camera_slug, of.camera_key, told["at_us"], told["position"]
    return ComparedFrame(told["id"], *frame)
