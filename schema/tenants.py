"""Who asks and what their plan includes, and what this installation can detect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from media.types import ModelStatus
from resolvers import tenants
from resolvers.features import Feature
from schema.context import Info
from schema.fields import OF_PARENT, field
from schema.paging import PageInfo, page_info
from schema.scalars import Bytes, Day, Instant

if TYPE_CHECKING:
    from models.tenant import Tenant as TenantValue


@strawberry.type(description="What a tenant may use, and how much of it is used.")
class Plan:
    def __init__(self, tenant: TenantValue) -> None:
        self._tenant = tenant

    @field(description="How many cameras the plan allows.")
    def camera_limit(self) -> int:
        return self._tenant.camera_limit

    @field(description="How many cameras there are.", scope=OF_PARENT, cost=300)
    async def camera_count(self, info: Info) -> int:
        return await tenants.cameras_used(info.context.ctx, self._tenant.id)

    @field(
        description=(
            "How many cameras there are beyond the limit, after it was lowered: they go on, and "
            "no new one is taken before there are fewer than the limit."
        ),
        scope=OF_PARENT,
        cost=300,
    )
    async def surplus_cameras(self, info: Info) -> int:
        used = await tenants.cameras_used(info.context.ctx, self._tenant.id)
        return max(0, used - self._tenant.camera_limit)

    @field(
        description=(
            "The analytics that are included. What a camera has switched on beyond them is not "
            "looked for until the plan includes it again."
        )
    )
    def features(self) -> list[Feature]:
        return [Feature(name) for name in self._tenant.features]

    @field(description="Days that footage is kept; null keeps it for good.")
    def retention_days(self) -> int | None:
        return self._tenant.retention_days

    @field(description="Bytes of footage that are kept, the newest; null is without a limit.")
    def retention_bytes(self) -> Bytes | None:
        kept = self._tenant.retention_bytes
        return None if kept is None else Bytes(kept)

    @field(description="Bytes of footage that there are.", scope=OF_PARENT, cost=400)
    async def recorded_bytes(self, info: Info) -> Bytes:
        return Bytes(await tenants.bytes_used(info.context.ctx, self._tenant.id))

    @field(description="Days that events are kept; null keeps them for good.")
    def event_retention_days(self) -> int | None:
        return self._tenant.event_retention_days

    @field(description="Requests that its tokens may make a minute; null is without a limit.")
    def requests_per_minute(self) -> int | None:
        return self._tenant.requests_per_minute

    @field(description="Sockets that its tokens may hold open; null is without a limit.")
    def connection_limit(self) -> int | None:
        return self._tenant.connection_limit


@strawberry.type(description="A customer: what it owns, no other tenant sees.")
class Tenant:
    def __init__(self, tenant: TenantValue) -> None:
        self._tenant = tenant

    @field(description="Its id, which its tokens carry.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(self._tenant.id)

    @field(description="What it may use, and how much of it is used, in numbers alone.")
    def plan(self) -> Plan:
        return Plan(self._tenant)

    @field(description="When it was created.")
    def created_at(self) -> Instant:
        return Instant(self._tenant.created_us)


@strawberry.type(description="A tenant in a page.")
class TenantEdge:
    node: Tenant = strawberry.field(description="The tenant.")
    cursor: str = strawberry.field(description="Its place in this list, for `after`.")


@strawberry.type(description="A page of tenants, by id.")
class TenantConnection:
    edges: list[TenantEdge] = strawberry.field(description="The tenants with their places.")
    nodes: list[Tenant] = strawberry.field(description="The tenants alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")

    @classmethod
    def of(cls, page: tenants.TenantPage, after: str | None) -> TenantConnection:
        nodes = [Tenant(each) for each in page.tenants]
        cursors = [tenants.tenant_cursor(each) for each in page.tenants]
        return cls(
            edges=[TenantEdge(node=n, cursor=c) for n, c in zip(nodes, cursors, strict=True)],
            nodes=nodes,
            page_info=page_info(cursors, page.has_next, after),
        )


@strawberry.type(description="The token that asks: its tenant, and what it may do.")
class Viewer:
    def __init__(self, tenant: TenantValue) -> None:
        self._tenant = tenant

    @field(description="The tenant whose rows this token sees.")
    def tenant_id(self) -> strawberry.ID:
        return strawberry.ID(self._tenant.id)

    @field(description="The tenant's plan and the use of it.")
    def plan(self) -> Plan:
        return Plan(self._tenant)

    @field(description="The token's scopes, like `cameras:read`.", scope=OF_PARENT)
    def scopes(self, info: Info) -> list[str]:
        return sorted(scope.value for scope in info.context.ctx.actor.scopes)

    @field(
        description="When the token ends, and its sockets with it; null when it never does.",
        scope=OF_PARENT,
    )
    def expires_at(self, info: Info) -> Instant | None:
        expires_us = info.context.ctx.actor.expires_us
        return None if expires_us is None else Instant(expires_us)


@strawberry.type(description="A detection model of the catalogue, installed or not.")
class Model:
    def __init__(self, status: ModelStatus) -> None:
        self._status = status

    @field(description="Its name in the catalogue.")
    def name(self) -> str:
        return self._status.name

    @field(description="The day it was released.")
    def version(self) -> Day:
        return Day(self._status.version)

    @field(description="What it detects.")
    def features(self) -> list[Feature]:
        return [Feature(name) for name in self._status.features]

    @field(description="Under which licence it may be used.")
    def licence(self) -> str:
        return self._status.licence

    @field(description="Whether its files are here, verified.")
    def installed(self) -> bool:
        return self._status.installed

    @field(description="Whether it is the one that detects.")
    def active(self) -> bool:
        return self._status.active

    @field(description="Where it runs, like `CPU`; null while it does not.")
    def device(self) -> str | None:
        return self._status.device

    @field(description="Why it is not in use, or not on the device asked for; else null.")
    def reason(self) -> str | None:
        return self._status.reason
