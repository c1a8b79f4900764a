"""Nested lookups in batches: one query for a level of the answer, not one for each row."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from strawberry.dataloader import DataLoader

from resolvers.cameras import cameras_by_key
from resolvers.context import Context
from resolvers.events import pages_of_cameras
from resolvers.playback import event_playbacks, playback_of_each
from resolvers.recordings import coverage_of_each, hours_of_each
from schema.cameras import Camera
from schema.context import RequestContext


def request_context(ctx: Context) -> RequestContext:
    return RequestContext(
        ctx,
        cameras=DataLoader(partial(_cameras, ctx), cache=False),
        camera_events=DataLoader(partial(pages_of_cameras, ctx), cache=False),
        coverages=DataLoader(partial(coverage_of_each, ctx), cache=False),
        hours=DataLoader(partial(hours_of_each, ctx), cache=False),
        playbacks=DataLoader(partial(playback_of_each, ctx), cache=False),
        event_playbacks=DataLoader(partial(event_playbacks, ctx), cache=False),
    )


async def _cameras(ctx: Context, keys: list[UUID]) -> list[Camera | None]:
    found = await cameras_by_key(ctx, keys)
    return [Camera(ctx, found[key]) if key in found else None for key in keys]
