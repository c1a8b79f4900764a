"""One reading for all who want it at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """Readings by key. Nobody is given one that began before they asked.

    Invariant: `_next` holds readings that have not begun, `_last` for each of their keys the one
    that is to end before.
    """

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Task[T]] = {}
        self._last: dict[Hashable, asyncio.Task[T]] = {}

    async def read(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` gives, for this caller or for others too; raises what it raises."""
        reading = self._next.get(key)
        if reading is None:
            reading = self._next[key] = asyncio.create_task(self._read(key, read))
        return await asyncio.shield(reading)

    async def _read(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        if (last := self._last.get(key)) is not None:
            await asyncio.wait({last})
        own = self._last[key] = self._next.pop(key)
        try:
            return await read()
        finally:
            if self._last[key] is own and key not in self._next:
                del self._last[key]
