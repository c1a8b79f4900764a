"""The database of an installation, open at the version of this code."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tortoise.exceptions import BaseORMException

from app.broadcast_redis import RedisBroadcast
from app.bus_redis import RedisBus
from app.connections_redis import RedisConnections
from app.footage_client import FootageClient
from app.live_client import LiveClient, LiveNearby
from app.settings import Settings
from app.webhook_sender import HttpSender
from models.database import DatabaseUnusable, close_database, migrate_database, open_database
from models.event_days import make_event_days
from models.tasks import end
from resolvers import tenants
from resolvers.context import World
from resolvers.errors import Unavailable

log = logging.getLogger(__name__)

MAKE_DAYS_SECONDS = 3600.0


@asynccontextmanager
async def open_installation(settings: Settings, world: World) -> AsyncIterator[None]:
    """Connects, makes sure of the default tenant and of the days to come; closed at the end.

    From the first moment on it is known which tokens are revoked.

    The embedded database is brought up to date. PostgreSQL serves other processes, so an operator
    says when that happens.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    tasks: list[asyncio.Task[None]] = []
    try:
        if settings.database.startswith("sqlite://"):
            await migrate_database(settings.database)
        await open_database(settings.database, away=Unavailable)
        try:
            await tenants.ensure_default_tenant(world.clock.now_us())
            await world.identity.revoked.look()
        except Unavailable as error:
            raise DatabaseUnusable(f"the database cannot be used: {error}") from error
        tasks += _kept_running(world)
        yield
    finally:
        await end(*tasks)
        await close_database()
        await _let_go(world)


async def _let_go(world: World) -> None:
    """Of what lies outside this process."""
    if isinstance(world.quota.connections, RedisConnections):
        await world.quota.connections.aclose()
    if isinstance(world.broadcast, RedisBroadcast):
        await world.broadcast.close()
    if isinstance(world.bus, RedisBus):
        await world.bus.close()
    if isinstance(world.far, FootageClient):
        await world.far.close()
    if isinstance(world.live, LiveClient | LiveNearby):
        await world.live.close()
    if isinstance(world.webhooks, HttpSender):
        await world.webhooks.close()


def _kept_running(world: World) -> list[asyncio.Task[None]]:
    """What every process does beside its own work, each until it is cancelled."""
    tasks = [
        asyncio.create_task(_keep_making_days(world), name="event-days"),
        asyncio.create_task(world.identity.revoked.run(world.bus), name="revocations"),
    ]
    connections = world.quota.connections
    if isinstance(connections, RedisConnections):
        tasks.append(asyncio.create_task(connections.run(), name="connections"))
    return tasks


async def _keep_making_days(world: World) -> None:
    """Until it is cancelled. Events of a day that could not be made have a place all the same."""
    while True:
        try:
            await make_event_days(world.clock.now_us())
        except (Unavailable, BaseORMException) as error:
            log.warning("the days of the event table are made later: %s", error)
        await asyncio.sleep(MAKE_DAYS_SECONDS)
