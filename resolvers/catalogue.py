"""What can be detected here: the models of this installation."""

from __future__ import annotations

from media.types import ModelStatus
from resolvers.access import Scope, demand
from resolvers.context import Context


async def models(ctx: Context) -> list[ModelStatus]:
    """Every model of the catalogue. Raises ScopeMissing without `cameras:read`."""
    demand(ctx.actor, Scope.CAMERAS_READ)
    return list(ctx.world.models())
