"""Who asks over one connection, and until when: a credential that may be renewed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resolvers.context import Context
from resolvers.errors import NotAuthenticated
from resolvers.fanout import Follower


class Session:
    """Invariant: whoever is followed for here sees what `ctx` may see, and no longer."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._followers: set[Follower[Any, str]] = set()

    def renew(self, ctx: Context) -> None:
        """Goes on until another credential is over; the one before no longer matters.

        Raises:
            NotAuthenticated: that is another actor, or one of other rights.
        """
        if ctx.actor.rights != self.ctx.actor.rights:
            raise NotAuthenticated("a token of other rights needs a connection of its own")
        self.ctx = ctx
        for each in self._followers:
            each.leave()  # and goes on as the new one

    @contextmanager
    def following(self, follower: Follower[Any, str]) -> Iterator[None]:
        self._followers.add(follower)
        try:
            yield
        finally:
            self._followers.discard(follower)

    async def until_over(self) -> NotAuthenticated:
        """Returns why the last credential is over, when it is."""
        world = self.ctx.world
        return await world.following.until_over(lambda: self.ctx.actor, world.identity)
