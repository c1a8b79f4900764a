"""Wake-ups between writers and watchers. Carries no data, only "look again"."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol


def events_of(tenant_id: str) -> str:
    """Topic of a tenant's event log."""
    return f"events:{tenant_id}"


def cameras_of(tenant_id: str) -> str:
    """Topic of a tenant's camera changes."""
    return f"cameras:{tenant_id}"


def exports_of(tenant_id: str) -> str:
    """Topic of a tenant's exports: some changed."""
    return f"exports:{tenant_id}"


def comparisons_of(tenant_id: str) -> str:
    """Topic of a tenant's comparisons: some changed."""
    return f"comparisons:{tenant_id}"


CAMERA_CONFIG = "camera-config"
"""Topic for workers: some camera was created, changed or deleted, or a plan was changed."""

REVOCATIONS = "revocations"
"""Topic for every process: some token was revoked."""

RETENTION = "retention"
"""Topic for who removes footage: what is to be kept has changed."""

EXPORTS = "exports"
"""Topic for workers: some export waits to be made."""

COMPARISONS = "comparisons"
"""Topic for workers: some comparison waits to be made."""

WEBHOOKS = "webhooks"
"""Topic for who delivers: some webhook was made, changed or deleted."""


class Bus(Protocol):
    """A lost ring costs a second of latency, never data: whoever waits looks anyway."""

    async def ring(self, topic: str) -> None: ...

    def bell(self, topic: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """An event that is set at every ring while the context is open."""
        ...

    async def check(self) -> str:
        """Name of the engine; raises Unavailable when it does not answer."""
        ...


class LocalBus:
    """Bus of one process: all of it where there is no other, else its part at home."""

    def __init__(self) -> None:
        self._bells: dict[str, set[asyncio.Event]] = defaultdict(set)

    async def ring(self, topic: str) -> None:
        for bell in self._bells.get(topic, ()):
            bell.set()

    async def ring_all(self) -> None:
        """Rings every topic, when nobody knows what was missed."""
        for topic in list(self._bells):
            await self.ring(topic)

    @asynccontextmanager
    async def bell(self, topic: str) -> AsyncIterator[asyncio.Event]:
        bell = asyncio.Event()
        self._bells[topic].add(bell)
        try:
            yield bell
        finally:
            self._bells[topic].discard(bell)
            if not self._bells[topic]:
                del self._bells[topic]

    async def check(self) -> str:
        return "local"


async def wait_for_ring(bell: asyncio.Event, at_most_seconds: float) -> None:
    """Returns at the next ring, or after a while without one: then look anyway."""
    try:
        async with asyncio.timeout(at_most_seconds):
            await bell.wait()
    except TimeoutError:
        return
