"""Query, Mutation and Subscription: which use case answers which field, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Annotated

import strawberry
from strawberry.schema.config import StrawberryConfig

from resolvers import cameras, catalogue, events, room, system, tenants
from resolvers import event_counts as counting
from resolvers import evidence as locks
from resolvers import exports as exporting
from resolvers.access import Scope
from resolvers.camera_watch import CameraFeed
from resolvers.errors import NotFound
from resolvers.event_counts import MAX_ROWS
from resolvers.exports import ExportFeed
from resolvers.watch import EventFeed
from schema import (
    camera_changes,
    event_counts,
    evidence,
    exports,
    live,
    outside_events,
    tenant_changes,
    tokens,
    zone_changes,
)
from schema.camera_changes import (
    CameraCreateInput,
    CameraDeletePayload,
    CameraPayload,
    CameraUpdateInput,
    ProbePayload,
)
from schema.cameras import (
    Camera,
    CameraChange,
    CameraConnection,
    CameraFilter,
    Filter,
    camera_change,
    wanted_cameras,
)
from schema.context import Info
from schema.directives import describe_arguments
from schema.event_counts import COST, Bucket, By, CountedFilter, EventCount, counts
from schema.events import Event, EventConnection, EventStreamItem, stream_item, wanted_events
from schema.evidence import EvidenceLockConnection, EvidenceLockInput, EvidenceLockPayload
from schema.exports import Export, ExportConnection, ExportId, ExportPayload, WantedExport
from schema.fields import ANY_TOKEN, field, mutation, subscription
from schema.followed import Followed
from schema.inputs import or_none
from schema.live import LiveStartPayload, LiveStopPayload
from schema.outside_events import EventCreateInput, EventPayload
from schema.paging import After, First, checked_first
from schema.scalars import SCALARS, LogCursor
from schema.system import Storage, System
from schema.tenant_changes import PlanInput, TenantPayload
from schema.tenants import Model, Tenant, TenantConnection, Viewer
from schema.tokens import IssuedBefore, OfTenant, Subject, Token, TokenRevokePayload
from schema.zone_changes import ZoneInput, ZonePayload

CameraId = Annotated[strawberry.ID, strawberry.argument(description="The camera's id.")]
EventId = Annotated[strawberry.ID, strawberry.argument(description="The event's id.")]
TenantId = Annotated[strawberry.ID, strawberry.argument(description="The tenant's id.")]
ZoneId = Annotated[strawberry.ID, strawberry.argument(description="The zone's id.")]
WantedZone = Annotated[ZoneInput, strawberry.argument(description="What it shall be.")]
LockId = Annotated[strawberry.ID, strawberry.argument(description="The lock's id.")]
WantedEvent = Annotated[EventCreateInput, strawberry.argument(description="What was seen.")]
WantedLock = Annotated[EvidenceLockInput, strawberry.argument(description="What to keep.")]
WantedPlan = Annotated[PlanInput, strawberry.argument(description="What it may use.")]
WantedCameras = Annotated[
    CameraFilter | None, strawberry.argument(description="Which cameras; all without it.")
]
Order = Annotated[events.EventOrder, strawberry.argument(description="In which order of time.")]
CreateInput = Annotated[CameraCreateInput, strawberry.argument(description="What it shall be.")]
UpdateInput = Annotated[CameraUpdateInput, strawberry.argument(description="What to change.")]
SessionId = Annotated[strawberry.ID, strawberry.argument(description="The session's id.")]
Offer = Annotated[str, strawberry.argument(description="SDP: one picture in H.264, maybe sound.")]
RtspUrl = Annotated[str, strawberry.argument(description="The address to look at.")]
Resume = Annotated[
    LogCursor | None,
    strawberry.argument(description="Go on behind this step; without it, begin now."),
]


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


@strawberry.type(description="What can be changed.")
class Mutation:
    @mutation(description="A new camera; recording begins at once.", scope=Scope.CAMERAS_WRITE)
    async def camera_create(self, info: Info, input: CreateInput) -> CameraPayload:
        return await camera_changes.create(info.context.ctx, input)

    @mutation(description="Changes a camera in part.", scope=Scope.CAMERAS_WRITE)
    async def camera_update(self, info: Info, id: CameraId, input: UpdateInput) -> CameraPayload:
        return await camera_changes.update(info.context.ctx, id, input)

    @mutation(
        description=(
            "Deletes a camera: recording stops at once and its footage goes in the background; "
            "its events stay until their own retention ends."
        ),
        scope=Scope.CAMERAS_WRITE,
    )
    async def camera_delete(self, info: Info, id: CameraId) -> CameraDeletePayload:
        return await camera_changes.delete(info.context.ctx, id)

    @mutation(
        description=(
            "Adds a zone to a camera, or changes all of the one of the input's `id`. It takes hold "
            "at once, and recording goes on."
        ),
        scope=Scope.CAMERAS_WRITE,
    )
    async def zone_save(self, info: Info, camera_id: CameraId, input: WantedZone) -> ZonePayload:
        return await zone_changes.save(info.context.ctx, camera_id, input)

    @mutation(
        description="Removes a zone of a camera; events that it began keep its name.",
        scope=Scope.CAMERAS_WRITE,
    )
    async def zone_delete(self, info: Info, camera_id: CameraId, id: ZoneId) -> ZonePayload:
        return await zone_changes.delete(info.context.ctx, camera_id, id)

    @mutation(
        description=(
            "Opens an address for a moment and says what is there and what will not work. "
            "Nothing is stored."
        ),
        scope=Scope.CAMERAS_WRITE,
    )
    async def camera_probe(self, info: Info, rtsp_url: RtspUrl) -> ProbePayload:
        return await camera_changes.probe(info.context.ctx, rtsp_url)

    @mutation(
        description=(
            "Stores an event that another system tells of, once for each key: it is numbered, "
            "followed, filtered and played like our own."
        ),
        scope=Scope.EVENTS_WRITE,
    )
    async def event_create(self, info: Info, input: WantedEvent) -> EventPayload:
        return await outside_events.create(info.context.ctx, input)

    @mutation(
        description=(
            "Keeps a stretch of a camera's footage from being removed by anything, until the lock "
            "ends or is lifted."
        ),
        scope=Scope.CAMERAS_WRITE,
    )
    async def evidence_lock(
        self, info: Info, camera_id: CameraId, input: WantedLock
    ) -> EvidenceLockPayload:
        return await evidence.lock(info.context.ctx, camera_id, input)

    @mutation(description="Ends a lock; who did is kept.", scope=Scope.TENANT_ADMIN)
    async def evidence_lift(self, info: Info, id: LockId) -> EvidenceLockPayload:
        return await evidence.lift(info.context.ctx, id)

    @mutation(
        description=(
            "Has footage of some cameras made a file of: one MP4 of one camera, else a zip of "
            "several. Nothing is encoded anew."
        ),
        scope=Scope.PLAYBACK_READ,
    )
    async def export_create(self, info: Info, input: WantedExport) -> ExportPayload:
        return await exports.create(info.context.ctx, input)

    @mutation(
        description="Ends an export and removes its file; who did is kept.",
        scope=Scope.PLAYBACK_READ,
    )
    async def export_delete(self, info: Info, id: ExportId) -> ExportPayload:
        return await exports.delete(info.context.ctx, id)

    @mutation(
        description=(
            "Begins live view over WebRTC: its worker sends what the camera sends, untouched. It "
            "ends with the token at the latest."
        ),
        scope=Scope.LIVE_READ,
    )
    async def live_start(self, info: Info, camera_id: CameraId, offer: Offer) -> LiveStartPayload:
        return await live.start(info.context.ctx, camera_id, offer)

    @mutation(description="Ends a live view.", scope=Scope.LIVE_READ)
    async def live_stop(self, info: Info, id: SessionId) -> LiveStopPayload:
        return await live.stop(info.context.ctx, id)

    @mutation(
        description="A new tenant: 1 to 63 of a-z, 0-9 and -. Its tokens carry its id.",
        scope=Scope.PLATFORM_ADMIN,
    )
    async def tenant_create(self, info: Info, id: TenantId, plan: WantedPlan) -> TenantPayload:
        return await tenant_changes.create(info.context.ctx, id, plan)

    @mutation(
        description=(
            "Changes a tenant's plan in part, at once. Nothing is deleted but what the plan no "
            "longer keeps."
        ),
        scope=Scope.PLATFORM_ADMIN,
    )
    async def tenant_update(self, info: Info, id: TenantId, plan: WantedPlan) -> TenantPayload:
        return await tenant_changes.update(info.context.ctx, id, plan)

    @mutation(
        description=(
            "Ends a token before its time, wherever it is used, within a second: the one that "
            "asks; with `tenant:admin` another of its tenant, with `platform:admin` any."
        ),
        scope=ANY_TOKEN,
    )
    async def token_revoke(self, info: Info, token: Token) -> TokenRevokePayload:
        return await tokens.revoke_one(info.context.ctx, token)

    @mutation(
        description=(
            "Ends all tokens of a subject, or of everybody, that were issued before an instant; "
            "also the one that asks, where it is one of them."
        ),
        scope=Scope.TENANT_ADMIN,
    )
    async def tokens_revoke(
        self,
        info: Info,
        subject: Subject = strawberry.UNSET,
        issued_before: IssuedBefore = strawberry.UNSET,
        tenant_id: OfTenant = strawberry.UNSET,
    ) -> TokenRevokePayload:
        return await tokens.revoke_many(info.context.ctx, subject, issued_before, tenant_id)


@strawberry.type(description="What can be followed as it happens.")
class Subscription:
    @subscription(
        description=(
            "Began, changed and ended events in commit order. `after` resumes without loss or "
            "repeat."
        ),
        scope=Scope.EVENTS_READ,
    )
    def events(
        self, info: Info, filter: Filter = strawberry.UNSET, after: Resume = strawberry.UNSET
    ) -> AsyncIterable[EventStreamItem]:
        ctx = info.context.ctx
        feed = EventFeed(ctx, wanted_events(filter), or_none(after))
        return Followed(ctx, feed, stream_item)

    @subscription(
        description=(
            "First every camera as it is, then each change: no race between loading and "
            "subscribing."
        ),
        scope=Scope.CAMERAS_READ,
    )
    def cameras(self, info: Info) -> AsyncIterable[CameraChange]:
        ctx = info.context.ctx
        return Followed(ctx, CameraFeed(ctx), camera_change)

    @subscription(
        description=(
            "An export as it is, then as it goes on, until it is ready, has failed or was deleted."
        ),
        scope=Scope.PLAYBACK_READ,
    )
    def export_progress(self, info: Info, id: ExportId) -> AsyncIterable[Export]:
        ctx = info.context.ctx
        return Followed(ctx, ExportFeed(ctx, id), exports.shown)


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
)
describe_arguments(schema._schema)
