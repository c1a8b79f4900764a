"""How the installation is doing as a whole, in numbers alone: nothing of any tenant's rows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import version

import msgspec
from tortoise.connection import get_connection
from tortoise.exceptions import BaseORMException
from tortoise.functions import Count

from media.types import CameraState
from models.bulk import run
from models.camera import every_camera
from models.lease import database_now_us
from models.tenant import TenantTable
from resolvers.access import Scope, demand
from resolvers.context import Context, World
from resolvers.errors import Unavailable

CHECK_SECONDS = 1.5
"""Whoever has not answered by then is unavailable."""

VERSION = version("vms")
"""Of the program that answers."""


class Component(msgspec.Struct, frozen=True):
    """A server that all processes share. `engine`: which kind of it is in use here."""

    engine: str
    available: bool


class LeaseCounts(msgspec.Struct, frozen=True):
    """Cameras that ever had a worker: held now, let lapse by a dead worker, or given back."""

    held: int
    expired: int
    free: int


async def system_version(ctx: Context) -> str:
    """Raises ScopeMissing without `platform:admin`, as all that follow."""
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    return VERSION


async def database_of(ctx: Context) -> Component:
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    return await database_component()


async def bus_of(ctx: Context) -> Component:
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    return await bus_component(ctx.world)


async def database_component() -> Component:
    connection = get_connection("default")
    engine = connection.capabilities.dialect
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await connection.execute_query("SELECT 1")
    except (TimeoutError, BaseORMException, Unavailable):
        return Component(engine, available=False)
    return Component(engine, available=True)


async def bus_component(world: World) -> Component:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return Component(await world.bus.check(), available=True)
    except (TimeoutError, Unavailable):
        return Component("redis", available=False)  # a bus inside the process is never away


async def lease_counts(ctx: Context) -> LeaseCounts:
    """Raises Unavailable when the database is away."""
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    now_us = await database_now_us(ctx.world.clock.now_us())
    [found] = await run(
        "SELECT count(*) FILTER (WHERE worker_id IS NOT NULL AND expires_us > $1) AS held, "
        "count(*) FILTER (WHERE worker_id IS NOT NULL AND expires_us <= $2) AS expired, "
        "count(*) FILTER (WHERE worker_id IS NULL) AS free FROM camera_lease",
        now_us,
        now_us,
    )
    return LeaseCounts(**found)


async def tenant_count(ctx: Context) -> int:
    """Raises Unavailable when the database is away."""
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    return await TenantTable.all().count()


async def cameras_by_status(ctx: Context) -> Mapping[CameraState, int]:
    """Of all tenants together, every state, also those of none.

    Raises:
        Unavailable: the database is away.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    rows = every_camera().annotate(count=Count("key")).group_by("status")
    found = dict(await rows.values_list("status", "count"))
    return {state: found.get(state.value, 0) for state in CameraState}
