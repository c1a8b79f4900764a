"""Tenants and their plans."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F
from tortoise.functions import Sum

from models.base import select
from models.camera import CameraTable
from models.recording import RecordingHourTable
from models.tenant import Tenant, TenantTable
from resolvers import cursors
from resolvers.access import Scope, demand
from resolvers.bus import CAMERA_CONFIG, RETENTION
from resolvers.context import Context
from resolvers.errors import Conflict, FieldError, InvalidInput, NotFound
from resolvers.features import ALL_FEATURES

DEFAULT_TENANT = "default"
DEFAULT_CAMERA_LIMIT = 16
MAX_CAMERA_LIMIT = 100_000
MAX_ID_CHARACTERS = 63
MAX_DAYS = 36_500
MAX_BYTES = 1 << 53
MAX_REQUESTS = 10_000_000
RESTORE_SKIP = 1_000_000

_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_LONGEST = {
    "retention_days": MAX_DAYS,
    "retention_bytes": MAX_BYTES,
    "event_retention_days": MAX_DAYS,
    "requests_per_minute": MAX_REQUESTS,
    "connection_limit": MAX_REQUESTS,
}
"""Of each number that null frees of its limit, the most; 1 is the least."""


class PlanChanges(msgspec.Struct, frozen=True):
    """What to change of a plan: unset stays as it is, None is without a limit."""

    camera_limit: int | UnsetType = UNSET
    features: Sequence[str] | UnsetType = UNSET
    retention_days: int | UnsetType | None = UNSET
    retention_bytes: int | UnsetType | None = UNSET
    event_retention_days: int | UnsetType | None = UNSET
    requests_per_minute: int | UnsetType | None = UNSET
    connection_limit: int | UnsetType | None = UNSET

    def given(self) -> dict[str, object]:
        """The fields that are set, features without repeats."""
        named = {name: getattr(self, name) for name in self.__struct_fields__}
        found = {name: value for name, value in named.items() if value is not UNSET}
        if self.features:
            found["features"] = list(dict.fromkeys(self.features))
        return found


class TenantPage(msgspec.Struct, frozen=True):
    tenants: list[Tenant]
    has_next: bool


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


async def tenant(ctx: Context, tenant_id: str) -> Tenant:
    """One tenant, whoever asks from wherever.

    Raises:
        ScopeMissing: without `platform:admin`.
        NotFound: no such tenant.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    return await tenant_by_id(tenant_id)


async def cameras_used(ctx: Context, tenant_id: str) -> int:
    """How many cameras count against a plan: whoever has a token of the tenant may know it.

    Raises:
        ScopeMissing: another tenant's, without `platform:admin`.
    """
    _demand_plan(ctx, tenant_id)
    return await CameraTable.within(tenant_id).count()


async def bytes_used(ctx: Context, tenant_id: str) -> int:
    """How many bytes of footage there are. Raises like `cameras_used`."""
    _demand_plan(ctx, tenant_id)
    rows = RecordingHourTable.within(tenant_id).annotate(n=Sum("size_bytes"))
    (found,) = await rows.values_list("n", flat=True)
    return int(str(found or 0))


def _demand_plan(ctx: Context, tenant_id: str) -> None:
    if tenant_id != ctx.actor.tenant_id:
        demand(ctx.actor, Scope.PLATFORM_ADMIN)


async def tenants(ctx: Context) -> list[Tenant]:
    """Every tenant by id. Raises ScopeMissing without `platform:admin`."""
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    return await select(TenantTable.all().order_by("id"), Tenant)


async def tenants_page(ctx: Context, first: int, after: str | None) -> TenantPage:
    """At most `first` tenants by id, after a cursor of `tenant_cursor`.

    Raises:
        ScopeMissing: without `platform:admin`.
        BadCursor: `after` is none of ours.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    rows = TenantTable.all().order_by("id")
    if after is not None:
        rows = rows.filter(id__gt=cursors.decode_name(after, MAX_ID_CHARACTERS, "after"))
    found = await select(rows.limit(first + 1), Tenant)
    return TenantPage(found[:first], len(found) > first)


def tenant_cursor(tenant: Tenant) -> str:
    return cursors.encode_name(tenant.id)


async def tenant_create(ctx: Context, tenant_id: str, plan: PlanChanges) -> Tenant:
    """A new tenant. Unset, its plan has 16 cameras, every feature, and no other limit.

    Raises:
        ScopeMissing: without `platform:admin`.
        InvalidInput: names each field that is wrong.
        Conflict: the id is taken.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    given = {"camera_limit": DEFAULT_CAMERA_LIMIT, "features": ALL_FEATURES, **plan.given()}
    _check(tenant_id, given)
    row = TenantTable(id=tenant_id, created_us=ctx.world.clock.now_us(), **given)
    try:
        await row.save(force_create=True)
    except IntegrityError as error:
        raise Conflict("id", f"tenant {tenant_id} exists") from error
    return await tenant_by_id(tenant_id)


async def tenant_update(ctx: Context, tenant_id: str, changes: PlanChanges) -> Tenant:
    """Changes a plan, at once. A lowered camera limit deletes no camera; it refuses new ones.

    What is taken from the features stops being detected; cameras keep the wish, so that giving it
    back brings it back. Lowered retention deletes with the next pass.

    Raises:
        ScopeMissing: without `platform:admin`.
        InvalidInput: names each field that is wrong.
        NotFound: no such tenant.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    await tenant_by_id(tenant_id)
    given = changes.given()
    _check(tenant_id, given)
    if given:
        await TenantTable.filter(id=tenant_id).update(**given)
        await ctx.world.bus.ring(CAMERA_CONFIG)
        await ctx.world.bus.ring(RETENTION)
    return await tenant_by_id(tenant_id)


async def after_restore(ctx: Context) -> None:
    """To be called once when the database came from a backup: no number is given out twice.

    Who followed a log before the restore may hold a cursor ahead of it. Every log goes on a million
    numbers later, and whoever resumes is told of the gap.

    Raises:
        ScopeMissing: without `platform:admin`.
    """
    demand(ctx.actor, Scope.PLATFORM_ADMIN)
    await TenantTable.all().update(
        event_floor=F("event_seq") + RESTORE_SKIP,
        event_seq=F("event_seq") + RESTORE_SKIP,
        camera_seq=F("camera_seq") + RESTORE_SKIP,
    )


def _check(tenant_id: str, given: dict[str, object]) -> None:
    wrong = []
    if not _TENANT_ID.fullmatch(tenant_id):
        wrong.append(FieldError("id", "want 1-63 of a-z, 0-9 and -, beginning with no dash"))
    limit = given.get("camera_limit", 0)
    if not (isinstance(limit, int) and 0 <= limit <= MAX_CAMERA_LIMIT):
        wrong.append(FieldError("camera_limit", f"want 0 to {MAX_CAMERA_LIMIT}"))
    wanted = given.get("features", [])
    if not isinstance(wanted, list):
        wrong.append(FieldError("features", "must not be null"))
    elif unknown := sorted(set(wanted) - set(ALL_FEATURES)):
        message = f"{', '.join(unknown)}: not among {', '.join(ALL_FEATURES)}"
        wrong.append(FieldError("features", message))
    for name, longest in _LONGEST.items():
        number = given.get(name)
        if number is not None and not (isinstance(number, int) and 1 <= number <= longest):
            wrong.append(FieldError(name, f"want 1 to {longest}, or nothing for no limit"))
    if wrong:
        raise InvalidInput(*wrong)
