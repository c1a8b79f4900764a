"""`vms tenants`: customers and their plans."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

import typer

from app.installation import open_installation
from app.settings import Settings
from app.world import build_world
from models.tenant import Tenant
from resolvers import tenants
from resolvers.access import Actor, Scope
from resolvers.context import Context
from resolvers.errors import VmsError
from resolvers.features import ALL_FEATURES
from resolvers.tenants import PlanChanges

T = TypeVar("T")

tenants_app = typer.Typer(help="Tenants and their plans.", no_args_is_help=True)

UNLIMITED = "unlimited"
_SIZE = re.compile(r"(\d{1,15})(|[KMGT])B?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def count_of(text: str) -> int | None:
    """`30`, or `unlimited`. Raises BadParameter."""
    if text == UNLIMITED:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise typer.BadParameter(f"{text!r}: want a number or {UNLIMITED}")
    return int(text)


def size_of(text: str) -> int | None:
    """`500GB`, `2T` or `1000000` in bytes, by powers of 1,000; or `unlimited`."""
    found = _SIZE.fullmatch(text)
    if text == UNLIMITED:
        return None
    if found is None:
        raise typer.BadParameter(f"{text!r}: want a size like 500GB, or {UNLIMITED}")
    return int(found[1]) * int(1000 ** _POWERS[found[2].upper()])


def _option(name: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        name, help=f"{text}, or {UNLIMITED}.", metavar="NUMBER"
    )
    return option


Id = Annotated[str, typer.Argument(help="The tenant's id.")]
Limit = Annotated[int | None, typer.Option("--camera-limit", help="How many cameras it may have.")]
Features = Annotated[
    str | None,
    typer.Option(help=f"What its plan includes, of {','.join(ALL_FEATURES)}; empty for none."),
]
Days = Annotated[str | None, _option("--retention-days", "Days that footage is kept")]
Bytes = Annotated[str | None, _option("--retention-bytes", "How much footage is kept, like 500GB")]
EventDays = Annotated[str | None, _option("--event-retention-days", "Days that events are kept")]
Requests = Annotated[str | None, _option("--requests-per-minute", "Requests of its tokens")]
Connections = Annotated[str | None, _option("--connection-limit", "Open sockets of its tokens")]


@tenants_app.command("list")
def list_tenants(ctx: typer.Context) -> None:
    """Every tenant with its plan."""
    for tenant in as_platform(ctx.obj, tenants.tenants):
        _show(tenant)


@tenants_app.command()
def create(  # noqa: PLR0913 - an option for each part of a plan
    ctx: typer.Context,
    tenant_id: Id,
    *,
    camera_limit: Limit = None,
    features: Features = None,
    retention_days: Days = None,
    retention_bytes: Bytes = None,
    event_retention_days: EventDays = None,
    requests_per_minute: Requests = None,
    connection_limit: Connections = None,
) -> None:
    """A new tenant; without options it may have 16 cameras and every feature."""
    plan = _plan(ctx.params)
    _show(as_platform(ctx.obj, lambda who: tenants.tenant_create(who, tenant_id, plan)))


@tenants_app.command("set")
def set_plan(  # noqa: PLR0913 - an option for each part of a plan
    ctx: typer.Context,
    tenant_id: Id,
    *,
    camera_limit: Limit = None,
    features: Features = None,
    retention_days: Days = None,
    retention_bytes: Bytes = None,
    event_retention_days: EventDays = None,
    requests_per_minute: Requests = None,
    connection_limit: Connections = None,
) -> None:
    """Changes a plan, at once; what is not given stays. No camera is deleted."""
    plan = _plan(ctx.params)
    tenant = as_platform(ctx.obj, lambda who: tenants.tenant_update(who, tenant_id, plan))
    _show(tenant)
    used = as_platform(ctx.obj, lambda who: tenants.cameras_used(who, tenant_id))
    if (surplus := used - tenant.camera_limit) > 0:
        typer.echo(f"it has {surplus} cameras more than that: they go on, new ones are refused")


@tenants_app.command("after-restore")
def after_restore(ctx: typer.Context) -> None:
    """Once after the database came from a backup: followers of events are told of a gap."""
    as_platform(ctx.obj, tenants.after_restore)
    typer.echo("every log goes on behind all that was ever told")


def _plan(options: Mapping[str, Any]) -> PlanChanges:
    """From a command's options, which are named as a plan's parts are."""
    read: Mapping[str, Callable[[Any], Any]] = {
        "camera_limit": int,
        "features": _names,
        "retention_bytes": size_of,
    }
    given = {
        name: read.get(name, count_of)(text)
        for name in PlanChanges.__struct_fields__
        if (text := options[name]) is not None
    }
    return PlanChanges(**given)


def _names(features: str) -> list[str]:
    return [name.strip() for name in features.split(",") if name.strip()]


def _show(tenant: Tenant) -> None:
    plan = ",".join(tenant.features) or "no features"
    limits = [
        f"{words} {value}"
        for words, value in (
            ("footage days", tenant.retention_days),
            ("footage bytes", tenant.retention_bytes),
            ("event days", tenant.event_retention_days),
            ("requests a minute", tenant.requests_per_minute),
            ("connections", tenant.connection_limit),
        )
        if value is not None
    ]
    typer.echo("\t".join([tenant.id, f"camera limit {tenant.camera_limit}", plan, *limits]))


def as_platform(settings: Settings, use_case: Callable[[Context], Awaitable[T]]) -> T:
    """Runs a use case as the platform's administrator; see `acting`."""
    return acting(settings, Actor("", frozenset({Scope.PLATFORM_ADMIN})), use_case)


def acting(settings: Settings, actor: Actor, use_case: Callable[[Context], Awaitable[T]]) -> T:
    """Runs a use case on this installation's database.

    What it refuses is said in one line, and ends the program with status 1.
    """

    async def run() -> T:
        world = build_world(settings)
        async with open_installation(settings, world):
            return await use_case(Context(actor, world))

    try:
        return asyncio.run(run())
    except VmsError as error:
        typer.echo(f"vms: {error}", err=True)
        raise typer.Exit(1) from error
