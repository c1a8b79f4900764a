"""Other hosts for tests: workers with stores of their own, their internal ports really served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import httpx

from app.calls import CallKey
from app.footage_client import TIMEOUT, FootageClient
from app.worker_port import PortOptions, WorkerPort
from media.clock import Clock, SystemClock
from media.store import RecordingStore
from models.lease import WorkerTable
from resolvers.context import World

KEY = CallKey("g" * 32, SystemClock())
IMPATIENT = httpx.Timeout(0.3)


class HandClock(SystemClock):
    """The system's wall time; the monotonic one moves by hand."""

    def __init__(self) -> None:
        self.at_us = 1_000_000_000

    def monotonic_us(self) -> int:
        return self.at_us


@dataclass(slots=True)
class Host:
    """A host with a worker. `world` is the installation as that worker sees it."""

    world: World
    base: str = ""
    _running: asyncio.Task[None] | None = None
    _stop: asyncio.Event | None = None

    async def start(self, key: CallKey = KEY) -> None:
        """Opens the port, and has the worker register its address."""
        told: asyncio.Queue[str] = asyncio.Queue()
        self._stop = asyncio.Event()
        port = WorkerPort(self.world.store, key, PortOptions("127.0.0.1", 0), told.put_nowait)
        self._running = asyncio.create_task(port.run(self._stop))
        self.base = await told.get()
        await register(self.world, self.base)

    async def stop(self) -> None:
        """The port closes; the tables still have its address."""
        if self._stop is not None and self._running is not None:
            self._stop.set()
            await self._running


async def register(world: World, base: str) -> None:
    now_us = world.clock.now_us()
    await WorkerTable.create(
        id=uuid4(),
        name=base,
        address=base,
        store_id=world.store.store_id,
        started_us=now_us,
        seen_us=now_us,
    )


@asynccontextmanager
async def host(world: World, folder: Path) -> AsyncIterator[Host]:
    """A worker with its recordings in `folder`, on the world's database."""
    made = Host(replace(world, store=RecordingStore(folder, world.store.hour_seconds)))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@asynccontextmanager
async def asking(
    world: World, clock: Clock | None = None, limits: httpx.Timeout = TIMEOUT
) -> AsyncIterator[World]:
    """The world of an API process that asks workers for what its own store lacks."""
    client = FootageClient(KEY, clock or world.clock, limits)
    try:
        yield replace(world, far=client)
    finally:
        await client.close()
