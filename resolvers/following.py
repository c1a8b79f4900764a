"""What all who follow something share in one process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from resolvers.endings import Endings, Who
from resolvers.errors import NotAuthenticated
from resolvers.fanout import Group
from resolvers.fresh import Fresh
from resolvers.identity import Identity
from resolvers.shared import Shared
from resolvers.tail import Tail

if TYPE_CHECKING:
    from resolvers.detections import LatestFrames

READING_AT_ONCE = 4
"""Followers that read pages of their own from the database: others want connections too."""


class Following:
    """Tails of logs, readings of their ends and frames by topic, groups by what they follow."""

    def __init__(self) -> None:
        self.tails: Shared[Tail[Any]] = Shared()
        self.frames: Shared[LatestFrames] = Shared()
        self.groups: Shared[Group[Any, Any]] = Shared()
        self.ends: Fresh[int] = Fresh()
        self.gate = asyncio.Semaphore(READING_AT_ONCE)
        self._endings: Shared[Endings] = Shared()

    async def until_over(self, who: Who, identity: Identity) -> NotAuthenticated:
        """Returns why an actor's credential is over, when it is."""
        async with self._endings.hold(None, lambda: Endings(identity)) as endings:
            return await endings.until(who)
