"""Waiting for a playlist to grow: one look at its file for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

from resolvers.shared import Shared

LOOK_SECONDS = 0.1
MOST_WAITING = 1_000
"""In one process; who comes then is answered at once, and reads again as players do anyway."""

Stamp = Callable[[], object]
"""Blocking: something that is another thing after each change."""


class Growth:
    """A `resolvers.shared.Running` that looks at a stamp, and says when it changes."""

    def __init__(self, stamp: Stamp, seen: object) -> None:
        self._stamp, self._seen = stamp, seen
        self.next_change = asyncio.Event()
        """Set at the next change, and another one from then on: take it before looking."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = await asyncio.to_thread(self._stamp)
            if now != self._seen:
                self._seen = now
                self._tell()

    def _tell(self) -> None:
        told, self.next_change = self.next_change, asyncio.Event()
        told.set()

    def end(self, error: BaseException) -> None:
        self._tell()


class Reloads:
    """Who waits in this process."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._growths: Shared[Growth] = Shared()
        self.waiting = 0

    @property
    def watched(self) -> int:
        """How many files are looked at."""
        return len(self._growths)

    @asynccontextmanager
    async def watch(self, place: Hashable, stamp: Stamp) -> AsyncIterator[Growth | None]:
        """The growth of what `place` names; None when as many wait as there may."""
        if self.waiting >= self._most:
            yield None
            return
        self.waiting += 1
        try:
            seen = await asyncio.to_thread(stamp)
            async with self._growths.hold(place, lambda: Growth(stamp, seen)) as growth:
                yield growth
        finally:
            self.waiting -= 1
