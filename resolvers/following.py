"""What all who follow something share in one process."""

from __future__ import annotations

import asyncio
from typing import Any

from media.clock import Clock
from resolvers.access import Actor
from resolvers.expiry import Expiries
from resolvers.fanout import Group
from resolvers.fresh import Fresh
from resolvers.shared import Shared
from resolvers.tail import Tail

READING_AT_ONCE = 4
"""Followers that read pages of their own from the database: others want connections too."""


class Following:
    """Tails of logs and readings of their ends by topic, groups by what they follow."""

    def __init__(self) -> None:
        self.tails: Shared[Tail[Any]] = Shared()
        self.groups: Shared[Group[Any]] = Shared()
        self.ends: Fresh[int] = Fresh()
        self.gate = asyncio.Semaphore(READING_AT_ONCE)
        self._expiries: Shared[Expiries] = Shared()

    async def until_expired(self, actor: Actor, clock: Clock) -> None:
        """Returns when an actor's credential is over; never, if it has no end."""
        if actor.expires_us is None:
            await asyncio.Event().wait()
            return
        async with self._expiries.hold(None, lambda: Expiries(clock)) as expiries:
            await expiries.until(actor.expires_us)
