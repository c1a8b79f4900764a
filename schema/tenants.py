"""Who asks and what their plan includes, and what this installation can detect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from media.types import ModelStatus
from resolvers.cameras import camera_count
from resolvers.features import Feature
from schema.context import Info
from schema.fields import field
from schema.scalars import Day, Instant

if TYPE_CHECKING:
    from models.tenant import Tenant


@strawberry.type(description="What a tenant may use, and how much of it is used.")
class Plan:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    @field(description="How many cameras the plan allows.")
    def camera_limit(self) -> int:
        return self._tenant.camera_limit

    @field(description="How many cameras there are.")
    async def camera_count(self, info: Info) -> int:
        return await camera_count(info.context.ctx)

    @field(description="The analytics that cameras may switch on.")
    def features(self) -> list[Feature]:
        return [Feature(name) for name in self._tenant.features]


@strawberry.type(description="The token that asks: its tenant, and what it may do.")
class Viewer:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    @field(description="The tenant whose rows this token sees.")
    def tenant_id(self) -> strawberry.ID:
        return strawberry.ID(self._tenant.id)

    @field(description="The tenant's plan and the use of it.")
    def plan(self) -> Plan:
        return Plan(self._tenant)

    @field(description="The token's scopes, like `cameras:read`.")
    def scopes(self, info: Info) -> list[str]:
        return sorted(scope.value for scope in info.context.ctx.actor.scopes)

    @field(description="When the token ends; sockets are closed then.")
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

    @field(description="Why it is not in use; null where it is.")
    def reason(self) -> str | None:
        return self._status.reason
