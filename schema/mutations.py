"""Mutation: which use case each field carries out, and nothing else."""

from __future__ import annotations

from typing import Annotated

import strawberry

from resolvers.access import Scope
from schema import (
    camera_changes,
    comparisons,
    event_review,
    evidence,
    exports,
    live,
    outside_events,
    tenant_changes,
    tokens,
    webhooks,
    zone_changes,
)
from schema.arguments import CameraId, EventId, LockId, SessionId, TenantId, WebhookId, ZoneId
from schema.camera_changes import (
    CameraCreateInput,
    CameraDeletePayload,
    CameraPayload,
    CameraUpdateInput,
    ProbePayload,
)
from schema.comparisons import ComparisonId, ComparisonPayload, WantedComparison
from schema.context import Info
from schema.event_review import EventReviewPayload, ReviewInput
from schema.evidence import EvidenceLockInput, EvidenceLockPayload
from schema.exports import ExportId, ExportPayload, WantedExport
from schema.fields import ANY_TOKEN, mutation
from schema.live import LiveStartPayload, LiveStopPayload
from schema.outside_events import EventCreateInput, EventPayload
from schema.tenant_changes import PlanInput, TenantPayload
from schema.tokens import IssuedBefore, OfTenant, Subject, Token, TokenRevokePayload
from schema.webhooks import (
    WebhookDeletePayload,
    WebhookInput,
    WebhookPayload,
    WebhookTestPayload,
)
from schema.zone_changes import ZoneInput, ZonePayload

WantedWebhook = Annotated[WebhookInput, strawberry.argument(description="What it shall be.")]
WantedZone = Annotated[ZoneInput, strawberry.argument(description="What it shall be.")]
WantedEvent = Annotated[EventCreateInput, strawberry.argument(description="What was seen.")]
WantedReview = Annotated[ReviewInput, strawberry.argument(description="What it was.")]
WantedLock = Annotated[EvidenceLockInput, strawberry.argument(description="What to keep.")]
WantedPlan = Annotated[PlanInput, strawberry.argument(description="What it may use.")]
CreateInput = Annotated[CameraCreateInput, strawberry.argument(description="What it shall be.")]
UpdateInput = Annotated[CameraUpdateInput, strawberry.argument(description="What to change.")]
Offer = Annotated[str, strawberry.argument(description="SDP: one picture in H.264, maybe sound.")]
RtspUrl = Annotated[str, strawberry.argument(description="The address to look at.")]


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
            "Says of an event that it was seen, or was a false alarm. All who follow events are "
            "told, by a `CHANGED` step."
        ),
        scope=Scope.EVENTS_WRITE,
    )
    async def event_review(
        self, info: Info, id: EventId, input: WantedReview
    ) -> EventReviewPayload:
        return await event_review.review(info.context.ctx, id, input)

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
            "Has recorded footage looked at again, with another model or threshold, and compares "
            "what it would have told. Live detection goes first, and no event is touched."
        ),
        scope=Scope.CAMERAS_WRITE,
    )
    async def comparison_create(self, info: Info, input: WantedComparison) -> ComparisonPayload:
        return await comparisons.create(info.context.ctx, input)

    @mutation(
        description="Ends a comparison, also while it is made, and forgets what it found.",
        scope=Scope.CAMERAS_WRITE,
    )
    async def comparison_delete(self, info: Info, id: ComparisonId) -> ComparisonPayload:
        return await comparisons.delete(info.context.ctx, id)

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

    @mutation(
        description=(
            "A new webhook, told of what comes from now on; or all of the one of the input's `id` "
            "anew, which goes on where it was."
        ),
        scope=Scope.TENANT_ADMIN,
    )
    async def webhook_save(self, info: Info, input: WantedWebhook) -> WebhookPayload:
        return await webhooks.save(info.context.ctx, input)

    @mutation(description="Ends a webhook; nothing more is sent.", scope=Scope.TENANT_ADMIN)
    async def webhook_delete(self, info: Info, id: WebhookId) -> WebhookDeletePayload:
        return await webhooks.delete(info.context.ctx, id)

    @mutation(
        description="Sends a message of type `webhook.test` now, once, and says what came of it.",
        scope=Scope.TENANT_ADMIN,
    )
    async def webhook_test(self, info: Info, id: WebhookId) -> WebhookTestPayload:
        return await webhooks.test(info.context.ctx, id)
