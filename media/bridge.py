"""The one crossing from the cameras' threads to the event loop."""

from __future__ import annotations

import asyncio
import threading


class Bridge:
    """A bell that any thread rings and one task on the loop hears.

    It carries nothing. Who puts something where the task looks and then rings can be sure that the
    task looks after that; and a thing is put and rung for without ever waiting for the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._bell = asyncio.Event()
        self._rung = False

    def ring(self) -> None:
        """From any thread while the loop runs: one call to the loop for all rings until heard."""
        with self._lock:
            if self._rung:
                return
            self._rung = True
            self._loop.call_soon_threadsafe(self._bell.set)

    async def heard(self, at_most_seconds: float) -> None:
        """On the loop, by one task: returns at a ring, or after a while without one; then look."""
        try:
            async with asyncio.timeout(at_most_seconds):
                await self._bell.wait()
        except TimeoutError:
            return
        with self._lock:
            self._rung = False
            self._bell.clear()
