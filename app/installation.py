"""The database of an installation, open at the version of this code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.bus_redis import RedisBus
from app.settings import Settings
from models.database import close_database, migrate_database, open_database
from resolvers import tenants
from resolvers.context import World
from resolvers.errors import Unavailable


@asynccontextmanager
async def open_installation(settings: Settings, world: World) -> AsyncIterator[None]:
    """Migrates, connects, makes sure of the default tenant; closed at the end."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        await migrate_database(settings.database)
        await open_database(settings.database, away=Unavailable)
        await tenants.ensure_default_tenant(world.clock.now_us())
        yield
    finally:
        await close_database()
        if isinstance(world.bus, RedisBus):
            await world.bus.close()
