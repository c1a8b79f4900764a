"""The one crossing from the cameras' threads to the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_WARNING = 1000


class Bridge(Generic[T]):
    """Carries values from any thread to one task on the loop.

    `deliver` never drops and never blocks: a camera's thread must not wait for a database. So
    that queue has no bound but memory; its depth is there to be watched, and each doubling above
    1,000 is logged. `offer` is for what is stale soon: its queue is bounded and drops the oldest.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, most_offers: int = 256) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._delivered: deque[T] = deque()
        self._offered: deque[T] = deque(maxlen=most_offers)
        self._bell = asyncio.Event()
        self._rung = False
        self._closed = False
        self._warn_at = _FIRST_WARNING
        self._dropped = 0

    @property
    def depth(self) -> int:
        """Delivered values that still wait."""
        return len(self._delivered)

    @property
    def dropped(self) -> int:
        """Offers that gave way to newer ones, since the start."""
        return self._dropped

    def deliver(self, value: T) -> None:
        """From any thread: it will be seen, after those that this thread delivered before.

        After `close` nobody looks any more: the value is logged as lost.
        """
        with self._lock:
            if self._closed:
                log.warning("nobody takes %s any more: it came after the end", type(value).__name__)
                return
            self._delivered.append(value)
            if len(self._delivered) >= self._warn_at:
                log.warning("%d changes wait to be written", len(self._delivered))
                self._warn_at *= 2
            self._ring()

    def offer(self, value: T) -> None:
        """From any thread: it will be seen unless many newer ones come first."""
        with self._lock:
            if self._closed:
                return
            if len(self._offered) == self._offered.maxlen:
                self._dropped += 1
            self._offered.append(value)
            self._ring()

    async def batches(self, most: int = 500) -> AsyncGenerator[list[T], None]:
        """On the loop, by one task: up to `most` values at a time, delivered ones first.

        Ends after `close`, when everything that came before it has been seen.
        """
        while True:
            batch = self._take(most)
            if batch:
                yield batch
            elif self._closed:
                return
            else:
                await self._bell.wait()

    def close(self) -> None:
        """On the loop, when the threads have been told to stop. What waits is still seen."""
        with self._lock:
            self._closed = True
        self._bell.set()

    def _take(self, most: int) -> list[T]:
        with self._lock:
            batch = [self._delivered.popleft() for _ in range(min(most, len(self._delivered)))]
            room = min(most - len(batch), len(self._offered))
            batch += [self._offered.popleft() for _ in range(room)]
            if not self._delivered:
                self._warn_at = _FIRST_WARNING
            if not batch and not self._closed:
                self._rung = False
                self._bell.clear()
            return batch

    def _ring(self) -> None:
        """Under the lock. One call to the loop does for all values until it has looked."""
        if not self._rung:
            self._rung = True
            self._loop.call_soon_threadsafe(self._bell.set)
