"""Lists that tell the latest first: by a time, and by id where times are the same."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

import msgspec
from tortoise.queryset import QuerySet

from models.base import select
from resolvers import cursors

UUID_CHARACTERS = 36

ValueT = TypeVar("ValueT", bound=msgspec.Struct)


async def latest_first(
    rows: QuerySet[Any], value: type[ValueT], time: str, first: int, place: tuple[int, UUID] | None
) -> tuple[list[ValueT], bool]:
    """At most `first` behind a place, and whether there are more. `time` is the column's name."""
    rows = rows.order_by(f"-{time}", "-id")
    found: list[ValueT] = []
    if place is not None:
        at_us, id_ = place
        same = rows.filter(**{time: at_us, "id__lt": id_})
        found = await select(same.limit(first + 1), value)
        rows = rows.filter(**{f"{time}__lt": at_us})
    found += await select(rows.limit(first + 1), value)
    return found[:first], len(found) > first


def place_in(kind: str, tenant_id: str, after: str | None) -> tuple[int, UUID] | None:
    """The time and the id that a cursor of such a list tells. Raises BadCursor."""
    if after is None:
        return None
    parts = cursors.decode(kind, tenant_id, after, "after")
    at_us, id_ = cursors.decode_place(parts, UUID_CHARACTERS, "after")
    try:
        return at_us, UUID(id_)
    except ValueError as error:
        raise cursors.bad("after") from error
