"""The end of credentials that hold a connection open: their time is over, or they are revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from resolvers.access import Actor
from resolvers.errors import NotAuthenticated
from resolvers.identity import Identity

LOOK_SECONDS = 0.5

Who = Callable[[], Actor]
"""Who holds a connection now: a credential may be renewed meanwhile."""


class Endings:
    """Wakes who waits for the end of a credential: when it is revoked, or half a second after it.

    One task looks at all of them, again and again: clocks step, and machines sleep.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._waiting: dict[asyncio.Future[NotAuthenticated], Who] = {}

    async def run(self) -> None:
        while True:
            for waiting, who in self._waiting.items():
                why = self._identity.over(who())
                if why is not None and not waiting.done():
                    waiting.set_result(why)
            await self._identity.revoked.news(LOOK_SECONDS)

    def end(self, error: BaseException) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(error)

    async def until(self, who: Who) -> NotAuthenticated:
        """Returns why the credential is over, when it is."""
        why = self._identity.over(who())
        if why is not None:
            return why
        waiting: asyncio.Future[NotAuthenticated] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = who
        try:
            return await waiting
        finally:
            del self._waiting[waiting]
