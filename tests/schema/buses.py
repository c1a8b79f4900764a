"""A bus that knows how many wait at it: for tests of what ends when a client goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from resolvers.bus import LocalBus


class CountingBus(LocalBus):
    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0

    @asynccontextmanager
    async def bell(self, topic: str) -> AsyncIterator[asyncio.Event]:
        async with super().bell(topic) as bell:
            self.waiting += 1
            try:
                yield bell
            finally:
                self.waiting -= 1

    async def until(self, waiting: int) -> None:
        """Returns when so many wait; TimeoutError when that takes more than 10 s."""
        async with asyncio.timeout(30):
            while self.waiting != waiting:
                await asyncio.sleep(0.01)
