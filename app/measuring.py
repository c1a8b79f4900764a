"""What a process lets be seen of itself: what it reads of its world for Prometheus, and traces."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress

from app import metrics
from app.bus_redis import RedisBus
from app.exposition import shown_to_others
from app.settings import Settings
from app.tracing import tracing
from models.database import pool_state
from resolvers.context import World


@asynccontextmanager
async def watched_over(settings: Settings, world: World, role: str) -> AsyncIterator[None]:
    """Shows metrics of database, bus and disk, and sends traces, while the context is open.

    Raises:
        SettingsError: traces can't be sent.
    """
    async with tracing(settings, role), shown_to_others():
        with metrics.reading(lambda: _read(world)), _fields_traced(settings, role):
            yield


def _fields_traced(settings: Settings, role: str) -> AbstractContextManager[None]:
    """Where GraphQL is served and traces are sent."""
    if settings.otlp_endpoint is None or role == "worker":
        return nullcontext()
    from app.traced_fields import traced_fields

    return traced_fields()


def _read(world: World) -> None:
    pool = pool_state()
    metrics.database_up.set(pool.is_up)
    metrics.database_connections.labels("idle").set(pool.idle)
    metrics.database_connections.labels("busy").set(pool.open - pool.idle)
    metrics.bus_up.set(not (isinstance(world.bus, RedisBus) and world.bus.is_away))
    with suppress(OSError):  # readiness says what is wrong with it
        usage = shutil.disk_usage(world.store.root)
        metrics.disk_free_bytes.set(usage.free)
        metrics.disk_size_bytes.set(usage.total)
