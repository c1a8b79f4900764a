"""What can be detected here: the models of this installation."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from media.types import ModelStatus
from models.lease import WorkerTable, database_now_us
from resolvers.access import Scope, demand
from resolvers.context import Context, World
from resolvers.feature_states import FeatureState, feature_states

HEARD_OF_US = 60 * 1_000_000
"""Workers that were silent for longer detect nothing."""


async def models(ctx: Context) -> Sequence[ModelStatus]:
    """Every model of the catalogue. Raises ScopeMissing without `cameras:read`."""
    demand(ctx.actor, Scope.CAMERAS_READ)
    return await known_models(ctx.world)


async def states_of(ctx: Context, features: Sequence[str]) -> list[FeatureState]:
    """How these features are to be had here, one for each. Raises ScopeMissing likewise."""
    return feature_states(await models(ctx), features)


async def known_models(world: World) -> Sequence[ModelStatus]:
    """Those of this process; where it runs none, what its workers said, one in use first.

    Raises:
        Unavailable: the database is away.
    """
    own = world.models()
    if own:
        return own
    since = await database_now_us(world.clock.now_us()) - HEARD_OF_US
    told = await WorkerTable.filter(seen_us__gt=since).values_list("models", flat=True)
    found: dict[str, ModelStatus] = {}
    for each in told:
        for status in msgspec.convert(each or [], list[ModelStatus]):
            if status.name not in found or status.active:
                found[status.name] = status
    return sorted(found.values(), key=lambda status: not status.active)
