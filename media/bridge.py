"""The one crossing from cameras' threads to the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator

from media.types import MediaChange

log = logging.getLogger(__name__)

BATCH = 500
WARN_DEPTH = 10_000
"""Some 2 MB of changes: minutes of a database that is away, with hundreds of cameras."""


class Bridge:
    """Changes from any thread, taken in order and in batches by one task of the loop.

    `deliver` never blocks a camera and never drops: what waits is small and is footage's only
    way into the database. Iteration ends when the bridge is closed and empty.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: deque[MediaChange] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self._warned = False

    @property
    def depth(self) -> int:
        """How many changes wait."""
        return len(self._waiting)

    def deliver(self, change: MediaChange) -> None:
        """Takes one change; from any thread, also after `close` while the loop still drains."""
        with self._lock:
            self._waiting.append(change)
            first = len(self._waiting) == 1
            warn = len(self._waiting) >= WARN_DEPTH and not self._warned
            self._warned = self._warned or warn
        if warn:
            log.warning("%d changes wait for the database", WARN_DEPTH)
        if first:
            self._wake()

    def close(self) -> None:
        """No more is to come; what waits is still given out."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:  # the loop has ended: a camera's thread that outlived it says goodbye
            log.warning("%d changes came after the end", len(self._waiting))

    async def __aiter__(self) -> AsyncIterator[list[MediaChange]]:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while batch := self._take():
                yield batch
            if self._closed:
                return

    def _take(self) -> list[MediaChange]:
        with self._lock:
            count = min(BATCH, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            self._warned = self._warned and len(self._waiting) > 0
        return batch
