"""Nested lookups in batches: one query for a level of the answer, not one for each row."""

from __future__ import annotations

from uuid import UUID

from resolvers.cameras import cameras_by_key
from resolvers.context import Context
from schema.cameras import Camera
from schema.context import RequestContext


def request_context(ctx: Context) -> RequestContext:
    return RequestContext(ctx, _cameras)


async def _cameras(ctx: Context, keys: list[UUID]) -> list[Camera | None]:
    found = await cameras_by_key(ctx, keys)
    return [Camera(ctx, found[key]) if key in found else None for key in keys]
