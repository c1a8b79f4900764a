"""Tenants and their plans."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tortoise.exceptions import IntegrityError

from models.base import select
from models.tenant import Tenant, TenantTable
from resolvers.access import Scope, demand
from resolvers.context import Context
from resolvers.errors import Conflict, FieldError, InvalidInput, NotFound
from resolvers.features import ALL_FEATURES

DEFAULT_TENANT = "default"
DEFAULT_CAMERA_LIMIT = 16
MAX_CAMERA_LIMIT = 100_000

_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


async def ensure_default_tenant(now_us: int) -> None:
    """The tenant `default` exists from the start with every feature."""
    await TenantTable.get_or_create(
        id=DEFAULT_TENANT,
        defaults={
            "camera_limit": DEFAULT_CAMERA_LIMIT,
            "features": ALL_FEATURES,
            "created_us": now_us,
        },
    )


async def own_tenant(ctx: Context) -> Tenant:
    """The caller's tenant. Raises NotFound when the token names one that does not exist."""
    return await tenant_by_id(ctx.actor.tenant_id)


async def tenant_by_id(tenant_id: str) -> Tenant:
    possible = _TENANT_ID.fullmatch(tenant_id)  # tables refuse to look for what is too long
    found = await select(TenantTable.filter(id=tenant_id), Tenant) if possible else []
    if not found:
        raise NotFound(f"there is no tenant {tenant_id!r}")
    return found[0]


async def tenants(ctx: Context) -> list[Tenant]:
    """Every tenant by id. Raises ScopeMissing without `platform:admin`."""
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    return await select(TenantTable.all().order_by("id"), Tenant)


async def tenant_create(
    ctx: Context, tenant_id: str, camera_limit: int, features: Sequence[str]
) -> Tenant:
    """A new tenant.

    Raises:
        ScopeMissing: without `platform:admin`.
        InvalidInput: id, limit or a feature is wrong.
        Conflict: the id is taken.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    _check(tenant_id, camera_limit, features)
    try:
        await TenantTable.create(
            id=tenant_id,
            camera_limit=camera_limit,
            features=list(features),
            created_us=ctx.world.clock.now_us(),
        )
    except IntegrityError as error:
        raise Conflict("id", f"tenant {tenant_id} exists") from error
    return await tenant_by_id(tenant_id)


async def tenant_update(
    ctx: Context,
    tenant_id: str,
    camera_limit: int | None = None,
    features: Sequence[str] | None = None,
) -> Tenant:
    """Changes a plan; what is None stays. A lowered limit deletes no camera.

    Raises:
        ScopeMissing: without `platform:admin`.
        InvalidInput: limit or a feature is wrong.
        NotFound: no such tenant.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    known = await tenant_by_id(tenant_id)
    limit = known.camera_limit if camera_limit is None else camera_limit
    plan = list(known.features if features is None else features)
    _check(tenant_id, limit, plan)
    await TenantTable.filter(id=tenant_id).update(camera_limit=limit, features=plan)
    return await tenant_by_id(tenant_id)


def _check(tenant_id: str, camera_limit: int, features: Sequence[str]) -> None:
    wrong = []
    if not _TENANT_ID.fullmatch(tenant_id):
        wrong.append(FieldError("id", "want 1-63 of a-z, 0-9 and -, beginning with no dash"))
    if not 0 <= camera_limit <= MAX_CAMERA_LIMIT:
        wrong.append(FieldError("camera_limit", f"want 0 to {MAX_CAMERA_LIMIT}"))
    unknown = sorted(set(features) - set(ALL_FEATURES))
    if unknown:
        message = f"{', '.join(unknown)}: not among {', '.join(ALL_FEATURES)}"
        wrong.append(FieldError("features", message))
    if wrong:
        raise InvalidInput(*wrong)
