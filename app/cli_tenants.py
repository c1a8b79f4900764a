"""`vms tenants`: customers and their plans."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from app.settings import Settings
from app.world import build_world
from models.database import close_database, migrate_database, open_database
from models.tenant import Tenant
from resolvers import tenants
from resolvers.access import Actor, Scope
from resolvers.context import Context
from resolvers.errors import Unavailable, VmsError
from resolvers.features import ALL_FEATURES

T = TypeVar("T")

tenants_app = typer.Typer(help="Tenants and their plans.", no_args_is_help=True)

Limit = Annotated[int | None, typer.Option("--camera-limit", help="How many cameras it may have.")]
Features = Annotated[
    str | None,
    typer.Option(help=f"What its plan includes, of {','.join(ALL_FEATURES)}; empty for none."),
]
Id = Annotated[str, typer.Argument(help="The tenant's id.")]


@tenants_app.command("list")
def list_tenants(ctx: typer.Context) -> None:
    """Every tenant with its plan."""
    for tenant in _run(ctx.obj, tenants.tenants):
        _show(tenant)


@tenants_app.command()
def create(
    ctx: typer.Context,
    tenant_id: Id,
    camera_limit: Limit = None,
    features: Features = None,
) -> None:
    """A new tenant; without options it may have 16 cameras and every feature."""
    limit = tenants.DEFAULT_CAMERA_LIMIT if camera_limit is None else camera_limit
    plan = _names(features)
    wanted = ALL_FEATURES if plan is None else plan
    _show(_run(ctx.obj, lambda world: tenants.tenant_create(world, tenant_id, limit, wanted)))


@tenants_app.command("set")
def set_plan(
    ctx: typer.Context,
    tenant_id: Id,
    camera_limit: Limit = None,
    features: Features = None,
) -> None:
    """Changes a plan; what is not given stays."""
    plan = _names(features)
    _show(_run(ctx.obj, lambda who: tenants.tenant_update(who, tenant_id, camera_limit, plan)))


def _names(features: str | None) -> list[str] | None:
    if features is None:
        return None
    return [name.strip() for name in features.split(",") if name.strip()]


def _show(tenant: Tenant) -> None:
    plan = ",".join(tenant.features) or "no features"
    typer.echo(f"{tenant.id}\tcamera limit {tenant.camera_limit}\t{plan}")


def _run(settings: Settings, use_case: Callable[[Context], Awaitable[T]]) -> T:
    """Runs a use case as the platform's administrator on this installation's database."""

    async def run() -> T:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        world = build_world(settings)
        try:
            await migrate_database(settings.database)
            await open_database(settings.database, away=Unavailable)
            await tenants.ensure_default_tenant(world.clock.now_us())
            platform = Actor("", frozenset({Scope.PLATFORM_ADMIN}))
            return await use_case(Context(platform, world))
        finally:
            await close_database()

    try:
        return asyncio.run(run())
    except VmsError as error:
        typer.echo(f"vms: {error}", err=True)
        raise typer.Exit(1) from error
