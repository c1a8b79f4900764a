"""What is of use only at once, from workers to whoever listens just now: carried, never kept.

Unlike a ring of the bus it holds something, and losing it loses that: so it is for what will be
replaced in a moment anyway.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

KEPT_WORDS = 16
"""For a listener that does not keep up; then it loses the oldest."""


def detections_of(tenant_id: str, camera_id: str) -> str:
    """Topic of what is followed in a camera's picture."""
    return f"detections:{tenant_id}:{camera_id}"


class Listener:
    """The latest words of one topic."""

    def __init__(self) -> None:
        self._words: deque[bytes] = deque(maxlen=KEPT_WORDS)
        self._news = asyncio.Event()

    def hear(self, words: bytes) -> None:
        self._words.append(words)
        self._news.set()

    async def take(self) -> Sequence[bytes]:
        """What came since the last time, oldest first, once there is something."""
        await self._news.wait()
        self._news.clear()
        taken = list(self._words)
        self._words.clear()
        return taken


class Broadcast(Protocol):
    async def send(self, topic: str, words: bytes) -> bool:
        """Gives words to all who listen now, waiting for none; whether anybody does."""
        ...

    def listen(self, topic: str) -> AbstractAsyncContextManager[Listener]: ...


class LocalBroadcast:
    """Of one process: all of it where there is no other, else its part at home."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = defaultdict(set)

    @property
    def topics(self) -> frozenset[str]:
        """Those that somebody listens to."""
        return frozenset(self._listeners)

    async def send(self, topic: str, words: bytes) -> bool:
        return self.give(topic, words)

    def give(self, topic: str, words: bytes) -> bool:
        listeners = self._listeners.get(topic, ())
        for each in listeners:
            each.hear(words)
        return bool(listeners)

    @asynccontextmanager
    async def listen(self, topic: str) -> AsyncIterator[Listener]:
        listener = Listener()
        self._listeners[topic].add(listener)
        try:
            yield listener
        finally:
            self._listeners[topic].discard(listener)
            if not self._listeners[topic]:
                del self._listeners[topic]
