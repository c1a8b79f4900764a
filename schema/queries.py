"""Query: which use case answers which field, and nothing else."""

from __future__ import annotations

from typing import Annotated

import strawberry

from resolvers import cameras, catalogue, events, room, system, tenants
from resolvers import comparisons as comparing
from resolvers import event_counts as counting
from resolvers import evidence as locks
from resolvers import exports as exporting
from resolvers import removals as removing
from resolvers.access import Scope
from resolvers.errors import NotFound
from resolvers.event_counts import MAX_ROWS
from schema import (
    event_counts,
    webhooks,
)
from schema.arguments import CameraId, EventId, TenantId
from schema.cameras import (
    Camera,
    CameraConnection,
    CameraFilter,
    Filter,
    wanted_cameras,
)
from schema.comparisons import Comparison, ComparisonConnection, ComparisonId
from schema.context import Info
from schema.event_counts import COST, Bucket, By, CountedFilter, EventCount, counts
from schema.events import Event, EventConnection, wanted_events
from schema.evidence import EvidenceLockConnection
from schema.exports import Export, ExportConnection, ExportId
from schema.fields import ANY_TOKEN, field
from schema.inputs import or_none
from schema.paging import After, First, checked_first
from schema.removals import RemovalConnection
from schema.system import Storage, System
from schema.tenants import Model, Tenant, TenantConnection, Viewer
from schema.webhooks import (
    Webhook,
)

WantedCameras = Annotated[
    CameraFilter | None, strawberry.argument(description="Which cameras; all without it.")
]
Order = Annotated[events.EventOrder, strawberry.argument(description="In which order of time.")]


@strawberry.type(description="What can be asked. Everything is of the token's own tenant.")
class Query:
    @field(description="The token that asks.", scope=ANY_TOKEN)
    async def viewer(self, info: Info) -> Viewer:
        return Viewer(await tenants.own_tenant(info.context.ctx))

    @field(description="One camera; null when there is none of this id.", scope=Scope.CAMERAS_READ)
    async def camera(self, info: Info, id: CameraId) -> Camera | None:
        try:
            ctx = info.context.ctx
            return Camera(ctx, await cameras.camera(ctx, id))
        except NotFound:
            return None

    @field(description="The cameras, oldest first.", scope=Scope.CAMERAS_READ)
    async def cameras(
        self,
        info: Info,
        filter: WantedCameras = strawberry.UNSET,
        first: First = 50,
        after: After = strawberry.UNSET,
    ) -> CameraConnection:
        ctx, wanted, place = info.context.ctx, wanted_cameras(filter), or_none(after)
        page = await cameras.cameras_page(ctx, checked_first(first), place, wanted)
        return CameraConnection(ctx, page, place)

    @field(description="One event; null when there is none of this id.", scope=Scope.EVENTS_READ)
    async def event(self, info: Info, id: EventId) -> Event | None:
        try:
            return Event(await events.event(info.context.ctx, id))
        except NotFound:
            return None

    @field(description="The events.", scope=Scope.EVENTS_READ)
    async def events(
        self,
        info: Info,
        filter: Filter = strawberry.UNSET,
        order: Order = events.EventOrder.NEWEST_FIRST,
        first: First = 50,
        after: After = strawberry.UNSET,
    ) -> EventConnection:
        ctx, wanted, place = info.context.ctx, wanted_events(filter), or_none(after)
        page = await events.events(ctx, wanted, order, checked_first(first), place)
        return EventConnection.of(page, place)

    @field(description="What can be detected here.", scope=Scope.CAMERAS_READ)
    async def models(self, info: Info) -> list[Model]:
        return [Model(each) for each in await catalogue.models(info.context.ctx)]

    @field(description="Evidence locks, also those that ended.", scope=Scope.PLAYBACK_READ)
    async def evidence_locks(
        self, info: Info, first: First = 50, after: After = strawberry.UNSET
    ) -> EvidenceLockConnection:
        place = or_none(after)
        page = await locks.evidence_locks(info.context.ctx, checked_first(first), place)
        return EvidenceLockConnection.of(page, place)

    @field(description="One export; null when there is none of this id.", scope=Scope.PLAYBACK_READ)
    async def export(self, info: Info, id: ExportId) -> Export | None:
        try:
            return Export(await exporting.export(info.context.ctx, id))
        except NotFound:
            return None

    @field(description="Exports, also of files that are gone.", scope=Scope.PLAYBACK_READ)
    async def exports(
        self, info: Info, first: First = 50, after: After = strawberry.UNSET
    ) -> ExportConnection:
        place = or_none(after)
        page = await exporting.exports(info.context.ctx, checked_first(first), place)
        return ExportConnection.of(page, place)

    @field(
        description="One comparison; null when there is none of this id.", scope=Scope.EVENTS_READ
    )
    async def comparison(self, info: Info, id: ComparisonId) -> Comparison | None:
        try:
            return Comparison(await comparing.comparison(info.context.ctx, id))
        except NotFound:
            return None

    @field(description="Comparisons of models on footage.", scope=Scope.EVENTS_READ)
    async def comparisons(
        self, info: Info, first: First = 50, after: After = strawberry.UNSET
    ) -> ComparisonConnection:
        place = or_none(after)
        page = await comparing.comparisons(info.context.ctx, checked_first(first), place)
        return ComparisonConnection.of(page, place)

    @field(
        description="What was removed of footage and events, the latest begun first.",
        scope=Scope.TENANT_ADMIN,
    )
    async def removals(
        self, info: Info, first: First = 50, after: After = strawberry.UNSET
    ) -> RemovalConnection:
        place = or_none(after)
        page = await removing.removals(info.context.ctx, checked_first(first), place)
        return RemovalConnection.of(page, place)

    @field(description=event_counts.ABOUT, scope=Scope.EVENTS_READ, cost=COST, size=MAX_ROWS)
    async def event_counts(
        self,
        info: Info,
        filter: CountedFilter,
        bucket: Bucket,
        by: By = (),  # type: ignore[assignment]
    ) -> list[EventCount]:
        wanted = wanted_events(filter)
        return counts(await counting.event_counts(info.context.ctx, wanted, bucket, by))

    @field(description="How the installation is doing.", scope=Scope.PLATFORM_ADMIN, cost=5)
    async def system(self, info: Info) -> System:
        return System(version=await system.system_version(info.context.ctx))

    @field(
        description="The disk that recordings lie on.",
        scope=Scope.PLATFORM_ADMIN,
        deprecated="Ask for `system { storage }`. Deprecated in 0.1.",
    )
    async def storage(self, info: Info) -> Storage:
        return Storage(await room.storage(info.context.ctx))

    @field(description="The webhooks, oldest first.", scope=Scope.TENANT_ADMIN, size=20)
    async def webhooks(self, info: Info) -> list[Webhook]:
        return await webhooks.listed(info.context.ctx)

    @field(description="One tenant; null when there is none.", scope=Scope.PLATFORM_ADMIN)
    async def tenant(self, info: Info, id: TenantId) -> Tenant | None:
        try:
            return Tenant(await tenants.tenant(info.context.ctx, id))
        except NotFound:
            return None

    @field(description="The tenants, by id.", scope=Scope.PLATFORM_ADMIN)
    async def tenants(
        self, info: Info, first: First = 50, after: After = strawberry.UNSET
    ) -> TenantConnection:
        place = or_none(after)
        page = await tenants.tenants_page(info.context.ctx, checked_first(first), place)
        return TenantConnection.of(page, place)
