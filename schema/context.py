"""What field resolvers are given: the use cases' context and this operation's loaders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from resolvers.context import Context

if TYPE_CHECKING:
    from schema.cameras import Camera


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One operation: who asks and in which world, and what is looked up in batches.

    `cameras` finds cameras by key, None for those that are gone: one query for all that the fields
    of one level ask for. It keeps nothing, as a subscription lives for long.
    """

    ctx: Context
    cameras: DataLoader[UUID, Camera | None]


Info = strawberry.Info[RequestContext, None]
